"""Acceptance scenarios of the pipeline model on MariaDB, where a change is not one transaction: the same answers."""

from __future__ import annotations

import asyncio
from typing import Any

from penstock.engines.registry import engine_for
from penstock.runtime.port import TaskPort
from penstock.runtime.releases import ReleaseReader
from penstock.runtime.standings import Standings
from penstock.runtime.supervisor import RunnerSettings
from penstock.runtime.work.database_change import DatabaseChange
from penstock.services.attempts import Attempts
from tests.builders import PROJECT, Json, World, stage
from tests.hand import Hand
from tests.mariadb_place import Place, settle
from tests.mariadb_place import place as place
from tests.mariadb_server import mariadb_database as mariadb_database
from tests.mariadb_server import mariadb_server as mariadb_server

QUICK = RunnerSettings(concurrency=8, lease_seconds=1.5, beat_seconds=0.3)
COUNTED = "CREATE TABLE IF NOT EXISTS effect (at timestamp(6)); INSERT INTO effect VALUES (now(6))"


def on(place: Place, statement: str | None = None, **more: Any) -> Json:
    """The body of a task on a MariaDB database."""
    own = {} if statement is None else {"statement": statement}
    return {"instance": place.instance, "database": place.id, **own, **more}


async def file(world: World, what: str | list[Json], place: Place) -> Json:
    """File an issue for one MariaDB database."""
    sql = {"statement": what} if isinstance(what, str) else {"release": {"changes": what}}
    body = {"project": PROJECT, "title": "A change", **sql, "targets": {"databases": [place.id]}}
    found: Json = await world.ana.ok("POST", "/issues", **body)
    return found


async def effects(place: Place) -> int:
    """How often a counted change took effect."""
    if not await place.rows("SHOW TABLES LIKE 'effect'"):
        return 0
    return int((await place.rows("SELECT count(*) FROM effect"))[0][0])


async def ledger(place: Place) -> list[str]:
    """Versions that the ledger has of a database, in the order they were applied."""
    if not await place.rows("SHOW DATABASES LIKE 'penstock'"):
        return []
    rows = await place.rows(
        f"SELECT version FROM penstock.ledger WHERE database_name = '{place.name}' ORDER BY applied_at, version"
    )
    return [str(version) for (version,) in rows]


def change(version: str, statement: str) -> Json:
    return {"version": version, "statement": statement}


async def states(world: World, issue: Json) -> dict[str, str]:
    """Task -> status, or why it was skipped."""
    return {t["name"]: t["skip_reason"] or t["status"] for t in await world.tasks(issue)}


async def test_11_what_needs_a_failure_is_skipped(world: World, place: Place) -> None:
    issue = await world.file_stages(
        None,
        stage("a", "dev", on(place, "SELECT nothing FROM nowhere", name="a")),
        stage("b", "dev", on(place, COUNTED, name="b"), needs=["a"]),
        stage("c", "dev", on(place, COUNTED, name="c"), needs=["b"]),
        stage("d", "dev", on(place, COUNTED, name="d")),
    )
    await world.until(issue, "failed")
    expected = {"a": "failed", "b": "upstream_failed", "c": "upstream_failed", "d": "succeeded"}
    assert (await states(world, issue), await effects(place)) == (expected, 1)


async def test_14_a_sequential_stage_stops_at_the_first_failure(world: World, place: Place) -> None:
    tasks = [on(place, sql, name=str(n)) for n, sql in enumerate((COUNTED, "SELECT nothing", COUNTED))]
    issue = await world.file_stages(None, stage("s", "dev", *tasks))
    await world.until(issue, "failed")
    assert await states(world, issue) == {"0": "succeeded", "1": "failed", "2": "previous_task"}
    assert await effects(place) == 1


async def test_27_only_what_succeeded_gives_outputs(world: World, place: Place) -> None:
    ask = {"type": "database.query"}
    issue = await world.file_stages(
        None,
        stage("good", "dev", on(place, "SELECT 1 AS k", name="good", **ask)),
        stage("bad", "dev", on(place, "SELECT 2 AS j", name="bad", expect="no_rows", **ask)),
        stage("later", "dev", on(place, COUNTED, name="later"), phase=1),
    )
    await world.until(issue, "failed")
    later = (await world.tasks(issue))[-1]
    assert (later["status"], later["context"]["outputs"]) == ("succeeded", {"k": 1})


async def test_33_a_standard_stage_waits_for_one_approval(
    world: World, mariadb_server: Any, mariadb_database: str
) -> None:
    staging = await settle(world, mariadb_server, mariadb_database, "staging")
    issue = await file(world, COUNTED, staging)
    assert [b["gate"] for b in (await world.stages(issue))["staging"]["blockers"]] == ["approval"]
    assert await effects(staging) == 0
    await world.decide(world.bo, issue, "staging")
    await world.until(issue, "succeeded")
    assert await effects(staging) == 1


async def test_39_a_runner_that_was_lost_before_it_sent_anything(calm: World, place: Place) -> None:
    await calm.stop()
    issue = await file(calm, COUNTED, place)
    lost = await Hand(calm.database).register()
    (claimed,) = await lost.claim()
    await lost.start(claimed)
    await lost.let_go(claimed)
    await calm.start(QUICK)
    await calm.until(issue, "succeeded")
    (task,) = await calm.tasks(issue)
    assert [(r["attempt"], r["outcome"]) for r in task["runs"]] == [(2, "succeeded"), (1, "interrupted")]
    assert await effects(place) == 1


async def test_40_a_runner_that_was_lost_after_it_committed(calm: World, place: Place) -> None:
    await calm.stop()
    issue = await file(calm, COUNTED, place)
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
    assert await effects(place) == 1 and len(await ledger(place)) == 1


async def test_46_tampered_bytes_are_never_sent(calm: World, place: Place) -> None:
    await calm.stop()
    issue = await file(calm, COUNTED, place)
    await calm.sql("UPDATE change SET statement = convert_to('CREATE TABLE stolen (id int)', 'UTF8')")
    await calm.start()
    await calm.until(issue, "error")
    (task,) = await calm.tasks(issue)
    assert (task["failure"]["kind"], task["failure"]["class"]) == ("tampered", "error")
    assert await place.rows("SHOW TABLES") == [] and await ledger(place) == []


async def test_59_an_applied_prefix_stays(world: World, place: Place) -> None:
    first, third = change("1", COUNTED), change("3", "CREATE TABLE third (id int)")
    issue = await file(world, [first, change("2", "SELECT nope"), third], place)
    await world.until(issue, "failed")
    (task,) = await world.tasks(issue)
    assert [c["state"] for c in task["changes"]] == ["applied", "failed", "not_run"]
    path = f"/issues/{issue['id']}/release"
    good = change("2", "CREATE TABLE second (id int)")
    status, code, _ = await world.ana.refused("PUT", path, changes=[change("1", "SELECT 1"), good, third])
    assert (status, code) == (409, "conflict")
    await world.ana.ok("PUT", path, changes=[first, good, third])
    await world.rita.ok("POST", f"/tasks/{task['id']}/retry")
    await world.until(issue, "succeeded")
    assert await effects(place) == 1 and await ledger(place) == ["1", "2", "3"]


async def test_60_versions_decide_what_is_the_same(world: World, place: Place) -> None:
    for _ in range(2):
        await world.until(await file(world, COUNTED, place), "succeeded")
    assert await effects(place) == 2
    for expected in ("applied", "already_applied"):
        issue = await file(world, [change("v1", COUNTED)], place)
        await world.until(issue, "succeeded")
        assert [c["state"] for t in await world.tasks(issue) for c in t["changes"]] == [expected]
    assert await effects(place) == 3
    other = await file(world, [change("v1", "SELECT 1")], place)
    await world.until(other, "failed")
    (task,) = await world.tasks(other)
    assert (task["failure"]["kind"], task["failure"]["class"]) == ("version_conflict", "failed")


async def test_65_only_comments(world: World, place: Place) -> None:
    issue = await file(world, "-- nothing to do here\n/* really */ # at all", place)
    await world.until(issue, "succeeded")
    assert len(await ledger(place)) == 1
