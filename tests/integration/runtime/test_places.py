"""How much runs at once, who comes next, and whose place is kept: limits, fairness, leases by our own clock."""

from __future__ import annotations

import asyncio
import time

import pytest
import sqlalchemy as sa

from penstock.engines.base import LeaseLost
from penstock.engines.registry import engine_for
from penstock.runtime.gauges import Gauges
from penstock.runtime.port import TaskPort
from penstock.runtime.standings import Standings
from penstock.runtime.supervisor import RunnerSettings, Supervisor
from penstock.services import metrics
from penstock.services.attempts import Attempts
from penstock.store import queue, runs
from penstock.store.database import Database
from tests.builders import PROJECT, Json, World
from tests.hand import Hand
from tests.waiting import eventually

MANY = ("pg-many-1", "pg-many-2")


async def databases(world: World, each: int = 10, project: str = PROJECT) -> list[int]:
    """Two instances of dev, with names of databases on them that nobody connects to."""
    for name in MANY:
        if not await world.sql("SELECT 1 FROM instance WHERE slug = :name", name=name):
            await world.ada.ok(
                "POST", "/instances", **world.site.instance(name, "dev", options={"max_running_tasks": 8})
            )
    rows = await world.sql(
        "INSERT INTO database (instance_id, name, project_id) SELECT i.id, p.slug || n, p.id"
        " FROM instance i, project p, generate_series(1, :each) n"
        " WHERE i.slug LIKE 'pg-many-%' AND p.slug = :project ORDER BY n, i.id RETURNING id",
        each=each,
        project=project,
    )
    return [row[0] for row in rows]


async def file(world: World, ids: list[int], project: str = PROJECT) -> Json:
    body = {"project": project, "title": "Many", "statement": "SELECT 1", "targets": {"databases": ids}}
    found: Json = await world.ada.ok("POST", "/issues", **body)
    return found


async def blockers(world: World, issue: Json) -> set[str]:
    return {b["code"] for task in await world.tasks(issue) for b in task["blockers"]}


async def test_an_environment_runs_no_more_than_it_may_on_all_its_instances(calm: World) -> None:
    await calm.ada.ok("PATCH", "/environments/dev", max_running_tasks=3)
    issue = await file(calm, await databases(calm, 4))
    hand = await Hand(calm.database).register()
    taken = await hand.take()
    assert len(taken) == 3 and await blockers(calm, issue) == {"environment_busy"}
    await hand.end({taken[0]: "succeeded"})
    (following,) = await hand.take()
    await hand.end(dict.fromkeys([*taken[1:], following], "succeeded"))
    taken = await hand.take()
    assert len(taken) == 3
    await calm.ada.ok("PATCH", "/environments/dev", max_running_tasks=None)  # lifted: the rest may start
    taken += await hand.take()
    assert len(taken) == 4
    await hand.end(dict.fromkeys(taken, "succeeded"))
    assert (await calm.issue(issue))["status"] == "done"


async def test_a_place_that_one_instance_frees_is_taken_on_another(calm: World) -> None:
    ids = await databases(calm, 2)
    await calm.ada.ok("PATCH", "/environments/dev", max_running_tasks=2)
    await file(calm, [ids[0], ids[2]])  # both on the first instance
    hand = await Hand(calm.database).register()
    first = await hand.take()
    await file(calm, [ids[1]])  # on the second
    assert await hand.take() == []
    await hand.end({first[0]: "succeeded"})
    (taken,) = await hand.take()
    assert taken.startswith("pg-many-2/")


async def test_an_environment_has_no_limit_unless_it_is_given_one(calm: World) -> None:
    assert (await calm.ada.ok("GET", "/environments/dev"))["max_running_tasks"] is None
    status, _, errors = await calm.ada.refused("PATCH", "/environments/dev", max_running_tasks=0)
    assert status in (400, 422), errors


async def test_projects_take_turns(calm: World) -> None:
    await calm.ada.ok("POST", "/projects", slug="other", name="Other")
    mine, theirs = await databases(calm, 4), await databases(calm, 1, "other")
    await file(calm, mine)
    await file(calm, theirs, "other")
    hand = await Hand(calm.database).register()
    order = [(await hand.claim(1))[0].project for _ in range(5)]
    assert order == [PROJECT, "other", PROJECT, "other", PROJECT]


async def test_a_runner_works_on_no_more_than_it_may(world: World) -> None:
    await world.stop()
    targets = [await world.target("dev") for _ in range(6)]
    issue = await world.file("SELECT pg_sleep(0.05)", *targets)
    await world.start(RunnerSettings(concurrency=2, lease_seconds=3.0, beat_seconds=0.5))
    await world.until(issue, "succeeded")
    running = [0]
    for kind, _ in await world.events(issue):
        running.append(running[-1] + {"TASK_START": 1, "TASK_COMPLETE": -1}.get(kind, 0))
    assert max(running) == 2 and running[-1] == 0


async def test_what_may_have_sent_something_keeps_its_database(calm: World) -> None:
    """Nobody may touch what the next attempt reads the proof from."""
    dev = await calm.target("dev")
    first = await calm.file("SELECT 1", dev)
    hand = await Hand(calm.database).register()
    (name,) = await hand.take()
    second = await calm.file("SELECT 2", dev)
    await hand.let_go(hand.held[name])
    await hand.reap()
    (again,) = await hand.claim()
    assert (again.issue_id, again.attempt) == (first["id"], 2)
    await hand.start(again)
    await hand.finish(again, "ready", delay=3600.0)  # its target is away, and nobody knows what it did there
    assert await hand.claim() == []
    assert await calm.statuses(second) == ["ready"]


async def test_a_process_without_a_runner_takes_lost_tasks_back_after_the_lease_that_is_set(calm: World) -> None:
    issue = await calm.file("SELECT 1", await calm.target("dev"))
    hand = await Hand(calm.database).register()
    (name,) = await hand.take()
    await hand.let_go(hand.held[name])
    supervisor = Supervisor(
        calm.database, calm.services.targets, engine_for, calm.site.deployment, None, lease_seconds=0.5
    )
    await supervisor.start()
    try:

        async def ready() -> bool:
            return await calm.statuses(issue) == ["ready"]

        await eventually(ready, 15, message="the task is taken back")
    finally:
        await supervisor.stop()


async def test_no_statement_is_begun_when_the_lease_may_have_run_out_by_our_own_clock(calm: World) -> None:
    await calm.file("SELECT 1", await calm.target("dev"))
    (claimed,) = await (await Hand(calm.database).register()).claim()
    soon = time.monotonic() + 1.0  # for the metadata database the lease lasts ten minutes more
    port = TaskPort(Standings(Attempts(calm.database)), claimed, lease_until=soon, margin=1.0, deadline=soon + 60)
    with pytest.raises(LeaseLost):
        port.may_start_statement()
    with pytest.raises(LeaseLost):
        await port.still_mine()
    port.lease_until += 60  # as a heartbeat does
    port.may_start_statement()


async def test_leases_and_permits_of_many_are_asked_for_in_few_questions(calm: World) -> None:
    await file(calm, await databases(calm, 4))
    hand = await Hand(calm.database).register()
    claims = await hand.claim()
    await hand.start(*claims)
    await hand.let_go(claims[0])
    asked = _Counting(calm.database)
    standings = Standings(Attempts(asked))  # type: ignore[arg-type]  # all that is used of a database
    found = await asyncio.gather(*(standings.ask(c) for c in claims))
    assert [s.holds for s in found] == [False] + [True] * (len(claims) - 1)
    assert all(s.permitted for s in found[1:]) and asked.questions <= 2
    lost = queue.Claimed(**{f: getattr(claims[1], f) for f in claims[1].__slots__} | {"lease": b"x" * 16})
    assert not (await standings.ask(lost)).holds


class _Counting:
    """The metadata database, and how often it was asked."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.questions = 0

    async def ask(self, *given: object) -> object:
        self.questions += 1
        return await self._database.ask(*given)  # type: ignore[arg-type]  # passed on as given


async def test_repairs_stay_zero_while_places_are_short(world: World) -> None:
    before = metrics.slot_repairs._value.get()
    await world.ada.ok("PATCH", "/environments/dev", max_running_tasks=2)
    targets = [await world.target("dev") for _ in range(3)]
    issues = [await world.file(f"SELECT {n}", *targets) for n in range(4)]
    for issue in issues:
        await world.until(issue, "succeeded", timeout=60)
    assert metrics.slot_repairs._value.get() == before


async def test_gauges_tell_of_the_whole_installation(calm: World) -> None:
    await file(calm, (await databases(calm, 4))[:7])
    hand = await Hand(calm.database).register()
    first, second = await hand.claim(2)
    await hand.let_go(first)
    await Gauges(calm.database, lease_seconds=60).round()
    states = {state: metrics.queue_tasks.labels(state=state)._value.get() for state in ("claimable", "ready", "active")}
    assert states == {"claimable": 5, "ready": 0, "active": 2}
    assert metrics.leases_expired._value.get() == 1 and metrics.runners._value.get() >= 1
    assert metrics.outbox_events._value.get() > 0  # no process stamps them here
    assert metrics.queue_age._value.get() >= 0 and second.waited >= 0


async def test_of_two_attempts_that_end_in_one_breath_the_newest_counts(calm: World) -> None:
    """A runner that was taken for lost, and claimed the same task again, tells of both at once."""
    issue = await calm.file("SELECT 1", await calm.target())
    hand = await Hand(calm.database).register()
    [first] = await hand.claim()
    await hand.start(first)
    await hand.let_go(first)
    await hand.reap()
    [second] = await hand.claim()
    await hand.start(second)
    ends = [runs.End(claimed, "succeeded", sent=True) for claimed in (first, second)]
    ended = await Attempts(calm.database).end(first.pipeline_id, ends)
    assert [(c.id, c.attempt) for c in ended.written] == [(second.id, 2)]
    assert (await calm.issue(issue))["status"] == "done"
    outcomes = await calm.sql("SELECT attempt, outcome FROM task_run ORDER BY attempt")
    assert outcomes[1] == (2, "succeeded") and outcomes[0][1] != "succeeded"


async def test_what_one_lost_runner_locks_keeps_nobody_else_from_being_rescued(calm: World) -> None:
    issues = [await calm.file("SELECT 1", await calm.target("dev")) for _ in range(2)]
    lost = await Hand(calm.database).register()
    assert len(await lost.start(*await lost.claim())) == 2
    await calm.sql("UPDATE task SET lease_until = now() - interval '1 minute'")
    attempts = Attempts(calm.database)
    expired = await attempts.expired(100)
    locked, free = (issue["pipeline"]["id"] for issue in issues)
    async with calm.database.engine.begin() as paused:  # as a process leaves it that is stopped in a transaction
        await paused.execute(sa.text("SELECT FROM pipeline WHERE id = :id FOR UPDATE"), {"id": locked})
        assert [await attempts.rescue(pipeline, expired[pipeline], 0.2) for pipeline in (locked, free)] == [0, 1]
    assert await attempts.rescue(locked, expired[locked], 0.2) == 1
