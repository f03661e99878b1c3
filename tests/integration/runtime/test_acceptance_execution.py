"""Acceptance scenarios of the pipeline model that are about what happens in the target: once, whole, and truthfully."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from penstock.engines.postgres.activity import LOCK_CLASS, LOCK_OBJECT
from penstock.engines.registry import engine_for
from penstock.runtime.port import TaskPort
from penstock.runtime.releases import ReleaseReader
from penstock.runtime.standings import Standings
from penstock.runtime.supervisor import RunnerSettings
from penstock.runtime.work.database_change import DatabaseChange
from penstock.services.attempts import Attempts
from tests.builders import PROJECT, Json, Target, World
from tests.hand import WORDS, Hand
from tests.waiting import eventually

QUICK = RunnerSettings(concurrency=8, lease_seconds=1.5, beat_seconds=0.3)
COUNTED = "CREATE TABLE IF NOT EXISTS effect (at timestamptz); INSERT INTO effect VALUES (clock_timestamp())"


async def effects(target: Target) -> int:
    """How often a counted change took effect."""
    return int((await target.fetch("SELECT count(*) FROM effect"))[0][0]) if await target.has("effect") else 0


def change(version: str, statement: str, **more: object) -> Json:
    return {"version": version, "statement": statement, **more}


async def test_one_bad_statement_leaves_nothing(world: World) -> None:
    dev = await world.target("dev")
    issue = await world.file("CREATE TABLE a (id int);\nCREATE TABLE b (id int);\nINSERT INTO b\n  VALUES (nope)", dev)
    await world.until(issue, "failed")
    (task,) = await world.tasks(issue)
    failure = task["failure"]
    assert (failure["kind"], failure["class"], failure["code"]) == ("statement", "failed", "42703")
    assert (failure["statement_index"], failure["line"], failure["column"]) == (2, 4, 11)
    assert not await dev.has("a") and not await dev.has("b") and await dev.ledger() == []
    assert [c["state"] for c in task["changes"]] == ["failed"]
    assert any("nope" in line for line in await world.log(task["latest_run"]))


async def test_a_script_that_commits_is_refused_when_it_is_filed(calm: World) -> None:
    dev = await calm.target("dev")
    body = {"project": PROJECT, "title": "x", "targets": {"databases": [dev.id]}}
    for script in ("SELECT 1; COMMIT; SELECT 2", "BEGIN; SELECT 1", "ROLLBACK", "SAVEPOINT s"):
        status, code, _ = await calm.ana.refused("POST", "/issues", **body, statement=script)
        assert (status, code) == (422, "transaction_control")
    assert await calm.sql("SELECT count(*) FROM release") == [(0,)]


async def test_39_a_runner_that_was_lost_before_it_committed(calm: World) -> None:
    dev = await calm.target("dev")
    issue = await calm.file(COUNTED, dev)
    lost = await Hand(calm.database).register()
    (claimed,) = await lost.claim()
    await lost.start(claimed)
    await lost.let_go(claimed)
    await calm.start(QUICK)
    await calm.until(issue, "succeeded")
    (task,) = await calm.tasks(issue)
    assert [(r["attempt"], r["outcome"]) for r in task["runs"]] == [(2, "succeeded"), (1, "interrupted")]
    assert await effects(dev) == 1
    assert not await lost.finish(claimed, "failed")  # the lost one has no say any more
    assert [t for t, _ in await calm.events(issue)].count("TASK_START") == 2


async def test_39_a_lost_runner_has_no_say_while_another_works(calm: World) -> None:
    issue = await calm.file(COUNTED, await calm.target("dev"))
    lost, other = await Hand(calm.database).register(), await Hand(calm.database).register()
    (name,) = await lost.take()
    await lost.let_go(lost.held[name])
    await lost.reap()
    assert await other.take() == [name]
    before = await calm.events(issue)
    for word in WORDS:
        assert not await lost.finish(lost.held[name], word)
    assert await lost.start(lost.held[name]) == set()
    assert (await calm.statuses(issue), await calm.events(issue)) == (["running"], before)
    await other.end({name: "succeeded"})
    assert (await calm.issue(issue))["status"] == "done"


async def test_40_a_runner_that_was_lost_after_it_committed(calm: World) -> None:
    dev = await calm.target("dev")
    issue = await calm.file(COUNTED, dev)
    lost = await Hand(calm.database).register()
    (claimed,) = await lost.claim()
    await lost.start(claimed)
    far = asyncio.get_running_loop().time() + 60
    port = TaskPort(Standings(Attempts(calm.database)), claimed, lease_until=far, margin=1.0, deadline=far)
    work = DatabaseChange(ReleaseReader(calm.database), calm.services.targets, engine_for, calm.site.deployment)
    assert (await work.run(claimed, port)).to == "succeeded"  # and nobody is told
    await lost.let_go(claimed)
    await calm.start(QUICK)
    await calm.until(issue, "succeeded")
    (task,) = await calm.tasks(issue)
    assert ([c["state"] for c in task["changes"]], task["attempts"]) == (["already_applied"], 2)
    assert await effects(dev) == 1 and len(await dev.ledger()) == 1


async def test_41_two_runners_never_claim_one_task(calm: World) -> None:
    for name in ("pg-many-1", "pg-many-2"):
        await calm.ada.ok("POST", "/instances", **calm.site.instance(name, "dev", options={"max_running_tasks": 64}))
    rows = await calm.sql(
        "INSERT INTO database (instance_id, name, project_id) SELECT i.id, 'd' || n, p.id"
        " FROM instance i, project p, generate_series(1, 50) n WHERE i.slug LIKE 'pg-many-%' RETURNING id"
    )
    ids = [row[0] for row in rows]
    body = {"project": PROJECT, "title": "Many", "statement": "SELECT 1", "targets": {"databases": ids}}
    issue = await calm.ana.ok("POST", "/issues", **body)
    runners = [await Hand(calm.database).register() for _ in range(2)]
    won: list[list[int]] = [[], []]

    async def claim_all(n: int) -> None:
        while claims := await runners[n].claim(3):
            won[n] += [c.id for c in claims]

    await asyncio.gather(claim_all(0), claim_all(1))
    assert len(won[0]) + len(won[1]) == len(set(won[0] + won[1])) == 100
    assert all(won)
    runs = await calm.sql("SELECT count(*), count(DISTINCT task_id) FROM task_run")
    assert runs == [(100, 100)]
    assert (await calm.stages(issue))["dev"]["counts"]["scheduled"] == 100


async def test_42_a_restart_loses_nothing(calm: World) -> None:
    slow, quick = await calm.target("dev"), await calm.target("dev")
    issue = await calm.file(f"{COUNTED}; SELECT pg_sleep(30)", slow)
    other = await calm.file(COUNTED, quick)
    await calm.start(QUICK)
    await calm.until(other, "succeeded")
    (task,) = await calm.tasks(issue)
    await calm.until_task(task["id"], "running")
    await eventually(lambda: _sleeping(slow))
    await calm.stop()  # what overruns is rolled back and released
    released = await calm.task(task["id"])
    assert (released["status"], [r["outcome"] for r in released["runs"]]) == ("ready", ["retried"])
    assert await effects(slow) == 0
    await calm.ana.ok("PUT", f"/issues/{issue['id']}/release", statement=COUNTED)
    await calm.start(QUICK)
    await calm.until(issue, "succeeded")
    assert (await effects(slow), await effects(quick)) == (1, 1)
    assert (await calm.tasks(other))[0]["attempts"] == 1


async def test_46_tampered_bytes_are_never_sent(calm: World) -> None:
    dev = await calm.target("dev")
    issue = await calm.file(COUNTED, dev)
    await calm.sql("UPDATE change SET statement = convert_to('CREATE TABLE stolen (id int)', 'UTF8')")
    await calm.start()
    await calm.until(issue, "error")
    (task,) = await calm.tasks(issue)
    assert (task["failure"]["kind"], task["failure"]["class"]) == ("tampered", "error")
    assert not await dev.has("stolen") and await dev.ledger() == []


async def test_59_an_applied_prefix_stays(world: World) -> None:
    dev = await world.target("dev")
    first, third = change("1", COUNTED), change("3", "CREATE TABLE third (id int)")
    issue = await world.file([first, change("2", "SELECT nope"), third], dev)
    await world.until(issue, "failed")
    (task,) = await world.tasks(issue)
    assert [(c["version"], c["state"]) for c in task["changes"]] == [
        ("1", "applied"),
        ("2", "failed"),
        ("3", "not_run"),
    ]
    path = f"/issues/{issue['id']}/release"
    good = change("2", "CREATE TABLE second (id int)")
    status, code, problem = await world.ana.refused("PUT", path, changes=[change("1", "SELECT 1"), good, third])
    assert (status, code) == (409, "conflict") and "Change 1" in problem["detail"]
    status, code, _ = await world.ana.refused("PUT", path, changes=[good, first, third])
    assert (status, code) == (409, "conflict")
    revised = await world.ana.ok("PUT", path, changes=[first, good, third])
    assert revised["revision"] == 2
    await world.rita.ok("POST", f"/tasks/{task['id']}/retry")
    await world.until(issue, "succeeded")
    (task,) = await world.tasks(issue)
    assert [c["state"] for c in task["changes"]] == ["applied", "applied", "applied"]
    assert await effects(dev) == 1 and await dev.ledger() == ["1", "2", "3"]


async def test_60_versions_decide_what_is_the_same(world: World) -> None:
    dev = await world.target("dev")
    for _ in range(2):
        await world.until(await world.file(COUNTED, dev), "succeeded")
    assert await effects(dev) == 2
    for states in (["applied"], ["already_applied"]):
        issue = await world.file([change("v1", COUNTED)], dev)
        await world.until(issue, "succeeded")
        (task,) = await world.tasks(issue)
        assert [c["state"] for c in task["changes"]] == states
    assert await effects(dev) == 3
    other = await world.file([change("v1", "SELECT 1")], dev)
    await world.until(other, "failed")
    (task,) = await world.tasks(other)
    assert (task["failure"]["kind"], task["failure"]["class"]) == ("version_conflict", "failed")


async def test_61_a_gate_that_closes_between_claim_and_start(calm: World) -> None:
    dev = await calm.target("dev")
    issue = await calm.file(COUNTED, dev)
    hand = await Hand(calm.database).register()
    (claimed,) = await hand.claim()
    await calm.rita.ok("POST", f"/pipelines/{issue['pipeline']['id']}/hold", reason="Now.")
    assert await hand.start(claimed) == set()
    (task,) = await calm.tasks(issue)
    assert (task["status"], [r["outcome"] for r in task["runs"]]) == ("waiting", ["retried"])
    assert "TASK_START" not in [t for t, _ in await calm.events(issue)]
    await calm.rita.ok("POST", f"/pipelines/{issue['pipeline']['id']}/resume")
    assert await hand.start(claimed) == set()  # the old lease is worth nothing
    assert len(await hand.take()) == 1


async def test_61_a_rejection_between_claim_and_start(calm: World) -> None:
    issue = await calm.file(COUNTED, await calm.target("staging"))
    await calm.decide(calm.bo, issue, "staging")
    hand = await Hand(calm.database).register()
    (claimed,) = await hand.claim()
    await calm.decide(calm.dora, issue, "staging", decision="reject", comment="Stop.")
    assert await hand.start(claimed) == set()
    assert await calm.statuses(issue) == ["waiting"]


async def test_61_a_gate_that_closes_after_the_start_and_before_anything_was_sent(calm: World) -> None:
    dev = await calm.target("dev")
    issue = await calm.file(COUNTED, dev)
    async with dev.locked_by_somebody():
        await calm.start()
        (task,) = await calm.tasks(issue)
        shown = await eventually(lambda: _blocked(calm, task["id"]))
        assert [(b["gate"], b["code"]) for b in shown] == [("lock", "waiting")]
        await calm.rita.ok("POST", f"/pipelines/{issue['pipeline']['id']}/hold", reason="Now.")
    await calm.until_task(task["id"], "waiting")
    assert await effects(dev) == 0 and await dev.ledger() == []
    await calm.rita.ok("POST", f"/pipelines/{issue['pipeline']['id']}/resume")
    await calm.until(issue, "succeeded")
    assert await effects(dev) == 1


async def _blocked(world: World, task: int) -> list[Json]:
    shown = await world.task(task)
    return shown["blockers"] if shown["status"] == "running" else []


@pytest.mark.parametrize(("last_word", "becomes"), [("COMMIT", "succeeded"), ("ROLLBACK", "canceled")])
async def test_a_cancel_waits_for_what_a_lost_attempt_is_about(calm: World, last_word: str, becomes: str) -> None:
    dev = await calm.target("dev")
    await calm.start()
    await calm.until(await calm.file("SELECT 1", dev), "succeeded")  # makes the ledger
    await calm.stop()
    issue = await calm.file([change("2", "SELECT 2")], dev)
    hand = await Hand(calm.database).register()
    (claimed,) = await hand.claim()
    await hand.start(claimed)
    async with _about_to_commit(calm, dev) as zombie:
        await hand.let_go(claimed)
        await hand.reap()
        await calm.start()
        await eventually(lambda: _blocked(calm, claimed.id))
        await calm.rita.ok("POST", f"/tasks/{claimed.id}/cancel")
        await eventually(lambda: _says(calm, claimed.id, "An earlier attempt was lost"))
        assert (await calm.task(claimed.id))["status"] == "canceling", "nobody knows yet"
        await zombie.execute(last_word)
        await calm.until_task(claimed.id, becomes)
    assert ("2" in await dev.ledger()) == (becomes == "succeeded")
    assert (await calm.issue(issue))["pipeline"]["result"] == becomes


@asynccontextmanager
async def _about_to_commit(world: World, target: Target) -> AsyncIterator[asyncpg.Connection]:
    """A session with the lock that has written the row of change 2, as one of ours; by its name nobody knows it."""
    [(digest,)] = await world.sql("SELECT digest FROM change WHERE version = '2'")
    zombie = await asyncpg.connect(target.url)
    try:
        await zombie.execute(
            f"BEGIN; SELECT pg_advisory_xact_lock({LOCK_CLASS}, {LOCK_OBJECT});"
            "INSERT INTO penstock.ledger (project, version, name, change_digest, release_digest, deployment,"
            f" statement_count, run, actor) VALUES ('{PROJECT}', '2', '', '{digest}', '', 'x', 1, '1', 'ana')"
        )
        yield zombie
    finally:
        await zombie.close()


async def _says(world: World, task: int, text: str) -> bool:
    return any(text in line for line in await world.log((await world.task(task))["latest_run"]))


async def test_65_only_comments(world: World) -> None:
    dev = await world.target("dev")
    issue = await world.file("-- nothing to do here\n/* really */", dev)
    await world.until(issue, "succeeded")
    assert len(await dev.ledger()) == 1
    release = await world.ana.ok("GET", f"/releases/{issue['release']}")
    assert [f["severity"] for f in release["changes"][0]["findings"]] == ["info"]


async def test_a_running_statement_is_canceled(world: World) -> None:
    dev = await world.target("dev")
    issue = await world.file(f"{COUNTED}; SELECT pg_sleep(60)", dev)
    (task,) = await world.tasks(issue)
    await world.until_task(task["id"], "running")
    await eventually(lambda: _sleeping(dev))
    asked = await world.rita.ok("POST", f"/tasks/{task['id']}/cancel")
    assert asked["status"] in ("canceling", "canceled")
    ended = await world.until_task(task["id"], "canceled")
    assert [r["outcome"] for r in ended["runs"]] == ["canceled"]
    assert await effects(dev) == 0 and await dev.ledger() == []
    events = [t for t, _ in await world.events(issue)]
    assert events[-4:] == ["TASK_CANCELING", "TASK_COMPLETE", "PIPELINE_FAIL", "PIPELINE_COMPLETE"]


async def _sleeping(target: Target) -> bool:
    query = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
    return bool(await target.fetch(query))


async def test_a_cancel_that_comes_too_late_changes_nothing(calm: World) -> None:
    issue = await calm.file(COUNTED, await calm.target("dev"))
    hand = await Hand(calm.database).register()
    (name,) = await hand.take()
    (task,) = await calm.tasks(issue)
    assert (await calm.rita.ok("POST", f"/tasks/{task['id']}/cancel"))["status"] == "canceling"
    assert (await calm.rita.refused("POST", f"/tasks/{task['id']}/cancel"))[:2] == (409, "invalid_transition")
    await hand.end({name: "succeeded"})
    assert (await calm.issue(issue))["status"] == "done"


async def test_canceled_between_claim_and_start(calm: World) -> None:
    dev = await calm.target("dev")
    issue = await calm.file(COUNTED, dev)
    hand = await Hand(calm.database).register()
    (claimed,) = await hand.claim()
    await calm.ana.ok("POST", f"/issues/{issue['id']}/cancel")
    assert await calm.statuses(issue) == ["canceling"]
    assert await hand.start(claimed) == set()
    assert await calm.statuses(issue) == ["canceled"]


async def test_canceled_while_its_runner_was_lost(calm: World) -> None:
    """Whoever takes over only reads the proof, and says what is true."""
    applied, not_applied = await calm.target("dev"), await calm.target("dev")
    issue = await calm.file(COUNTED, applied, not_applied)
    lost = await Hand(calm.database).register()
    await lost.take()
    far = asyncio.get_running_loop().time() + 60
    done = lost.held[f"pg-dev/{applied.name}"]
    work = DatabaseChange(ReleaseReader(calm.database), calm.services.targets, engine_for, calm.site.deployment)
    await work.run(done, TaskPort(Standings(Attempts(calm.database)), done, lease_until=far, margin=1.0, deadline=far))
    await calm.ana.ok("POST", f"/issues/{issue['id']}/cancel")
    for claimed in lost.held.values():
        await lost.let_go(claimed)
    await calm.start(QUICK)
    by_name = {t["name"]: t["id"] for t in await calm.tasks(issue)}
    await calm.until_task(by_name[f"pg-dev/{applied.name}"], "succeeded")
    await calm.until_task(by_name[f"pg-dev/{not_applied.name}"], "canceled")
    assert (await effects(applied), await effects(not_applied)) == (1, 0)
    assert (await calm.issue(issue))["status"] == "canceled"


async def test_nobody_says_how_a_lost_attempt_ended_before_the_proof_is_read(calm: World) -> None:
    dev = await calm.target("dev")
    issue = await calm.file(COUNTED, dev)
    lost = await Hand(calm.database).register()
    await lost.take()
    (claimed,) = lost.held.values()
    await lost.let_go(claimed)
    await lost.reap()
    (task,) = await calm.tasks(issue)
    assert task["status"] == "ready"
    seen = await calm.rita.ok("GET", f"/tasks/{task['id']}")
    assert not {"cancel", "skip"} & set(seen["actions"]), "nothing is offered that would be refused"
    for verb, body in (("cancel", {}), ("skip", {"reason": "Not needed."})):
        refused = await calm.rita.refused("POST", f"/tasks/{task['id']}/{verb}", **body)
        assert refused[:2] == (409, "unknown_outcome")
    (again,) = await lost.claim()
    await lost.start(again)
    assert "cancel" in (await calm.rita.ok("GET", f"/tasks/{task['id']}"))["actions"]
    assert await lost.finish(again, "failed")  # it had not been applied
    assert "skip" in (await calm.rita.ok("GET", f"/tasks/{task['id']}"))["actions"]
    await calm.rita.ok("POST", f"/tasks/{task['id']}/retry")
    await calm.rita.ok("POST", f"/tasks/{task['id']}/cancel")
    assert await calm.statuses(issue) == ["canceled"]


async def test_an_instance_that_is_away_is_waited_for(world: World) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    body = world.site.instance("pg-away", "dev")
    await world.ada.ok("POST", "/instances", **body | {"host": "127.0.0.1", "port": port})
    dev = await world.target("dev", instance="pg-away")
    issue = await world.file(COUNTED, dev)
    (task,) = await world.tasks(issue)
    shown = await eventually(lambda: _away(world, task["id"]))
    (blocker,) = shown
    assert blocker["gate"] == "target-unreachable" and blocker["waiting_for"] == ["instance:pg-away"]
    assert blocker["clears_at"] is not None and str(port) in blocker["message"]
    assert "TASK_FAIL" not in [t for t, _ in await world.events(issue)]
    home = {"host": world.site.server.host, "port": world.site.server.port}
    await world.sql("UPDATE instance SET host = :host, port = :port WHERE slug = 'pg-away'", **home)
    await world.until(issue, "succeeded", timeout=30)
    assert await effects(dev) == 1


async def _away(world: World, task: int) -> list[Json]:
    shown = await world.task(task)
    return shown["blockers"] if shown["status"] == "ready" and shown["failure"] else []


async def test_wrong_credentials_fail_at_once_and_say_so(world: World) -> None:
    body = world.site.instance("pg-stranger", "dev", username="nobody_of_that_name")
    await world.ada.ok("POST", "/instances", **body)
    dev = await world.target("dev", instance="pg-stranger")
    issue = await world.file(COUNTED, dev)
    await world.until(issue, "error")
    (task,) = await world.tasks(issue)
    assert task["failure"]["kind"] == "infrastructure"
    assert task["failure"]["code"] in ("28000", "28P01")
    assert task["attempts"] == 1
