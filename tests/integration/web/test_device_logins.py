"""Signing in a command line by browser (RFC 8628): a code is shown, a person allows it, a token is fetched once."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import re
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from penstock.runtime.janitor import Janitor
from penstock.services.device_logins import DeviceLoginPolicy, DeviceLogins
from penstock.store.tables.accounts import token as token_table
from penstock.store.tables.device_logins import device_login
from tests.integration.web.conftest import ADMIN, API, Client, World, account_id


class Terminal:
    """A command line that wants to be signed in; it is patient, but for when a test says otherwise."""

    def __init__(self, world: World, client: Client, started: dict[str, Any]) -> None:
        self.world, self._client, self.started = world, client, started
        self.code = str(started["user_code"])

    @classmethod
    async def start(cls, world: World, name: str = "CLI on laptop") -> Terminal:
        client = world.client()
        answer = await client.post(f"{API}/auth/device", json={"name": name})
        assert answer.status_code == 200, answer.text
        return cls(world, client, answer.json())

    async def ask(self, *, patiently: bool = True) -> httpx2.Response:
        if patiently:  # as if the interval had passed
            await change(self.world, polled_at=sa.func.now() - dt.timedelta(seconds=3))
        return await self._client.post(f"{API}/auth/device/token", json={"device_code": self.started["device_code"]})

    async def told(self) -> str:
        answer = await self.ask()
        assert answer.status_code == 400, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        return str(answer.json()["code"])


async def change(world: World, **values: Any) -> None:
    await world.database.run(lambda conn: conn.execute(sa.update(device_login).values(**values)))


async def decide(person: Client, code: str, decision: str = "allow") -> int:
    return (await person.post(f"{API}/auth/device/{code}", json={"decision": decision})).status_code


async def test_what_a_person_allows_gets_a_token_of_theirs_once(world: World) -> None:
    bo = await world.person("bo@example.com")
    terminal = await Terminal.start(world)
    assert re.fullmatch(r"[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", terminal.code)
    assert {k: terminal.started[k] for k in ("verification_path", "interval", "expires_in")} == {
        "verification_path": "/device",
        "interval": 2,
        "expires_in": 600,
    }
    assert await terminal.told() == "authorization_pending"
    assert await decide(bo, terminal.code) == 204
    answer = await terminal.ask()
    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert (made["name"], made["owner"]["name"]) == ("CLI on laptop", "bo")
    days = dt.datetime.fromisoformat(made["expires_at"]) - dt.datetime.fromisoformat(made["created_at"])
    assert round(days.total_seconds() / 86_400) == 90
    async with world.client(headers={"Authorization": f"Bearer {made['token']}"}) as client:
        assert (await client.get(f"{API}/auth/me")).json()["email"] == "bo@example.com"
    assert await terminal.told() == "expired_token"
    assert [t["name"] for t in (await bo.get(f"{API}/auth/tokens")).json()["items"]] == ["CLI on laptop"]


async def test_two_that_fetch_at_the_same_time_get_one_token(world: World) -> None:
    terminal = await Terminal.start(world)
    assert await decide(world.admin, terminal.code) == 204
    answers = await asyncio.gather(*(terminal.ask(patiently=False) for _ in range(5)))
    assert sorted(a.status_code for a in answers) == [200, 400, 400, 400, 400]
    async with world.database.connect() as conn:
        assert await conn.scalar(sa.select(sa.func.count()).select_from(token_table)) == 1


async def test_who_asks_is_shown_before_anybody_decides(world: World) -> None:
    terminal = await Terminal.start(world)
    typed = terminal.code.replace("-", " ").lower()
    shown = (await world.admin.get(f"{API}/auth/device/{typed}")).json()
    assert (shown["user_code"], shown["name"], shown["address"]) == (terminal.code, "CLI on laptop", "127.0.0.1")
    assert shown["created_at"] < shown["expires_at"]


async def test_a_denied_login_gets_nothing(world: World) -> None:
    terminal = await Terminal.start(world)
    assert await decide(world.admin, terminal.code, "deny") == 204
    assert await terminal.told() == "access_denied"
    assert await decide(world.admin, terminal.code) == 404
    assert await terminal.told() == "access_denied"


async def test_a_decision_is_made_once(world: World) -> None:
    terminal = await Terminal.start(world)
    assert await decide(world.admin, terminal.code) == 204
    bo = await world.person("bo@example.com")
    for decision in ("allow", "deny"):
        assert await decide(bo, terminal.code, decision) == 404
    assert (await terminal.ask()).json()["owner"]["name"] == "Ada"


async def test_asking_too_often_is_told_to_slow_down(world: World) -> None:
    terminal = await Terminal.start(world)
    assert await terminal.told() == "authorization_pending"
    hasty = await terminal.ask(patiently=False)
    assert (hasty.status_code, hasty.json()["code"]) == (400, "slow_down")
    assert await terminal.told() == "authorization_pending"


@pytest.mark.parametrize("allowed", [False, True])
async def test_a_login_expires_whether_it_was_allowed_or_not(world: World, allowed: bool) -> None:
    terminal = await Terminal.start(world)
    if allowed:
        assert await decide(world.admin, terminal.code) == 204
    await change(world, expires_at=sa.func.now() - dt.timedelta(seconds=1))
    assert await terminal.told() == "expired_token"
    assert await decide(world.admin, terminal.code) == 404
    await Janitor(world.database).round()
    async with world.database.connect() as conn:
        assert await conn.scalar(sa.select(sa.func.count()).select_from(device_login)) == 0


async def test_an_unknown_device_code_is_expired(world: World) -> None:
    terminal = await Terminal.start(world)
    own = str(terminal.started["device_code"])
    for wrong in ("", "x", own[:-1] + ("A" if own[-1] != "A" else "B"), "9" * 18 + own[own.index(".") :]):
        terminal.started["device_code"] = wrong
        assert await terminal.told() == "expired_token", wrong


async def test_a_device_code_is_stored_as_a_hash(world: World) -> None:
    terminal = await Terminal.start(world)
    secret = str(terminal.started["device_code"]).partition(".")[2]
    async with world.database.connect() as conn:
        row = (await conn.execute(sa.select(device_login))).one()
    assert row.code_hash == hashlib.sha256(secret.encode()).digest()
    assert secret not in str(row)


async def test_who_is_disabled_after_allowing_gives_no_token(world: World) -> None:
    bo = await world.person("bo@example.com")
    terminal = await Terminal.start(world)
    assert await decide(bo, terminal.code) == 204
    number = await account_id(world.database, "bo@example.com")
    answer = await world.admin.patch(f"{API}/users/{number}", json={"disabled": True})
    assert answer.status_code == 200, answer.text
    assert await terminal.told() == "access_denied"


async def test_only_a_person_at_a_browser_decides(world: World) -> None:
    terminal = await Terminal.start(world)
    account = (await world.admin.post(f"{API}/service-accounts", json={"name": "bot"})).json()
    for body in ({"name": "mine"}, {"name": "its", "service_account": account["id"]}):
        token = (await world.admin.post(f"{API}/auth/tokens", json=body)).json()["token"]
        async with world.client(headers={"Authorization": f"Bearer {token}"}) as client:
            assert await decide(client, terminal.code) == 403
    async with world.client() as stranger:
        assert await decide(stranger, terminal.code) == 401
        assert (await stranger.get(f"{API}/auth/device/{terminal.code}")).status_code == 401
    assert await terminal.told() == "authorization_pending"


async def test_guessing_codes_is_bounded(world: World) -> None:
    terminal = await Terminal.start(world)
    wrong = "BBBB-BBBB" if terminal.code != "BBBB-BBBB" else "CCCC-CCCC"
    for _ in range(20):  # right ones do not count
        assert (await world.admin.get(f"{API}/auth/device/{terminal.code}")).status_code == 200
    assert [await decide(world.admin, wrong) for _ in range(10)] == [404] * 10
    answer = await world.admin.get(f"{API}/auth/device/{terminal.code}")
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert int(answer.headers["Retry-After"]) > 0
    bo = await world.person("bo@example.com")
    assert (await bo.get(f"{API}/auth/device/{terminal.code}")).status_code == 200


async def test_starting_is_bounded_per_address(world: World) -> None:
    async with world.client() as client:
        answers = [await client.post(f"{API}/auth/device", json={}) for _ in range(31)]
    assert [a.status_code for a in answers] == [200] * 30 + [429]
    assert "paste a token" in answers[-1].json()["detail"]


async def test_open_logins_are_bounded_in_all(world: World) -> None:
    few = DeviceLogins(world.database, DeviceLoginPolicy(open_at_most=3))
    answers = await asyncio.gather(*(few.start("CLI", f"192.0.2.{n}") for n in range(6)), return_exceptions=True)
    assert sum(isinstance(a, Exception) for a in answers) == 3
    await change(world, expires_at=sa.func.now() - dt.timedelta(seconds=1))
    await few.start("CLI", "192.0.2.9")


async def test_decisions_and_tokens_are_audited(world: World) -> None:
    terminal = await Terminal.start(world)
    assert await decide(world.admin, terminal.code) == 204
    assert (await terminal.ask()).status_code == 200
    rows = (await world.admin.get(f"{API}/audit", params={"page_size": 10})).json()["items"]
    allowed = next(row for row in rows if row["action"] == "device_login.allow")
    assert allowed["actor"]["email"] == ADMIN
    assert allowed["data"] == {"name": "CLI on laptop", "address": "127.0.0.1"}
    assert "token.create" in [row["action"] for row in rows]
