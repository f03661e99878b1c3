"""Comparing schemas over HTTP: which sides there may be, who sees them, what the answer says."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
import zstandard

from penstock.schema.fingerprint import canonical, fingerprint
from penstock.schema.model import Column, DatabaseSchema, Relation, Schema
from penstock.services import schema_diffs
from penstock.store.tables.catalog import database, database_snapshot, schema_snapshot
from tests.integration.web.conftest import API, Client, World

ID = Column("id", "bigint", 1, False)
NOTE = Column("note", "text", 2, True)


def schema(*columns: Column, engine: str = "postgres") -> DatabaseSchema:
    """A database with one table, ``orders``."""
    orders = Relation("orders", "table", columns)
    return DatabaseSchema("", engine, schemas=(Schema("public" if engine == "postgres" else "", (orders,)),))


OLD, NEW, MARIA = schema(ID), schema(ID, NOTE), schema(ID, engine="mariadb")


@pytest.fixture
async def ids(world: World) -> dict[str, int]:
    """``shop`` was OLD, and is NEW in dev only; ``locked`` could not be read; ``fresh`` was never synced."""
    await world.instance("pg-dev", "dev")
    await world.instance("pg-prod", "prod")

    async def sync(conn: Any) -> dict[str, int]:
        for each in (OLD, NEW, MARIA):
            content = zstandard.compress(canonical(each))
            await conn.execute(sa.insert(schema_snapshot).values(fingerprint=fingerprint(each), content=content))
        instances = {row.slug: row.id for row in (await conn.execute(sa.text("SELECT slug, id FROM instance"))).all()}
        found = {}
        for slug, name, seen, synced in (
            ("pg-dev", "shop", NEW, True),
            ("pg-prod", "shop", OLD, True),
            ("pg-prod", "maria", MARIA, True),
            ("pg-prod", "locked", None, True),
            ("pg-prod", "fresh", None, False),
        ):
            values = {"instance_id": instances[slug], "name": name, "fingerprint": seen and fingerprint(seen)}
            values |= {"synced_at": sa.func.now() if synced else None}
            found[f"{slug}/{name}"] = await conn.scalar(sa.insert(database).values(values).returning(database.c.id))
        return found

    return await world.database.run(sync)


async def diff(client: Client, left: Any, right: Any) -> Any:
    return await client.post(f"{API}/schema-diffs", json={"left": left, "right": right})


async def test_a_diff_says_what_differs_and_how_to_end_it(world: World, ids: dict[str, int]) -> None:
    found = (await diff(world.admin, {"database": "pg-prod/shop"}, {"database": ids["pg-dev/shop"]})).json()
    assert found["left"] == {"database": "pg-prod/shop", "snapshot": fingerprint(OLD), "engine": "postgres"}
    assert found["right"]["database"] == "pg-dev/shop"
    [change] = found["changes"]
    assert (change["kind"], change["type"], change["path"]) == ("added", "column", ["public", "orders", "note"])
    assert change["after"] == {"type": "text", "nullable": True}
    assert found["ddl"] == 'ALTER TABLE "public"."orders" ADD COLUMN "note" text;\n'
    assert (found["equal"], found["left_out"], found["unrendered"]) == (False, 0, 0)


async def test_equal_schemas_have_no_differences(world: World, ids: dict[str, int]) -> None:
    found = (await diff(world.admin, {"database": "pg-prod/shop"}, {"snapshot": fingerprint(OLD)})).json()
    assert (found["equal"], found["changes"], found["ddl"]) == (True, [], "")
    assert found["right"]["database"] is None


@pytest.mark.parametrize(
    ("side", "field", "code"),
    [
        ({}, "left", "side_missing"),
        ({"database": "pg-dev/shop", "snapshot": fingerprint(OLD)}, "left", "side_twice"),
        ({"database": "pg-dev/nope"}, "left.database", "unknown_database"),
        ({"database": 999_999}, "left.database", "unknown_database"),
        ({"database": 2**70}, "left.database", "unknown_database"),
        ({"snapshot": "sha256:" + "0" * 64}, "left.snapshot", "unknown_snapshot"),
        ({"database": "pg-prod/fresh"}, "left.database", "never_synced"),
        ({"database": "pg-prod/locked"}, "left.database", "unreadable_schema"),
        ({"database": "pg-prod/maria"}, "right", "engines_differ"),
    ],
)
async def test_a_side_that_cannot_be_compared(
    world: World, ids: dict[str, int], side: dict[str, Any], field: str, code: str
) -> None:
    answer = await diff(world.admin, side, {"database": "pg-dev/shop"})
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize(
    "side",
    [{"snapshot": "sha256:1"}, {"database": "pg-dev/\0"}, {"snapshot": 7}, {"database": [1]}, {"other": 1}, 7, None],
)
async def test_a_side_that_is_none(world: World, side: Any) -> None:
    assert (await diff(world.admin, side, side)).status_code == 422


async def test_a_schema_that_is_too_large(world: World, ids: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema_diffs, "MOST_BYTES", 10)
    answer = await diff(world.admin, {"database": "pg-dev/shop"}, {"database": "pg-prod/shop"})
    assert (answer.status_code, answer.json()["code"]) == (422, "schema_too_large")


async def test_more_changes_than_are_listed(world: World, ids: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema_diffs, "MOST_CHANGES", 0)
    found = (await diff(world.admin, {"database": "pg-dev/shop"}, {"database": "pg-prod/shop"})).json()
    assert (found["changes"], found["left_out"], found["equal"]) == ([], 1, False)


async def test_what_is_stored_and_cannot_be_read(world: World, ids: dict[str, int]) -> None:
    broken = zstandard.compress(msgspec.json.encode({"name": 1}))
    await world.database.run(
        lambda conn: conn.execute(
            sa.update(schema_snapshot).where(schema_snapshot.c.fingerprint == fingerprint(OLD)).values(content=broken)
        )
    )
    answer = await diff(world.admin, {"database": "pg-dev/shop"}, {"database": "pg-prod/shop"})
    assert (answer.status_code, answer.json()["code"]) == (422, "unreadable_schema")


async def test_both_sides_must_be_of_databases_that_the_caller_sees(world: World, ids: dict[str, int]) -> None:
    owner = await world.person("owner@example.com")
    await world.project("shop", owner="owner")
    await world.admin.patch(f"{API}/databases/pg-dev%2Fshop", json={"project": "shop"})
    mine, other = {"database": "pg-dev/shop"}, {"database": "pg-prod/shop"}
    for sides in ((mine, other), (other, mine)):
        assert (await diff(owner, *sides)).json()["code"] == "unknown_database"
    assert (await diff(owner, mine, {"snapshot": fingerprint(NEW)})).json()["equal"]
    assert (await diff(owner, mine, {"snapshot": fingerprint(OLD)})).json()["code"] == "unknown_snapshot"
    # Once their own database is known to have been like that, it is nobody's secret.
    period = {"database_id": ids["pg-dev/shop"], "fingerprint": fingerprint(OLD)}
    times = {"first_seen_at": sa.func.now(), "last_seen_at": sa.func.now()}
    await world.database.run(lambda conn: conn.execute(sa.insert(database_snapshot).values(**period, **times)))
    assert not (await diff(owner, mine, {"snapshot": fingerprint(OLD)})).json()["equal"]
