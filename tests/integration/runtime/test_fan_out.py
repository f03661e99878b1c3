"""One release to many databases: in batches, a few at a time, and no further once too many have failed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders import PROJECT, Json, World, stage, task
from tests.hand import Hand, Word

SQL = "SELECT 1"


class Fleet:
    """A parallel stage with tasks named 1 to n, in this order, moved by hand."""

    def __init__(self, world: World, hand: Hand, issue: Json) -> None:
        self.world = world
        self.hand = hand
        self.issue = issue

    @classmethod
    async def of(cls, world: World, count: int, **limits: Any) -> Fleet:
        targets = [await world.target("dev") for _ in range(count)]
        tasks = [task(t, name=str(n)) for n, t in enumerate(targets, 1)]
        await world.sql("UPDATE instance SET max_running_tasks = 64")
        issue = await world.file_stages(SQL, stage("all", "dev", *tasks, task_order="parallel", **limits))
        return cls(world, await Hand(world.database).register(), issue)

    @property
    def path(self) -> str:
        return f"/pipelines/{self.issue['pipeline']['id']}/stages/all"

    async def starts(self, *names: int) -> None:
        """Exactly these start now."""
        assert sorted(map(int, await self.hand.take())) == list(names)

    async def ends(self, word: Word, *names: int) -> None:
        """These end so."""
        await self.hand.end({str(n): word for n in names})

    async def stage(self) -> Json:
        return (await self.world.stages(self.issue))["all"]

    async def task(self, name: int) -> Json:
        [found] = [t for t in await self.world.tasks(self.issue) if t["name"] == str(name)]
        return found

    async def gates(self, name: int) -> list[str]:
        """What a task waits for."""
        return [f"{b['gate']}/{b['code']}" for b in (await self.task(name))["blockers"]]


async def test_a_batch_starts_when_the_one_before_has_passed(calm: World) -> None:
    fleet = await Fleet.of(calm, 10, batch=[1, "20%", "100%"])
    await fleet.starts(1)
    assert (await fleet.stage())["batches"] == {"current": 1, "total": 3}
    assert await fleet.gates(2) == ["limit/batch"]
    await fleet.ends("succeeded", 1)
    await fleet.starts(2, 3)
    await fleet.ends("succeeded", 2)
    await fleet.starts()
    await fleet.ends("succeeded", 3)
    await fleet.starts(4, 5, 6, 7, 8, 9, 10)
    assert (await fleet.stage())["batches"] == {"current": 3, "total": 3}
    await fleet.ends("succeeded", 4, 5, 6, 7, 8, 9, 10)
    assert (await calm.issue(fleet.issue))["status"] == "done"


async def test_a_failure_keeps_the_next_batch_back_until_it_is_mended(calm: World) -> None:
    fleet = await Fleet.of(calm, 4, batch=[2, 2])
    await fleet.starts(1, 2)
    await fleet.ends("succeeded", 1)
    await fleet.ends("failed", 2)
    await fleet.starts()
    [blocker] = (await fleet.stage())["blockers"]
    assert (blocker["gate"], blocker["code"]) == ("limit", "batch") and "retry" in blocker["message"]
    assert blocker["waiting_for"] == ["role:project:releaser"]
    await calm.rita.ok("POST", f"{fleet.path}/retry-failed")
    await fleet.starts(2)  # the failed one, and nothing else
    await fleet.ends("failed", 2)
    await calm.rita.ok("POST", f"/tasks/{(await fleet.task(2))['id']}/skip", reason="Not this one.")
    await fleet.starts(3, 4)


async def test_a_later_task_skipped_by_hand_does_not_open_its_batch(calm: World) -> None:
    fleet = await Fleet.of(calm, 3, batch=[1, 1, 1])
    await fleet.starts(1)
    await calm.rita.ok("POST", f"/tasks/{(await fleet.task(2))['id']}/skip", reason="Not this one.")
    await fleet.ends("failed", 1)
    await fleet.starts()
    await calm.rita.ok("POST", f"{fleet.path}/retry-failed")
    await fleet.starts(1)
    await fleet.ends("succeeded", 1)
    await fleet.starts(3)  # the second batch had passed already


async def test_only_so_many_at_once(calm: World) -> None:
    fleet = await Fleet.of(calm, 5, max_parallel=2)
    await fleet.starts(1, 2)
    assert await fleet.gates(3) == ["limit/max_parallel"]
    await fleet.ends("failed", 2)
    await fleet.starts(3)
    await fleet.ends("ready", 3)  # it tries again by itself, and keeps its place
    await fleet.starts(3)
    await calm.rita.ok("POST", f"/tasks/{(await fleet.task(4))['id']}/cancel")
    await fleet.ends("succeeded", 1, 3)
    await fleet.starts(5)


async def test_batches_and_places_together(calm: World) -> None:
    fleet = await Fleet.of(calm, 6, batch=[4, 2], max_parallel=3)
    await fleet.starts(1, 2, 3)
    await fleet.ends("succeeded", 1, 2)
    await fleet.starts(4)
    await fleet.ends("succeeded", 3, 4)
    await fleet.starts(5, 6)


async def test_after_too_many_failures_nothing_further_starts(calm: World) -> None:
    fleet = await Fleet.of(calm, 6, max_failures=2, max_parallel=3)
    await fleet.starts(1, 2, 3)
    await fleet.ends("failed", 1)
    await fleet.starts(4)
    await fleet.ends("error", 2)
    await fleet.starts()
    assert await fleet.gates(5) == ["failure-budget/spent"]
    assert (await calm.issue(fleet.issue))["waiting_for"] == ["role:project:releaser"]
    await fleet.ends("succeeded", 3, 4)  # what runs goes on to its end
    await fleet.starts()
    await calm.rita.ok("POST", f"/tasks/{(await fleet.task(1))['id']}/skip", reason="Gone.")
    await fleet.starts(5, 6)


async def test_the_budget_takes_back_what_has_not_started(calm: World) -> None:
    fleet = await Fleet.of(calm, 3, max_failures=1)
    [first, *others] = sorted(await fleet.hand.claim(), key=lambda c: int(c.name))
    assert await fleet.hand.start(first) == {first.id}
    await fleet.hand.finish(first, "failed")
    assert await fleet.hand.start(*others) == set()
    assert (await calm.statuses(fleet.issue)) == ["failed", "waiting", "waiting"]
    raised = await calm.rita.ok("PATCH", fleet.path, max_failures=2)
    assert raised["stages"][0]["max_failures"] == 2
    await fleet.starts(2, 3)


async def test_limits_are_raised_lowered_and_lifted_by_a_person(calm: World) -> None:
    fleet = await Fleet.of(calm, 6, max_parallel=1)
    await fleet.starts(1)
    assert "edit_limits" in (await calm.rita.ok("GET", fleet.path))["actions"]
    assert "edit_limits" not in (await fleet.stage())["actions"]
    await calm.rita.ok("PATCH", fleet.path, max_parallel=3)
    await fleet.starts(2, 3)
    await calm.rita.ok("PATCH", fleet.path, max_parallel=2)
    await fleet.ends("succeeded", 1)
    await fleet.starts()
    await calm.rita.ok("PATCH", fleet.path, max_parallel=None, max_failures=5)
    await fleet.starts(4, 5, 6)
    assert (await fleet.stage())["digest"] == fleet.issue["pipeline"]["stages"][0]["digest"]  # approvals stand
    audited = await calm.sql("SELECT data FROM audit WHERE action = 'stage.edit' ORDER BY id DESC LIMIT 1")
    assert audited == [({"max_parallel": None, "max_failures": 5},)]


async def test_who_may_change_limits_and_to_what(calm: World) -> None:
    fleet = await Fleet.of(calm, 2, max_parallel=1)
    assert (await calm.ana.refused("PATCH", fleet.path, max_parallel=2))[:2] == (403, "forbidden")
    assert (await calm.person("robot").refused("PATCH", fleet.path, max_parallel=2))[:2] == (403, "forbidden")
    for wrong in ({"max_parallel": 0}, {"max_failures": -1}, {"status": "succeeded"}, {"max_parallel": "two"}):
        assert (await calm.rita.refused("PATCH", fleet.path, **wrong))[0] == 422, wrong
    assert (await calm.rita.refused("PATCH", f"{fleet.path}x", max_parallel=2))[0] == 404


async def test_every_stage_of_the_simple_form_has_the_same_limits(calm: World) -> None:
    targets = [await calm.target("dev") for _ in range(3)]
    issue = await calm.file(SQL, *targets, fan_out={"batch": [1, "100%"], "max_failures": 1})
    [made] = issue["pipeline"]["stages"]
    assert (made["batch"], made["max_failures"], made["max_parallel"]) == ([1, "100%"], 1, None)
    assert made["counts"]["ready"] == 1 and made["counts"]["waiting"] == 2


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"batch": []}, "validation_failed"),
        ({"batch": [0]}, "validation_failed"),
        ({"batch": ["0%"]}, "validation_failed"),
        ({"batch": ["101%"]}, "validation_failed"),
        ({"batch": ["ten"]}, "validation_failed"),
        ({"batch": [1] * 101}, "validation_failed"),
        ({"max_parallel": 0}, "validation_failed"),
        ({"max_failures": 1.5}, "validation_failed"),
        ({"batch": [1], "task_order": "sequential"}, "fan_out_needs_parallel"),
        ({"max_parallel": 2, "task_order": "sequential"}, "fan_out_needs_parallel"),
    ],
)
async def test_limits_that_cannot_be(calm: World, limits: Json, code: str) -> None:
    dev = await calm.target("dev")
    body = {"project": PROJECT, "title": "Wrong", "statement": SQL}
    stages = [stage("all", "dev", task(dev), **{"task_order": "parallel", **limits})]
    answer = await calm.ana.refused("POST", "/issues", **body, pipeline={"stages": stages})
    assert answer[:2] == (422, code), answer
    assert await calm.sql("SELECT count(*) FROM issue") == [(0,)]


async def test_limits_of_targets_and_stages_do_not_mix(calm: World) -> None:
    dev = await calm.target("dev")
    body = {"project": PROJECT, "title": "Wrong", "statement": SQL, "fan_out": {"max_parallel": 1}}
    status, _, problem = await calm.ana.refused("POST", "/issues", **body, pipeline={"tasks": [task(dev)]})
    assert (status, problem["errors"][0]["code"]) == (422, "fan_out_with_stages")


async def test_the_cost_of_a_finished_task_does_not_grow_with_its_stage(calm: World) -> None:
    spent = []
    for count in (6, 24):
        fleet = await Fleet.of(calm, count, max_parallel=2, max_failures=3)
        await fleet.starts(1, 2)
        with calm.count_statements() as seen:
            await fleet.ends("succeeded", 1)
            spent.append(seen())
        await calm.ana.ok("POST", f"/issues/{fleet.issue['id']}/cancel")
    assert spent[0] == spent[1]


async def test_many_databases_of_one_server_share_few_connections(calm: World) -> None:
    targets = [await calm.target("dev") for _ in range(12)]
    await calm.sql("UPDATE instance SET max_running_tasks = 3")
    issue = await calm.file("SELECT pg_sleep(0.15)", *targets)
    most = 0
    await calm.start()
    while (await calm.issue(issue))["pipeline"]["result"] != "succeeded":
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'penstock:%'"
        most = max(most, (await targets[0].fetch(query))[0][0])
    assert 1 <= most <= 2 * 3, most  # one that works, and one that watches it
