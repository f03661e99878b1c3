"""Acceptance scenarios of conditions: fail fast, independent stages, failures that are allowed, work on failure."""

from __future__ import annotations

import asyncio
import datetime as dt

from penstock.engines.registry import engine_for
from penstock.runtime.port import TaskPort
from penstock.runtime.releases import ReleaseReader
from penstock.runtime.standings import Standings
from penstock.runtime.work.database_change import DatabaseChange
from penstock.services.attempts import Attempts
from tests.builders import World, stage, task
from tests.hand import Hand

BAD = "SELECT 1 / 0"
TOMORROW = (dt.datetime.now(dt.UTC) + dt.timedelta(days=1)).isoformat()


async def test_12_fail_fast_passes_over_what_has_not_started(world: World) -> None:
    a, b, c, d = [await world.target() for _ in range(4)]
    stages = [
        stage("A", "dev", task(a, BAD)),
        stage("B", "dev", task(b), needs=["A"]),
        stage("C", "dev", task(c), needs=["B"]),
        stage("D", "dev", task(d), not_before=TOMORROW),
    ]
    issue = await world.file_stages("SELECT 1", *stages, fail_fast=True)
    await world.until(issue, "failed")
    assert await world.statuses(issue) == [
        "failed",
        "skipped upstream_failed",
        "skipped upstream_failed",
        "skipped fail_fast",
    ]
    # A person deals with the failure: everything that was passed over because of it comes back.
    failed = (await world.tasks(issue))[0]["id"]
    await world.rita.ok("POST", f"/tasks/{failed}/skip", reason="Not on this one")
    for done in (await world.tasks(issue))[1:3]:
        await world.until_task(done["id"], "succeeded")
    assert (await world.statuses(issue))[3] == "waiting"


async def test_12_fail_fast_leaves_independent_stages_and_running_work_alone(world: World) -> None:
    a, b = [await world.target() for _ in range(2)]
    async with b.locked_by_somebody():
        issue = await world.file_stages(
            "SELECT 1",
            stage("B", "dev", task(b)),
            stage("A", "dev", task(a, BAD)),
            stage("D", "dev", task(a), independent=True, needs=["A"]),
            fail_fast=True,
        )
        tasks = await world.tasks(issue)
        await world.until_task(tasks[1]["id"], "failed")
        await world.until_task(tasks[2]["id"], "succeeded")
        assert (await world.statuses(issue))[0] == "running"
    await world.until_task(tasks[0]["id"], "succeeded")


async def test_13_an_independent_stage_waits_but_does_not_mind(world: World) -> None:
    a, b = await world.target(), await world.target()
    issue = await world.file_stages(
        "SELECT 1", stage("A", "dev", task(a, BAD)), stage("B", "dev", task(b), needs=["A"], independent=True)
    )
    await world.until(issue, "failed")
    assert await world.statuses(issue) == ["failed", "succeeded"]


async def test_25_a_failure_that_is_allowed_passes_and_says_fail_alone(world: World) -> None:
    a, b = await world.target(), await world.target()
    issue = await world.file_stages(
        "SELECT 1", stage("A", "dev", task(a, BAD), allow_failure=True), stage("B", "dev", task(b), needs=["A"])
    )
    await world.until(issue, "succeeded")
    assert await world.statuses(issue) == ["failed", "succeeded"]
    shown = await world.stages(issue)
    assert (shown["A"]["status"], shown["A"]["counts"]["failed"]) == ("succeeded", 1)
    said = [t for t, d in await world.events(issue) if t.startswith("TASK_") and d["name"].endswith(a.name)]
    assert said == ["TASK_START", "TASK_FAIL"]


async def test_25_an_error_is_never_allowed(calm: World) -> None:
    a, b = await calm.target(), await calm.target()
    issue = await calm.file_stages(
        None,
        stage("A", "dev", task(a, "SELECT 1"), allow_failure=True),
        stage("B", "dev", task(b, "SELECT 2"), needs=["A"]),
    )
    # The bytes are not those that were approved: an error, whatever is allowed to fail.
    await calm.sql("UPDATE change SET statement = 'SELECT 3'")
    await calm.start()
    await calm.until(issue, "error")
    assert await calm.statuses(issue) == ["failed", "skipped upstream_error"]


async def test_62_what_runs_on_failure_is_passed_over_when_nothing_fails(world: World) -> None:
    a, b = await world.target(), await world.target()
    issue = await world.file_stages(
        "SELECT 1",
        stage("A", "dev", task(a), task(a, "SELECT 2", name="undo", when="on_failure")),
        stage("B", "dev", task(b, "SELECT 3", when="on_failure"), needs=["A"]),
    )
    done = await world.until(issue, "succeeded")
    assert done["status"] == "done"
    assert await world.statuses(issue) == ["succeeded", "skipped condition", "skipped condition"]


async def test_what_is_tried_again_waits_for_what_has_begun_behind_it(world: World) -> None:
    a, b = await world.target(), await world.target()
    async with b.locked_by_somebody():
        issue = await world.file_stages("SELECT 1", stage("A", "dev", task(a, BAD), task(b, when="always")))
        first, second = [t["id"] for t in await world.tasks(issue)]
        await world.until_task(second, "running")
        await world.rita.ok("POST", f"/tasks/{first}/retry")
        tried = await world.task(first)
        assert (tried["status"], [b["gate"] for b in tried["blockers"]]) == ("waiting", ["order"])
        assert "one after the other" in tried["blockers"][0]["message"]
    await world.until_task(second, "succeeded")
    await world.until_task(first, "failed")
    assert await world.statuses(issue) == ["failed", "succeeded"]
    begun = [d["name"] for t, d in await world.events(issue) if t == "TASK_START"]
    assert [name.endswith(a.name) for name in begun] == [True, False, True]


async def test_what_runs_on_failure_or_always_has_its_turn(world: World) -> None:
    a, b = await world.target(), await world.target()
    issue = await world.file_stages(
        "SELECT 1",
        stage(
            "A",
            "dev",
            task(a, BAD),
            task(a, "CREATE TABLE undone (id int)", name="undo", when="on_failure"),
            task(a, "SELECT 2", name="more"),
            task(a, "CREATE TABLE told (id int)", name="tell", when="always"),
        ),
        stage("B", "dev", task(b), task(b, "CREATE TABLE told (id int)", name="tell", when="always"), needs=["A"]),
    )
    await world.until(issue, "failed")
    assert await world.statuses(issue) == [
        *("failed", "succeeded", "skipped previous_task", "succeeded"),
        *("skipped upstream_failed", "succeeded"),
    ]
    assert await a.has("undone") and await a.has("told") and await b.has("told")


async def test_a_condition_is_asked_anew_when_what_it_hung_on_is_tried_again(world: World) -> None:
    a, b = await world.target(), await world.target()
    await a.execute("CREATE TABLE t (id int)")
    issue = await world.file_stages(
        None,
        stage("A", "dev", task(a, "CREATE TABLE t (id int)")),
        stage("B", "dev", task(b, "SELECT 1"), needs=["A"]),
        stage("C", "dev", task(b, "SELECT 2", when="on_failure"), needs=["B"]),
    )
    await world.until(issue, "failed")
    assert await world.statuses(issue) == ["failed", "skipped upstream_failed", "succeeded"]
    await a.execute("DROP TABLE t")
    first = (await world.tasks(issue))[0]["id"]
    await world.rita.ok("POST", f"/tasks/{first}/retry")
    await world.until(issue, "succeeded")
    assert await world.statuses(issue) == ["succeeded"] * 3


async def test_a_condition_that_was_not_met_waits_again_while_what_it_hangs_on_is_tried_again(calm: World) -> None:
    a, b = await calm.target(), await calm.target()
    issue = await calm.file_stages(
        "SELECT 1",
        stage("A", "dev", task(a, name="a"), allow_failure=True),
        stage("B", "dev", task(b, name="b", when="on_failure"), needs=["A"], task_order="parallel"),
        stage("C", "dev", task(b, name="c"), advance="manual"),  # so that the issue is not done meanwhile
    )
    hand = await Hand(calm.database).register()
    assert await hand.take() == ["a"]
    await hand.end({"a": "failed"})  # which it may, so B is not needed
    assert await calm.statuses(issue) == ["failed", "skipped condition", "waiting"]
    await calm.rita.ok("POST", f"/tasks/{(await calm.tasks(issue))[0]['id']}/retry")
    assert await calm.statuses(issue) == ["ready", "waiting", "waiting"]
    assert await hand.take() == ["a"]
    await hand.end({"a": "succeeded"})
    assert await calm.statuses(issue) == ["succeeded", "skipped condition", "waiting"]


async def lose(hand: Hand, *names: str) -> None:
    """A runner is lost with these tasks, of which it had sent something."""
    for name in names:
        await hand.let_go(hand.held.pop(name))
    await hand.reap()


async def test_what_may_be_applied_is_not_passed_over_before_the_proof_is_read(calm: World) -> None:
    a, b, c, d = [await calm.target() for _ in range(4)]
    issue = await calm.file_stages(
        "CREATE TABLE made (id int)",
        stage("A", "dev", task(a, name="a"), task(b, name="b"), task(c, name="c"), task_order="parallel"),
        stage("D", "dev", task(d, name="d"), advance="manual"),
        fail_fast=True,
    )
    pipeline = f"/pipelines/{issue['pipeline']['id']}"
    hand = await Hand(calm.database).register()
    assert await hand.take() == ["a", "b", "c"]
    done = hand.held["b"]
    far = asyncio.get_running_loop().time() + 60
    work = DatabaseChange(ReleaseReader(calm.database), calm.services.targets, engine_for, calm.site.deployment)
    await work.run(done, TaskPort(Standings(Attempts(calm.database)), done, lease_until=far, margin=1.0, deadline=far))
    await lose(hand, "b", "c")
    assert await calm.statuses(issue) == ["running", "ready", "ready", "waiting"]
    await hand.end({"a": "failed"})
    assert await calm.statuses(issue) == ["failed", "ready", "ready", "skipped fail_fast"]
    # Nor while its gates are closed.
    await calm.rita.ok("POST", f"{pipeline}/hold", reason="lunch")
    assert await calm.statuses(issue) == ["failed", "waiting", "waiting", "skipped fail_fast"]
    await calm.rita.ok("POST", f"{pipeline}/resume")
    await calm.start()
    await calm.until(issue, "failed")
    assert await calm.statuses(issue) == ["failed", "succeeded", "succeeded", "skipped fail_fast"]
    assert await c.has("made") and len(await b.ledger()) == 1


async def test_what_may_be_applied_waits_for_what_it_needs(calm: World) -> None:
    a, b = await calm.target(), await calm.target()
    issue = await calm.file_stages(
        "SELECT 1",
        stage("A", "dev", task(a, name="a"), allow_failure=True),
        stage("B", "dev", task(b, name="b"), needs=["A"]),
    )
    first = (await calm.tasks(issue))[0]["id"]
    hand = await Hand(calm.database).register()
    await hand.take()
    await hand.end({"a": "failed"})
    assert await hand.take() == ["b"]
    await calm.rita.ok("POST", f"/tasks/{first}/retry")
    await lose(hand, "b")
    assert await hand.take() == ["a"]
    await hand.end({"a": "error"})
    _, left = await calm.tasks(issue)
    assert left["status"] == "waiting"
    assert [(x["gate"], x["code"]) for x in left["blockers"]] == [("order", "upstream_error")]
    pipeline = f"/pipelines/{issue['pipeline']['id']}"
    await calm.rita.ok("POST", f"{pipeline}/hold", reason="lunch")
    assert (await calm.issue(issue))["waiting_for"] == ["role:project:releaser"], "its gates are asked as any other's"
    await calm.rita.ok("POST", f"{pipeline}/resume")
    await calm.rita.ok("POST", f"/tasks/{first}/retry")
    await calm.start()
    await calm.until(issue, "succeeded")


async def test_what_may_be_applied_has_its_turn_behind_a_failure(calm: World) -> None:
    a, b = await calm.target(), await calm.target()
    tasks = [task(a, name="a", allow_failure=True), task(b, name="b"), task(b, name="c")]
    issue = await calm.file_stages("SELECT 1", stage("A", "dev", *tasks, task_order="sequential"))
    first = (await calm.tasks(issue))[0]["id"]
    pipeline = f"/pipelines/{issue['pipeline']['id']}"
    hand = await Hand(calm.database).register()
    await hand.take()
    await hand.end({"a": "failed"})
    assert await hand.take() == ["b"]
    await calm.rita.ok("POST", f"/tasks/{first}/retry")
    await calm.rita.ok("POST", f"{pipeline}/hold", reason="lunch")
    await lose(hand, "b")
    await calm.rita.ok("POST", f"{pipeline}/resume")
    assert await hand.take() == ["a"], "nothing is in hand any more"
    await calm.rita.ok("POST", f"{pipeline}/hold", reason="dinner")
    await hand.end({"a": "error"})
    assert await calm.statuses(issue) == ["failed", "waiting", "skipped previous_task"]
    await calm.rita.ok("POST", f"{pipeline}/resume")
    assert await calm.statuses(issue) == ["failed", "ready", "skipped previous_task"]
