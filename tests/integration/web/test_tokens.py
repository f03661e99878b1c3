"""API tokens: shown once, ended at once, never more than a hash at rest."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

import sqlalchemy as sa

from penstock.store.tables.accounts import token as token_table
from tests.integration.web.conftest import API, World


async def make(world: World, **settings: Any) -> dict[str, Any]:
    answer = await world.admin.post(f"{API}/auth/tokens", json={"name": "ci", **settings})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def status_with(world: World, token: str) -> int:
    async with world.client(headers={"Authorization": f"Bearer {token}"}) as client:
        return (await client.get(f"{API}/auth/me")).status_code


async def test_a_token_speaks_for_its_owner_without_a_csrf_token(world: World) -> None:
    made = await make(world)
    assert made["token"].startswith(made["prefix"])
    async with world.client(headers={"Authorization": f"Bearer {made['token']}"}) as client:
        me = (await client.get(f"{API}/auth/me")).json()
        assert (me["name"], me["csrf_token"]) == ("Ada", None)
        answer = await client.post(f"{API}/projects", json={"slug": "shop", "name": "Shop"})
        assert answer.status_code == 201


async def test_a_token_is_shown_once_and_stored_as_a_hash(world: World) -> None:
    made = await make(world)
    listed = (await world.admin.get(f"{API}/auth/tokens")).json()["items"]
    assert [item["name"] for item in listed] == ["ci"]
    assert "token" not in listed[0]
    async with world.database.connect() as conn:
        row = (await conn.execute(sa.select(token_table))).one()
    assert row.token_hash == hashlib.sha256(made["token"].encode()).digest()


async def test_a_revoked_token_ends_at_once(world: World) -> None:
    made = await make(world)
    assert (await world.admin.delete(f"{API}/auth/tokens/{made['id']}")).status_code == 204
    assert await status_with(world, made["token"]) == 401
    assert (await world.admin.delete(f"{API}/auth/tokens/{made['id']}")).status_code == 404


async def test_an_expired_token_is_no_token(world: World) -> None:
    made = await make(world, expires_in_days=1)
    past = sa.func.now() - dt.timedelta(seconds=1)
    await world.database.run(lambda conn: conn.execute(sa.update(token_table).values(expires_at=past)))
    assert await status_with(world, made["token"]) == 401


async def test_use_is_noted_at_most_once_a_minute(world: World) -> None:
    made = await make(world, expires_in_days=None)
    assert made["expires_at"] is None
    seen = set()
    for _ in range(3):
        assert await status_with(world, made["token"]) == 200
        seen.add((await world.admin.get(f"{API}/auth/tokens")).json()["items"][0]["last_used_at"])
    assert len(seen) == 1
    assert None not in seen


async def test_a_service_account_has_tokens_and_nothing_else(world: World) -> None:
    account = (await world.admin.post(f"{API}/service-accounts", json={"name": "deploy bot"})).json()
    made = await make(world, service_account=account["id"])
    assert made["owner"]["kind"] == "service_account"
    async with world.client(headers={"Authorization": f"Bearer {made['token']}"}) as bot:
        assert (await bot.get(f"{API}/auth/me")).json()["email"] is None
        answer = await bot.post(f"{API}/auth/tokens", json={"name": "more"})
        assert answer.status_code == 403
        answer = await world.admin.patch(f"{API}/service-accounts/{account['id']}", json={"disabled": True})
        assert answer.json()["disabled"] is True
        assert (await bot.get(f"{API}/auth/me")).status_code == 401


async def test_only_administrators_make_tokens_of_service_accounts(world: World) -> None:
    account = (await world.admin.post(f"{API}/service-accounts", json={"name": "bot"})).json()
    member = await world.person("bo@example.com")
    body = {"name": "mine now", "service_account": account["id"]}
    assert (await member.post(f"{API}/auth/tokens", json=body)).status_code == 403


async def test_one_sees_and_ends_only_ones_own_tokens(world: World) -> None:
    made = await make(world)
    member = await world.person("bo@example.com")
    assert (await member.get(f"{API}/auth/tokens")).json()["items"] == []
    assert (await member.delete(f"{API}/auth/tokens/{made['id']}")).status_code == 404
    assert await status_with(world, made["token"]) == 200


async def test_a_person_cannot_have_tokens_made_in_their_name(world: World) -> None:
    member = await world.person("bo@example.com")
    bo = (await member.get(f"{API}/auth/me")).json()["id"]
    answer = await world.admin.post(f"{API}/auth/tokens", json={"name": "x", "service_account": bo})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "service_account")
