"""Acceptance scenarios of the pipeline model that are about stages: which start, wait, or are skipped, and why.

A hand moves the tasks, so every moment of a pipeline can be looked at.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders import Json, World, stage, task
from tests.hand import Hand, Word

SQL = "SELECT 1"


class Board:
    """An issue with explicit stages in dev, one task each unless said otherwise; tasks bear their stages' names."""

    def __init__(self, world: World, hand: Hand, issue: Json) -> None:
        self.world = world
        self.hand = hand
        self.issue = issue

    @classmethod
    async def of(cls, world: World, stages: dict[str, Json], tasks: dict[str, int] | None = None, **more: Any) -> Board:
        """File it; ``tasks`` says how many tasks a stage has: they are called ``name1``, ``name2`` and so on."""
        bodies = []
        for name, settings in stages.items():
            count = (tasks or {}).get(name, 1)
            names = [name] if count == 1 else [f"{name}{n}" for n in range(1, count + 1)]
            targets = zip(names, await world.unmade(count), strict=True)
            bodies.append(stage(name, "dev", *[task(target, name=n) for n, target in targets], **settings))
        await world.sql("UPDATE instance SET max_running_tasks = 64")
        issue = await world.file_stages(SQL, *bodies, **more)
        return cls(world, await Hand(world.database).register(), issue)

    async def starts(self, *names: str) -> None:
        """Exactly these start now."""
        assert await self.hand.take() == sorted(names)

    async def ends(self, **words: Word) -> None:
        """These end so."""
        await self.hand.end(words)

    async def shows(self, **statuses: str) -> None:
        """These have these statuses; a skip is shown by its reason."""
        found = {t["name"]: t["skip_reason"] or t["status"] for t in await self.world.tasks(self.issue)}
        assert {name: found[name] for name in statuses} == statuses

    async def result(self) -> str:
        """The pipeline's result."""
        return str((await self.world.issue(self.issue))["pipeline"]["result"])


async def test_01_explicit_stages_run_at_once(calm: World) -> None:
    board = await Board.of(calm, {"a": {}, "b": {}})
    assert board.issue["pipeline"]["order"] == "parallel"
    await board.starts("a", "b")


async def test_03_and_04_fan_out_and_fan_in(calm: World) -> None:
    board = await Board.of(
        calm,
        {
            "frontend": {},
            "backend": {},
            "publish_frontend": {"needs": ["frontend"]},
            "publish_backend": {"needs": ["backend"]},
            "notify": {"needs": ["publish_frontend", "publish_backend"]},
        },
    )
    await board.starts("frontend", "backend")
    await board.ends(frontend="succeeded")
    await board.starts("publish_frontend")
    await board.ends(publish_frontend="succeeded", backend="succeeded")
    await board.starts("publish_backend")
    await board.shows(notify="waiting")
    await board.ends(publish_backend="succeeded")
    await board.starts("notify")
    await board.ends(notify="succeeded")
    assert await board.result() == "succeeded"


async def test_05_a_stage_may_need_one_that_is_declared_later(calm: World) -> None:
    board = await Board.of(calm, {"first": {"needs": ["second"]}, "second": {}})
    await board.starts("second")
    await board.ends(second="succeeded")
    await board.starts("first")


async def test_05_fifty_times_whatever_ends_first(calm: World) -> None:
    pairs = {f"late{n}": {"needs": [f"early{n}"]} for n in range(50)}
    board = await Board.of(calm, {**pairs, **{f"early{n}": {} for n in range(50)}})
    await board.starts(*(f"early{n}" for n in range(50)))
    for n in range(49, -1, -7):
        await board.hand.end({f"early{n}": "succeeded"})
        await board.starts(f"late{n}")


@pytest.mark.parametrize(
    ("stages", "names"),
    [
        ({"a": {"needs": ["a"]}}, ["a"]),
        ({"a": {"needs": ["b"]}, "b": {"needs": ["a"]}}, ["a", "b"]),
        ({"a": {"needs": ["b"]}, "b": {"needs": ["c"]}, "c": {"needs": ["a"]}}, ["a", "b", "c"]),
        ({"a": {"needs": ["nowhere"]}}, ["nowhere"]),
        ({"a": {"phase": 0, "needs": ["b"]}, "b": {"phase": 1}}, ["a"]),
    ],
)
async def test_06_07_22_what_cannot_be(calm: World, stages: dict[str, Json], names: list[str]) -> None:
    dev = await calm.target("dev")
    bodies = [stage(name, "dev", task(dev), **settings) for name, settings in stages.items()]
    body = {"project": "shop", "title": "Wrong", "statement": SQL, "pipeline": {"stages": bodies}}
    status, _, problem = await calm.ana.refused("POST", "/issues", **body)
    assert status == 422
    assert all(name in problem["detail"] for name in names)
    assert await calm.sql("SELECT count(*) FROM issue") == await calm.sql("SELECT count(*) FROM pipeline") == [(0,)]


async def test_07_a_stage_has_a_name_of_its_own_and_a_task(calm: World) -> None:
    dev = await calm.target("dev")
    one = stage("one", "dev", task(dev))
    for wrong, code in (([one, one], "duplicate_stage"), ([one, stage("two", "dev")], "empty_stage")):
        body = {"project": "shop", "title": "Wrong", "statement": SQL, "pipeline": {"stages": wrong}}
        status, _, problem = await calm.ana.refused("POST", "/issues", **body)
        assert (status, [e["code"] for e in problem["errors"]]) == (422, [code])
    assert await calm.sql("SELECT count(*) FROM pipeline") == [(0,)]


async def test_08_tasks_alone_run_in_order(calm: World) -> None:
    one, two = await calm.target("dev"), await calm.target("dev")
    body = {"project": "shop", "title": "Tasks", "statement": SQL}
    tasks = [task(one, name="one"), task(two, name="two")]
    issue = await calm.ana.ok("POST", "/issues", **body, pipeline={"tasks": tasks})
    assert len(issue["pipeline"]["stages"]) == 1
    board = Board(calm, await Hand(calm.database).register(), issue)
    await board.starts("one")
    await board.ends(one="succeeded")
    await board.starts("two")


async def test_09_stages_and_tasks_exclude_each_other(calm: World) -> None:
    dev = await calm.target("dev")
    body = {"project": "shop", "title": "Both", "statement": SQL}
    both = {"tasks": [task(dev)], "stages": [stage("s", "dev", task(dev))]}
    for pipeline in (both, {"order": "parallel"}):
        status, code, _ = await calm.ana.refused("POST", "/issues", **body, pipeline=pipeline)
        assert (status, code) == (422, "stages_or_tasks")
    assert await calm.sql("SELECT count(*) FROM pipeline") == [(0,)]


async def test_10_sequential_order_and_a_stage_that_needs_nothing(calm: World) -> None:
    board = await Board.of(calm, {"a": {}, "b": {"needs": []}, "c": {}}, order="sequential")
    await board.starts("a", "b")
    await board.ends(a="succeeded")
    await board.starts()
    await board.ends(b="succeeded")
    await board.starts("c")


async def test_11_and_28_what_needed_a_failure_is_skipped_until_it_succeeds(calm: World) -> None:
    board = await Board.of(calm, {"a": {}, "b": {"needs": ["a"]}, "c": {"needs": ["b"]}, "d": {}})
    await board.starts("a", "d")
    await board.ends(a="failed")
    await board.shows(a="failed", b="upstream_failed", c="upstream_failed")
    assert await board.result() == "running"
    await board.ends(d="succeeded")
    assert await board.result() == "failed"
    (failed,) = [t for t in await calm.tasks(board.issue) if t["status"] == "failed"]
    await calm.rita.ok("POST", f"/tasks/{failed['id']}/retry")
    await board.shows(b="waiting", c="waiting", d="succeeded")
    await board.starts("a")
    await board.ends(a="succeeded")
    await board.starts("b")
    await board.ends(b="succeeded")
    await board.starts("c")
    await board.ends(c="succeeded")
    assert (await calm.issue(board.issue))["status"] == "done"


async def test_11_and_a_skip_by_hand_lets_the_rest_go_on_too(calm: World) -> None:
    board = await Board.of(calm, {"a": {}, "b": {"needs": ["a"]}})
    await board.starts("a")
    await board.ends(a="failed")
    await board.shows(b="upstream_failed")
    (failed,) = [t for t in await calm.tasks(board.issue) if t["status"] == "failed"]
    await calm.rita.ok("POST", f"/tasks/{failed['id']}/skip", reason="Done by hand.")
    await board.starts("b")


async def test_14_a_sequential_stage_stops_at_the_first_failure(calm: World) -> None:
    board = await Board.of(calm, {"a": {"task_order": "sequential"}}, {"a": 3})
    await board.starts("a1")
    await board.ends(a1="succeeded")
    await board.starts("a2")
    await board.ends(a2="failed")
    await board.shows(a3="previous_task")
    assert (await calm.stages(board.issue))["a"]["status"] == "failed"
    failed = (await calm.tasks(board.issue))[1]
    await calm.rita.ok("POST", f"/tasks/{failed['id']}/retry")
    await board.shows(a1="succeeded", a3="waiting")
    await board.starts("a2")
    await board.ends(a2="succeeded")
    await board.starts("a3")


async def test_14_a_canceled_task_of_a_sequential_stage_makes_the_rest_wait(calm: World) -> None:
    board = await Board.of(calm, {"a": {"task_order": "sequential"}}, {"a": 2})
    first = (await calm.tasks(board.issue))[0]
    await calm.rita.ok("POST", f"/tasks/{first['id']}/cancel")
    await board.starts()
    await board.shows(a1="canceled", a2="waiting")
    await calm.rita.ok("POST", f"/tasks/{first['id']}/skip", reason="Not needed.")
    await board.starts("a2")


async def test_15_and_16_siblings_of_a_parallel_stage_finish(calm: World) -> None:
    board = await Board.of(calm, {"a": {"task_order": "parallel"}, "b": {"needs": ["a"]}}, {"a": 2})
    await board.starts("a1", "a2")
    await board.ends(a1="failed")
    assert (await calm.stages(board.issue))["a"]["status"] == "running"
    assert await board.result() == "running"
    await board.shows(b="waiting")
    await board.ends(a2="succeeded")
    assert (await calm.stages(board.issue))["a"]["status"] == "failed"
    await board.shows(b="upstream_failed")


async def test_17_one_database_is_never_worked_on_twice_at_a_time(calm: World) -> None:
    dev = await calm.target("dev")
    tasks = [task(dev, name=f"t{n}") for n in range(4)]
    issue = await calm.file_stages(SQL, stage("a", "dev", *tasks, task_order="parallel"))
    board = Board(calm, await Hand(calm.database).register(), issue)
    for n in range(4):
        await board.starts(f"t{n}")
        ready = [t for t in await calm.tasks(issue) if t["status"] == "ready"]
        assert {b["code"] for t in ready for b in t["blockers"]} <= {"database_busy"}
        assert await board.hand.finish(board.hand.held.pop(f"t{n}"), "succeeded")
    assert await board.result() == "succeeded"


async def test_19_a_phase_does_not_inherit_results(calm: World) -> None:
    board = await Board.of(calm, {"a": {}, "b": {}, "notify": {"phase": 1}})
    await board.starts("a", "b")
    await board.ends(a="failed", b="error")
    await board.starts("notify")
    await board.ends(notify="succeeded")
    assert await board.result() == "error"


async def test_20_skipped_at_once_or_waiting_for_a_phase(calm: World) -> None:
    board = await Board.of(calm, {"a": {}, "b": {}, "c": {"phase": 1, "needs": ["a"]}, "d": {"phase": 2}})
    await board.starts("a", "b")
    await board.ends(a="failed")
    await board.shows(c="upstream_failed", d="waiting")
    await board.ends(b="succeeded")
    await board.starts("d")


async def test_21_phases_may_leave_gaps(calm: World) -> None:
    board = await Board.of(calm, {"late": {"phase": 5}, "early": {"phase": 3}})
    await board.starts("early")
    await board.ends(early="succeeded")
    await board.starts("late")


async def test_23_a_later_phase_waits_for_siblings_and_says_so(calm: World) -> None:
    board = await Board.of(calm, {"e": {}, "sibling": {}, "next": {"phase": 1, "needs": ["e"]}})
    await board.starts("e", "sibling")
    await board.ends(e="succeeded")
    blockers = (await calm.stages(board.issue))["next"]["blockers"]
    assert [(b["gate"], b["code"], b["waiting_for"]) for b in blockers] == [("order", "waiting", ["stage:sibling"])]


async def test_24_error_outranks_failed(calm: World) -> None:
    board = await Board.of(calm, {"a": {}, "b": {}, "c": {"needs": ["a", "b"]}})
    await board.starts("a", "b")
    await board.ends(a="failed")
    await board.shows(c="waiting")
    await board.ends(b="error")
    await board.shows(c="upstream_error")
