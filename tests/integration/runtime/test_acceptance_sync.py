"""Pipelines without an issue: syncing an instance records what is there, and what no longer is."""

from __future__ import annotations

from tests.builders import Json, World
from tests.waiting import eventually


async def sync(world: World, instance: str) -> Json:
    """Sync an instance and wait for the end of its pipeline."""
    started = await world.dora.ok("POST", f"/instances/{instance}/sync")

    async def look() -> Json:
        found: Json = await world.dora.ok("GET", f"/pipelines/{started['pipeline']}")
        return found if found["result"] in ("succeeded", "failed", "error") else {}

    return await eventually(look, 30, every=0.05, message="the sync ends")


async def database(world: World, name: str, instance: str = "pg-dev") -> Json:
    """A database as the API has it."""
    found: Json = await world.dora.ok("GET", f"/databases/{instance}%2F{name}")
    return found


async def test_30_a_pipeline_without_an_issue_records_what_is_there(world: World) -> None:
    dev = await world.target("dev")
    await dev.execute(
        "CREATE TABLE thing (id bigint PRIMARY KEY, name text NOT NULL); CREATE VIEW v AS SELECT 1 AS one"
    )
    gone = await world.site.server.create_database()
    try:
        pipeline = await sync(world, "pg-dev")
        assert (pipeline["issue"], pipeline["project"], pipeline["status"]) == (None, None, "done")
        assert [(s["name"], s["status"], s["blockers"]) for s in pipeline["stages"]] == [("dev", "succeeded", [])]
        known = await database(world, dev.name)
        assert (known["project"], known["tables"], known["vanished_at"]) == ("shop", 1, None)
        assert (await database(world, gone))["vanished_at"] is None
    finally:
        await world.site.server.drop_database(gone)
    schema = await world.dora.ok("GET", f"/databases/{known['id']}/schema")
    tables = {r["name"]: r for s in schema["schemas"] if s["name"] == "public" for r in s["relations"]}
    assert [c["name"] for c in tables["thing"]["columns"]] == ["id", "name"]
    assert "v" in tables
    await dev.execute("ALTER TABLE thing ADD COLUMN price numeric")
    await sync(world, "pg-dev")
    assert (await database(world, gone))["vanished_at"] is not None
    again = await world.dora.ok("GET", f"/databases/{known['id']}/schema")
    assert again["fingerprint"] != schema["fingerprint"]
    types = [r[0] for r in await world.sql("SELECT type FROM event WHERE type = 'SYNC_COMPLETE'")]
    assert len(types) == 2


async def test_a_sync_that_is_under_way_is_not_filed_twice(calm: World) -> None:
    first = await calm.dora.ok("POST", "/instances/pg-dev/sync")
    second = await calm.dora.ok("POST", "/instances/pg-dev/sync")
    assert (first["already_running"], second["already_running"]) == (False, True)
    assert first["pipeline"] == second["pipeline"]
    assert (await calm.ana.refused("POST", "/instances/pg-dev/sync"))[0] == 403


async def test_a_sync_that_fails_says_why_on_the_instance(world: World) -> None:
    body = world.site.instance("pg-nobody", "dev", username="nobody_of_that_name")
    await world.ada.ok("POST", "/instances", **body)
    assert (await sync(world, "pg-nobody"))["result"] == "error"
    instance = await world.dora.ok("GET", "/instances/pg-nobody")
    assert "nobody_of_that_name" in instance["last_sync_error"]
