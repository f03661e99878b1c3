"""Projects and members."""

from __future__ import annotations

import sqlalchemy as sa

from penstock.store.tables.records import event
from tests.integration.web.conftest import API, World


async def test_who_makes_a_project_owns_it(world: World) -> None:
    made = await world.admin.post(f"{API}/projects", json={"slug": "shop", "name": "Shop"})
    assert made.json()["my_role"] == "owner"
    me = (await world.admin.get(f"{API}/auth/me")).json()
    assert [(p["project"], p["role"]) for p in me["projects"]] == [("shop", "owner")]
    assert "issue.approve" in me["projects"][0]["permissions"]


async def test_members_are_replaced_as_a_whole(world: World) -> None:
    bo = await world.person("bo@example.com")
    bot = (await world.admin.post(f"{API}/service-accounts", json={"name": "bot"})).json()["id"]
    await world.project("shop", bo="developer")
    assert (await bo.get(f"{API}/projects/shop")).json()["my_role"] == "developer"

    wanted = [{"principal": f"service:{bot}", "role": "viewer"}]
    answer = await world.admin.put(f"{API}/projects/shop/members", json=wanted)
    assert [(m["principal"], m["role"], m["person"]["name"]) for m in answer.json()] == [
        (f"service:{bot}", "viewer", "bot")
    ]
    assert (await bo.get(f"{API}/projects/shop")).status_code == 404
    async with world.database.connect() as conn:
        data = (await conn.execute(sa.select(event.c.data).order_by(event.c.id.desc()).limit(1))).scalar_one()
    assert data["project"] == "shop"
    assert bot in data["accounts"]


async def test_unknown_and_repeated_members_are_named(world: World) -> None:
    await world.project("shop")
    body = [
        {"principal": "user:ada@example.com", "role": "owner"},
        {"principal": "user:ADA@example.com", "role": "viewer"},
        {"principal": "user:nobody@example.com", "role": "viewer"},
        {"principal": "service:999", "role": "viewer"},
        {"principal": "service:99999999999999999999", "role": "viewer"},
        {"principal": "ada@example.com", "role": "viewer"},
    ]
    answer = await world.admin.put(f"{API}/projects/shop/members", json=body)
    assert answer.status_code == 422
    assert [(e["field"], e["code"]) for e in answer.json()["errors"]] == [
        ("[1].principal", "duplicate_principal"),
        *((f"[{n}].principal", "unknown_principal") for n in range(2, 6)),
    ]


async def test_owners_edit_their_members(world: World) -> None:
    owner = await world.person("owner@example.com")
    await world.project("shop", owner="owner")
    body = [{"principal": "user:owner@example.com", "role": "viewer"}]
    assert (await owner.put(f"{API}/projects/shop/members", json=body)).status_code == 200
    assert (await owner.put(f"{API}/projects/shop/members", json=body)).status_code == 403


async def test_an_empty_project_can_go_and_one_with_databases_cannot(world: World) -> None:
    await world.project("shop")
    await world.admin.patch(f"{API}/projects/shop", json={"description": "all of it"})
    assert (await world.admin.delete(f"{API}/projects/shop")).status_code == 204
    assert (await world.admin.delete(f"{API}/projects/shop")).status_code == 404
