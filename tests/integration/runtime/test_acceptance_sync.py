"""Pipelines without an issue: syncing an instance records what is there, and what no longer is."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.builders import Json, World
from tests.mariadb_server import MariaDbServer
from tests.own_servers import own_mariadb as own_mariadb
from tests.own_servers import own_postgres as own_postgres
from tests.postgres_server import PostgresServer
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


@dataclass(frozen=True)
class Place:
    """A server of our own, which has no databases but those of the test, as an instance."""

    engine: str
    server: MariaDbServer | PostgresServer

    @property
    def instance(self) -> Json:
        """The body that files it."""
        where = {"host": self.server.host, "port": self.server.port, "username": self.server.user}
        return {"slug": f"own-{self.engine}", "engine": self.engine, "environment": "dev", "tls": "require", **where}


@pytest.fixture(params=["postgres", "mariadb"])
def place(request: pytest.FixtureRequest) -> Place:
    """A server of each kind in turn."""
    return Place(request.param, request.getfixturevalue(f"own_{request.param}").server)


async def test_30_a_pipeline_without_an_issue_records_what_is_there(world: World, place: Place) -> None:
    server, slug = place.server, place.instance["slug"]
    added = await world.ada.ok("POST", "/instances", **place.instance)
    assert (added["support"], added["server_version"]) == ("supported", None)
    name, gone = await server.create_database(), await server.create_database()
    await server.execute("CREATE TABLE thing (id bigint PRIMARY KEY, name varchar(20) NOT NULL)", name)
    await server.execute("CREATE VIEW v AS SELECT 1 AS one", name)
    try:
        pipeline = await sync(world, slug)
        assert (pipeline["issue"], pipeline["project"], pipeline["status"]) == (None, None, "done")
        assert [(s["name"], s["status"], s["blockers"]) for s in pipeline["stages"]] == [("dev", "succeeded", [])]
        known = await database(world, name, slug)
        assert (known["project"], known["tables"], known["vanished_at"]) == (None, 1, None)
        assert (await database(world, gone, slug))["vanished_at"] is None
        await server.drop_database(gone)
        schema = await world.dora.ok("GET", f"/databases/{known['id']}/schema")
        tables = {r["name"]: r for s in schema["schemas"] for r in s["relations"]}
        assert [c["name"] for c in tables["thing"]["columns"]] == ["id", "name"]
        assert "v" in tables
        assert [s["name"] for s in schema["schemas"]] == [{"postgres": "public"}.get(place.engine, name)]
        await server.execute("ALTER TABLE thing ADD COLUMN price numeric(9, 2)", name)
        await sync(world, slug)
        assert (await database(world, gone, slug))["vanished_at"] is not None
        again = await world.dora.ok("GET", f"/databases/{known['id']}/schema")
        assert again["fingerprint"] != schema["fingerprint"]
        instance = await world.dora.ok("GET", f"/instances/{slug}")
        assert instance["server_version"] and instance["last_synced_at"] and instance["last_sync_error"] is None
        types = [r[0] for r in await world.sql("SELECT type FROM event WHERE type = 'SYNC_COMPLETE'")]
        assert len(types) == 2
    finally:
        await server.drop_database(name)
        await server.drop_database(gone)


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
