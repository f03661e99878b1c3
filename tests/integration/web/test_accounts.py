"""People: roles, disabling, and the administrator who must remain."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa

from penstock.domain.events import ACCESS_CHANGED
from penstock.store.tables.records import event
from tests.integration.web.conftest import ADMIN, API, PASSWORD, World, account_id


async def test_disabling_ends_sessions_and_tokens_at_once(world: World) -> None:
    bo = await world.person("bo@example.com")
    token = (await bo.post(f"{API}/auth/tokens", json={"name": "laptop"})).json()["token"]
    user = await account_id(world.database, "bo@example.com")
    answer = await world.admin.patch(f"{API}/users/{user}", json={"disabled": True})
    assert answer.json()["disabled"] is True
    assert (await bo.get(f"{API}/auth/me")).status_code == 401
    async with world.client(headers={"Authorization": f"Bearer {token}"}) as script:
        assert (await script.get(f"{API}/auth/me")).status_code == 401
    async with world.database.connect() as conn:
        changed = (await conn.execute(sa.select(event.c.data).where(event.c.type == ACCESS_CHANGED))).all()
    assert changed[-1].data == {"accounts": [user]}

    await world.admin.patch(f"{API}/users/{user}", json={"disabled": False})
    async with world.client() as client:
        await client.sign_in("bo@example.com")


async def test_the_last_administrator_stays(world: World) -> None:
    user = await account_id(world.database, ADMIN)
    for change in ({"disabled": True}, {"workspace_role": "dba"}):
        answer = await world.admin.patch(f"{API}/users/{user}", json=change)
        assert (answer.status_code, answer.json()["code"]) == (409, "last_administrator")
    assert (await world.admin.get(f"{API}/users")).status_code == 200


async def test_two_administrators_cannot_demote_each_other(world: World) -> None:
    eve = await world.person("eve@example.com", "admin")
    ada_id, eve_id = [await account_id(world.database, who) for who in (ADMIN, "eve@example.com")]
    answers = await asyncio.gather(
        world.admin.patch(f"{API}/users/{eve_id}", json={"workspace_role": "member"}),
        eve.patch(f"{API}/users/{ada_id}", json={"workspace_role": "member"}),
    )
    # The loser may also have lost the right to try, if the other was through before it was asked for.
    assert sorted(answer.status_code for answer in answers)[0] == 200
    assert sorted(answer.status_code for answer in answers)[1] in (403, 409)


async def test_one_changes_ones_own_name_but_not_ones_role(world: World) -> None:
    bo = await world.person("bo@example.com")
    user = await account_id(world.database, "bo@example.com")
    assert (await bo.patch(f"{API}/users/{user}", json={"name": "Bo B."})).json()["name"] == "Bo B."
    assert (await bo.patch(f"{API}/users/{user}", json={"workspace_role": "admin"})).status_code == 403
    ada = await account_id(world.database, ADMIN)
    assert (await bo.patch(f"{API}/users/{ada}", json={"name": "?"})).status_code == 404


async def test_an_e_mail_is_taken_whatever_its_case(world: World) -> None:
    body = {"email": "ADA@Example.com", "name": "Other", "password": PASSWORD}
    answer = await world.admin.post(f"{API}/users", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert answer.json()["errors"][0]["field"] == "email"


async def test_short_passwords_are_refused_and_none_is_audited(world: World) -> None:
    body = {"email": "bo@example.com", "name": "Bo", "password": "short"}
    answer = await world.admin.post(f"{API}/users", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "password")
    await world.person("cy@example.com")
    audit = await world.admin.get(f"{API}/audit?action=user.create")
    assert [row["resource"].partition(":")[0] for row in audit.json()["items"]] == ["user", "user"]
    assert PASSWORD not in audit.text
    assert "argon2" not in audit.text


async def test_the_first_administrator_is_made_once(world: World) -> None:
    assert not await world.services.accounts.create_first_admin("eve@example.com", "Eve", PASSWORD)
