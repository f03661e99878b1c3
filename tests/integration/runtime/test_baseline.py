"""Adopting a database that another tool, or nobody, looked after: what is there is recorded, and nothing is run."""

from __future__ import annotations

from typing import Any

from tests.builders import PROJECT, Json, Target, World, task
from tests.integration.runtime.test_mariadb import INSTANCE, Place
from tests.integration.runtime.test_mariadb import place as place
from tests.mariadb_server import mariadb_database as mariadb_database
from tests.mariadb_server import mariadb_server as mariadb_server

FLYWAY = """
    CREATE TABLE flyway_schema_history (installed_rank int PRIMARY KEY, version varchar(50), description varchar(200)
        NOT NULL, type varchar(20) NOT NULL, script varchar(1000) NOT NULL, checksum int, installed_by varchar(100)
        NOT NULL, installed_on timestamp NOT NULL DEFAULT now(), execution_time int NOT NULL, success boolean NOT NULL);
    INSERT INTO flyway_schema_history VALUES
        (1, '1', 'init', 'SQL', 'V1__init.sql', 1996767037, 'x', now(), 5, true),
        (2, '2', 'more', 'SQL', 'V2__more.sql', 1279644856, 'x', now(), 5, true),
        (3, NULL, 'views', 'SQL', 'R__views.sql', 5, 'x', now(), 5, true);
"""
CHANGES = [{"version": v, "name": f"c{v}", "statement": f"CREATE TABLE t{v} (id int)"} for v in ("1", "2", "3")]


async def release(world: World, changes: list[Json] = CHANGES) -> int:
    return int((await world.ana.ok("POST", "/releases", project=PROJECT, changes=changes))["id"])


async def adopt(world: World, *tasks: Json) -> Json:
    """File an issue whose tasks are baselines."""
    body = {"project": PROJECT, "title": "Adopt"}
    pipeline = {"tasks": [{**t, "type": "schema.baseline"} for t in tasks]}
    found: Json = await world.ana.ok("POST", "/issues", **body, pipeline=pipeline)
    return found


async def rows(target: Target) -> list[tuple[Any, ...]]:
    """Version, digest and name of what the ledger has."""
    return await target.fetch("SELECT version, change_digest, name FROM penstock.ledger ORDER BY version")


async def test_a_release_is_taken_for_applied_and_later_ones_go_on_from_there(world: World) -> None:
    dev = await world.target("dev")
    await dev.execute("CREATE TABLE t1 (id int); CREATE TABLE t2 (id int)")
    adopted = await release(world, CHANGES[:2])
    issue = await adopt(world, task(dev, release=adopted))
    await world.until(issue, "succeeded")
    (found,) = await world.tasks(issue)
    assert [(c["version"], c["state"]) for c in found["changes"]] == [("1", "applied"), ("2", "applied")]
    assert await dev.ledger() == ["1", "2"]
    later = await world.file(CHANGES, dev)  # would fail, were 1 and 2 run again
    await world.until(later, "succeeded")
    (found,) = await world.tasks(later)
    assert [c["state"] for c in found["changes"]] == ["already_applied", "already_applied", "applied"]


async def test_what_flyway_says_decides_which_changes_of_a_release_are_there(world: World) -> None:
    dev = await world.target("dev")
    await dev.execute(FLYWAY)
    issue = await adopt(world, task(dev, release=await release(world)))
    await world.until(issue, "succeeded")
    (found,) = await world.tasks(issue)
    assert [c["state"] for c in found["changes"]] == ["applied", "applied", "not_run"]
    assert [(v, d.split(":")[0]) for v, d, _ in await rows(dev)] == [("1", "sha256"), ("2", "sha256")]
    lines = await world.log(found["latest_run"])
    assert any("flyway says that 2 changes are applied" in line for line in lines)
    assert any("left to be applied: 3" in line for line in lines)
    assert not await dev.has("t3")


async def test_without_a_release_the_history_itself_is_recorded(world: World) -> None:
    dev = await world.target("dev")
    await dev.execute(FLYWAY)
    issue = await adopt(world, task(dev))
    await world.until(issue, "succeeded")
    assert await rows(dev) == [("1", "flyway:1996767037", "flyway: init"), ("2", "flyway:1279644856", "flyway: more")]
    (found,) = await world.tasks(issue)
    assert [(c["version"], c["state"]) for c in found["changes"]] == [("1", "applied"), ("2", "applied")]
    again = await adopt(world, task(dev))
    await world.until(again, "succeeded")
    assert {c["state"] for c in (await world.tasks(again))[0]["changes"]} == {"already_applied"}
    other = await world.file(CHANGES[:1], dev)  # other bytes, as far as anybody can know: refused before any SQL
    await world.until(other, "failed")
    assert (await world.tasks(other))[0]["failure"]["kind"] == "version_conflict"


async def test_liquibase_and_alembic(world: World) -> None:
    one, two = await world.target("dev"), await world.target("dev")
    await one.execute(
        "CREATE TABLE databasechangelog (id varchar(255), author varchar(255), filename varchar(255), dateexecuted"
        " timestamp, orderexecuted int, exectype varchar(10), md5sum varchar(35));"
        "INSERT INTO databasechangelog VALUES ('1', 'ana', 'a.xml', now(), 1, 'EXECUTED', '9:abc'),"
        " ('2', 'ana', 'a.xml', now(), 2, 'FAILED', '9:def')"
    )
    await two.execute(
        "CREATE TABLE alembic_version (version_num varchar(32)); INSERT INTO alembic_version VALUES ('2')"
    )
    issue = await adopt(world, task(one), task(two, release=await release(world)))
    await world.until(issue, "succeeded")
    assert await rows(one) == [("1::ana::a.xml", "liquibase:9:abc", "liquibase: a.xml")]
    assert await two.ledger() == ["1", "2"]


async def test_a_database_without_a_history_needs_a_release(world: World) -> None:
    dev = await world.target("dev")
    issue = await adopt(world, task(dev))
    await world.until(issue, "failed")
    (found,) = await world.tasks(issue)
    assert (found["failure"]["kind"], found["failure"]["code"]) == ("check", "nothing_to_record")
    assert "release" in found["failure"]["hint"] and await dev.ledger() == []


async def test_a_version_that_is_recorded_with_other_bytes_is_not_overwritten(world: World) -> None:
    dev = await world.target("dev")
    await world.until(await world.file([{"version": "2", "statement": "SELECT 2"}], dev), "succeeded")
    issue = await adopt(world, task(dev, release=await release(world)))
    await world.until(issue, "failed")
    (found,) = await world.tasks(issue)
    assert found["failure"]["kind"] == "version_conflict"
    assert [c["state"] for c in found["changes"]] == ["applied", "failed", "not_run"]


async def test_it_is_approved_like_anything_else(calm: World) -> None:
    staging = await calm.target("staging")
    issue = await adopt(calm, task(staging))
    [made] = issue["pipeline"]["stages"]
    assert [b["gate"] for b in made["blockers"]] == ["approval"]
    await calm.decide(calm.bo, issue, "staging")
    assert await calm.statuses(issue) == ["ready"]


async def test_what_a_baseline_cannot_be(calm: World) -> None:
    dev = await calm.target("dev")
    body = {"project": PROJECT, "title": "Wrong"}
    wrong = {**task(dev), "type": "schema.baseline", "statement": "SELECT 1"}
    status, code, _ = await calm.ana.refused("POST", "/issues", **body, pipeline={"tasks": [wrong]})
    assert (status, code) == (422, "baseline_statement")
    unknown = {**task(dev), "type": "schema.baseline", "release": 999_999}
    assert (await calm.ana.refused("POST", "/issues", **body, pipeline={"tasks": [unknown]}))[1] == "unknown_release"


async def test_the_issues_own_release_is_never_taken_for_granted(calm: World) -> None:
    dev = await calm.target("dev")
    tasks = [{**task(dev), "type": "schema.baseline", "name": "adopt"}, {**task(dev), "name": "change"}]
    issue = await calm.ana.ok(
        "POST", "/issues", project=PROJECT, title="Both", statement="SELECT 1", pipeline={"tasks": tasks}
    )
    adopted, changed = await calm.tasks(issue)
    assert adopted["release"] is None and changed["release"] == issue["release"]


async def test_flyway_and_bytebase_on_mariadb(world: World, place: Place) -> None:
    create, insert = FLYWAY.replace("boolean", "bool").strip().rstrip(";").split(";")
    await place.rows(create)
    await place.rows(insert)
    found = await place.server.execute("SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'bytebase'")
    assert not found, "somebody's Bytebase lives here"
    await place.server.execute("CREATE DATABASE bytebase")
    try:
        await place.server.execute(
            "CREATE TABLE bytebase.migration_history (namespace text, sequence bigint, status text, version text,"
            " description text, statement text, created_ts bigint)"
        )
        await place.server.execute(
            "INSERT INTO bytebase.migration_history VALUES"
            f" ('{place.name}', 1, 'DONE', '0000.0000.0000-20230101', 'by bytebase', 'CREATE TABLE t3 (id int)', 1),"
            f" ('{place.name}', 2, 'FAILED', '20230102', '', '', 2), ('other', 1, 'DONE', '20230103', '', '', 3)"
        )
        issue = await adopt(world, {"instance": INSTANCE, "database": place.name})
        await world.until(issue, "succeeded")
    finally:
        await place.server.execute("DROP DATABASE bytebase")
    query = f"SELECT version, LEFT(change_digest, 7) FROM penstock.ledger WHERE database_name = '{place.name}'"
    assert sorted(await place.rows(query)) == [("1", "flyway:"), ("2", "flyway:"), ("20230101", "sha256:")]
