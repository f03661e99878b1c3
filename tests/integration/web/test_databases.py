"""Databases: who sees which, labels, moves between projects, schemas."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
import zstandard

from penstock.schema.fingerprint import canonical, fingerprint
from penstock.schema.model import Column, DatabaseSchema, Relation, Schema
from penstock.store.tables.catalog import database, schema_snapshot
from tests.integration.web.conftest import API, World

DATABASES = f"{API}/databases"
ORDERS = DatabaseSchema(
    name="",
    engine="postgres",
    schemas=(
        Schema(
            name="public",
            relations=(Relation(name="orders", kind="table", columns=(Column("id", "bigint", 1, False),)),),
        ),
    ),
)


@pytest.fixture
async def ids(world: World) -> dict[str, int]:
    """Databases as a sync finds them: shop and crm on pg-dev, shop on pg-prod."""
    await world.instance("pg-dev", "dev")
    await world.instance("pg-prod", "prod")
    content = zstandard.compress(canonical(ORDERS))

    async def sync(conn: Any) -> dict[str, int]:
        await conn.execute(sa.insert(schema_snapshot).values(fingerprint=fingerprint(ORDERS), content=content))
        rows = (await conn.execute(sa.text("SELECT slug, id FROM instance"))).all()
        instances = {row.slug: row.id for row in rows}
        found = {}
        for slug, name in (("pg-dev", "shop"), ("pg-dev", "crm"), ("pg-prod", "shop")):
            values = {"instance_id": instances[slug], "name": name, "tables": 1}
            if name == "shop":
                values |= {"fingerprint": fingerprint(ORDERS), "synced_at": sa.func.now()}
            query = sa.insert(database).values(values).returning(database.c.id)
            found[f"{slug}/{name}"] = await conn.scalar(query)
        return found

    return await world.database.run(sync)


async def names(client: Any, query: str = "") -> list[str]:
    items = (await client.get(f"{DATABASES}{query}")).json()["items"]
    return [f"{item['instance']}/{item['name']}" for item in items]


async def test_a_database_is_named_by_id_or_by_instance_and_name(world: World, ids: dict[str, int]) -> None:
    by_id = (await world.admin.get(f"{DATABASES}/{ids['pg-prod/shop']}")).json()
    by_name = (await world.admin.get(f"{DATABASES}/pg-prod%2Fshop")).json()
    assert by_id == by_name
    assert (by_id["environment"], by_id["engine"], by_id["project"]) == ("prod", "postgres", None)
    for wrong in ("pg-prod%2Fcrm", "999", "pg-prod", "%2F", "pg-prod%2Fshop%2Fx", "%2fshop"):
        assert (await world.admin.get(f"{DATABASES}/{wrong}")).status_code == 404


async def test_filters(world: World, ids: dict[str, int]) -> None:
    await world.project("shop")
    change = {"project": "shop", "labels": {"team": "web", "tier": "1"}}
    assert (await world.admin.patch(f"{DATABASES}/pg-dev%2Fshop", json=change)).status_code == 200
    assert await names(world.admin) == ["pg-dev/crm", "pg-dev/shop", "pg-prod/shop"]
    assert await names(world.admin, "?project=shop") == ["pg-dev/shop"]
    assert await names(world.admin, "?environment=prod") == ["pg-prod/shop"]
    assert await names(world.admin, "?instance=pg-dev&q=SHO") == ["pg-dev/shop"]
    assert await names(world.admin, "?label=team:web") == ["pg-dev/shop"]
    assert await names(world.admin, "?label=team") == ["pg-dev/shop"]
    assert await names(world.admin, "?label=team:other") == []
    assert await names(world.admin, "?q=%25") == []


async def test_members_see_the_databases_of_their_projects(world: World, ids: dict[str, int]) -> None:
    owner = await world.person("owner@example.com")
    await world.project("shop", owner="owner")
    await world.project("crm")
    await world.admin.patch(f"{DATABASES}/pg-dev%2Fshop", json={"project": "shop"})
    await world.admin.patch(f"{DATABASES}/pg-dev%2Fcrm", json={"project": "crm"})
    assert await names(owner) == ["pg-dev/shop"]
    assert (await owner.get(f"{DATABASES}/pg-dev%2Fcrm")).status_code == 404
    assert (await owner.get(f"{DATABASES}/pg-dev%2Fcrm/schema")).status_code == 404

    labelled = await owner.patch(f"{DATABASES}/pg-dev%2Fshop", json={"labels": {"a": "b"}})
    assert labelled.json()["labels"] == {"a": "b"}
    assert (await owner.patch(f"{DATABASES}/pg-dev%2Fshop", json={"project": "crm"})).status_code == 403
    assert (await owner.patch(f"{DATABASES}/pg-dev%2Fshop", json={"project": "shop"})).status_code == 200
    assert (await owner.patch(f"{DATABASES}/pg-dev%2Fcrm", json={"labels": {}})).status_code == 404


async def test_a_database_can_leave_its_project(world: World, ids: dict[str, int]) -> None:
    await world.project("shop")
    url = f"{DATABASES}/{ids['pg-dev/shop']}"
    assert (await world.admin.patch(url, json={"project": "shop"})).json()["project"] == "shop"
    assert (await world.admin.get(f"{API}/projects/shop")).json()["databases"] == 1
    assert (await world.admin.delete(f"{API}/projects/shop")).status_code == 409
    answer = await world.admin.patch(url, json={"project": "nope"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "project")
    assert (await world.admin.patch(url, json={"project": None})).json()["project"] is None
    assert (await world.admin.delete(f"{API}/projects/shop")).status_code == 204


async def test_a_schema_as_of_the_newest_sync(world: World, ids: dict[str, int]) -> None:
    shown = (await world.admin.get(f"{DATABASES}/pg-dev%2Fshop/schema")).json()
    assert shown["fingerprint"] == fingerprint(ORDERS)
    assert shown["schemas"][0]["relations"][0]["columns"][0]["name"] == "id"
    never = await world.admin.get(f"{DATABASES}/pg-dev%2Fcrm/schema")
    assert (never.status_code, never.json()["code"]) == (404, "not_found")
