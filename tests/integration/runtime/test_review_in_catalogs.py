"""Review asks the catalogs of the databases that a change is meant for, before anybody approves it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders import PROJECT, Json, World
from tests.integration.runtime.test_mariadb import INSTANCE, Place, file
from tests.integration.runtime.test_mariadb import mariadb_database as mariadb_database
from tests.integration.runtime.test_mariadb import mariadb_server as mariadb_server
from tests.integration.runtime.test_mariadb import place as place

OUTSIDE = "my-non-transactional-table"
NOT_READ = "catalog-not-read"
HITS = "CREATE TABLE hits (n int) ENGINE = MyISAM"
UPDATE = "INSERT INTO hits VALUES (1)"


@pytest.fixture
def world(calm: World) -> World:
    """Nothing runs: tasks stay as they are filed."""
    return calm


async def findings(world: World, issue: Json) -> list[tuple[str, str, str | None]]:
    """Rule, severity and version of an issue's findings."""
    found = await world.ana.ok("GET", f"/issues/{issue['id']}/findings")
    return [(f["rule"], f["severity"], f["change"]) for f in found]


async def version_of(world: World, issue: Json) -> str:
    [(version,)] = await world.sql(
        "SELECT c.version FROM change c JOIN release_change rc ON rc.change_id = c.id JOIN task t"
        " ON t.release_id = rc.release_id JOIN issue i ON i.pipeline_id = t.pipeline_id WHERE i.id = :id",
        id=issue["id"],
    )
    return str(version)


async def counted(world: World, issue: Json) -> Any:
    """What the gates are told."""
    [(counts,)] = await world.sql("SELECT findings FROM stage WHERE pipeline_id = :id", id=issue["pipeline"]["id"])
    return counts


async def test_rows_that_no_transaction_protects_are_found_when_an_issue_is_filed(world: World, place: Place) -> None:
    await place.rows(HITS)
    issue = await file(world, place, UPDATE)
    assert await findings(world, issue) == [(OUTSIDE, "warning", await version_of(world, issue))]
    assert await counted(world, issue) == {"warning": 1}


async def test_transactional_tables_are_no_finding(world: World, place: Place) -> None:
    await place.rows("CREATE TABLE hits (n int) ENGINE = InnoDB")
    assert await findings(world, await file(world, place, UPDATE)) == []


async def test_a_database_that_is_away_is_said_not_to_have_been_asked(world: World, place: Place) -> None:
    await world.sql("UPDATE instance SET port = 1 WHERE slug = :slug", slug=INSTANCE)
    issue = await file(world, place, UPDATE)
    assert [f[:2] for f in await findings(world, issue)] == [(NOT_READ, "warning")]
    found = await world.ana.ok("GET", f"/issues/{issue['id']}/findings")
    assert f"{INSTANCE}/{place.name}" in found[0]["message"] and "cannot be reached" in found[0]["message"]


async def test_the_review_runs_again_and_sees_what_has_changed(world: World, place: Place) -> None:
    await place.rows(HITS)
    issue = await file(world, place, UPDATE)
    await place.rows("ALTER TABLE hits ENGINE = InnoDB")
    assert await world.ana.ok("POST", f"/issues/{issue['id']}/review") == []
    assert await counted(world, issue) == {}


async def test_the_review_runs_again_by_the_rules_of_today(world: World) -> None:
    issue = await world.file("DROP TABLE IF EXISTS t", await world.target())
    known = await findings(world, issue)
    assert known
    await world.sql("UPDATE change SET findings = '[]'")  # as they were when nobody had thought of that rule
    assert await findings(world, issue) == []
    found = await world.ana.ok("POST", f"/issues/{issue['id']}/review")
    assert [(f["rule"], f["severity"], f["change"]) for f in found] == known
    assert sum((await counted(world, issue)).values()) == len(known)
    assert ("ISSUE_UPDATED", {"fields": ["review"]}) in await world.events(issue)


async def test_a_release_that_replaces_another_is_looked_at_as_well(world: World, place: Place) -> None:
    await place.rows(HITS)
    issue = await file(world, place, "CREATE TABLE other (n int)")
    assert await findings(world, issue) == []
    await world.ana.ok("PUT", f"/issues/{issue['id']}/release", statement=UPDATE)
    assert [f[0] for f in await findings(world, issue)] == [OUTSIDE]


async def test_tables_are_measured_for_the_gates(world: World) -> None:
    target = await world.target()
    await target.execute("CREATE TABLE orders AS SELECT generate_series(1, 500) AS a; ANALYZE orders")
    issue = await world.file("DELETE FROM orders WHERE a = 1", target)
    await world.ana.ok("POST", f"/issues/{issue['id']}/review")
    [(facts,)] = await world.sql("SELECT review_facts FROM stage WHERE pipeline_id = :id", id=issue["pipeline"]["id"])
    assert facts["rows"] == {"value": 500, "of": f"orders on pg-dev/{target.name}"}
    assert facts["table_bytes"]["value"] >= 8192 and "why_sizes_unknown" not in facts


async def test_an_issue_that_is_over_is_not_reviewed_again(world: World) -> None:
    issue = await world.file("SELECT 1", await world.target())
    await world.ana.ok("POST", f"/issues/{issue['id']}/cancel")
    assert (await world.ana.refused("POST", f"/issues/{issue['id']}/review"))[:2] == (409, "invalid_transition")
    assert (await world.ana.refused("POST", "/issues/999999/review"))[:2] == (404, "not_found")
    assert (await world.person("eve").refused("POST", f"/issues/{issue['id']}/review"))[0] in (403, 404)


async def test_a_script_is_reviewed_with_the_catalog_of_a_database(world: World, place: Place) -> None:
    await place.rows(HITS)
    body = {"engine": "mariadb", "statement": UPDATE}
    without = await world.rita.ok("POST", "/reviews", **body)
    assert [f["rule"] for f in without["findings"]] == [] and not without["steps"][0]["undecidable"]
    for named in (place.id, f"{INSTANCE}/{place.name}"):
        found = await world.rita.ok("POST", "/reviews", **body, database=named)
        assert [f["rule"] for f in found["findings"]] == [OUTSIDE] and found["steps"][0]["undecidable"]
    await world.sql("UPDATE instance SET port = 1 WHERE slug = :slug", slug=INSTANCE)
    away = await world.rita.ok("POST", "/reviews", **body, database=place.id)
    assert [f["rule"] for f in away["findings"]] == [NOT_READ]


async def test_a_database_that_does_not_fit_is_refused(world: World, place: Place) -> None:
    body = {"engine": "postgres", "statement": "SELECT 1", "database": place.id}
    assert (await world.rita.refused("POST", "/reviews", **body))[:2] == (422, "other_engine")
    for absent in (999_999, "nowhere/nothing", "nothing"):
        refused = await world.rita.refused("POST", "/reviews", **{**body, "database": absent})
        assert refused[:2] == (422, "unknown_database")
    hidden = await world.person("eve").refused("POST", "/reviews", **{**body, "engine": "mariadb"})
    assert hidden[:2] == (422, "unknown_database")
    assert PROJECT not in str(hidden[2])
