"""Signing in and out: what an attacker must not learn, and what ends a session."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
import sqlalchemy as sa

from penstock.runtime.janitor import Janitor
from penstock.store.tables.accounts import login_attempt, session
from tests.integration.web.conftest import ADMIN, API, PASSWORD, World


async def test_login_answers_who_one_is_and_what_one_may(world: World) -> None:
    async with world.client() as client:
        answer = await client.post(f"{API}/auth/login", json={"email": "ADA@example.com", "password": PASSWORD})
    me = answer.json()
    assert (me["email"], me["workspace_role"]) == (ADMIN, "admin")
    assert "user.edit" in me["permissions"]
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/" in cookie
    assert "secure" not in cookie  # the request came over http


async def test_cookies_are_for_https_alone_when_the_request_was(world: World) -> None:
    async with world.client() as client:
        body = {"email": ADMIN, "password": PASSWORD}
        answer = await client.post(f"https://penstock.test{API}/auth/login", json=body)
    assert "secure" in answer.headers["set-cookie"].lower()


async def test_wrong_unknown_and_disabled_look_the_same(world: World) -> None:
    gone = await world.person("gone@example.com")
    user = (await gone.get(f"{API}/auth/me")).json()["id"]
    await world.admin.patch(f"{API}/users/{user}", json={"disabled": True})
    answers = []
    for email in (ADMIN, "nobody@example.com", "gone@example.com"):
        async with world.client() as client:
            password = PASSWORD if email.startswith("gone") else "wrong"
            answer = await client.post(f"{API}/auth/login", json={"email": email, "password": password})
        answers.append((answer.status_code, {**answer.json(), "request_id": ""}))
    assert answers[0][0] == 401
    assert answers[0] == answers[1] == answers[2]


async def test_login_never_keeps_the_id_that_the_browser_brought(world: World) -> None:
    async with world.client() as client:
        client.cookies.set("penstock_session", "chosen-by-somebody-else", domain="penstock.test")
        await client.sign_in(ADMIN)
        first = client.cookies["penstock_session"]
        assert first != "chosen-by-somebody-else"
        del client.headers["X-CSRF-Token"]
        await client.sign_in(ADMIN)
        assert client.cookies["penstock_session"] != first
    async with world.client(cookies={"penstock_session": first}) as client:
        assert (await client.get(f"{API}/auth/me")).status_code == 401


async def test_logout_ends_the_session(world: World) -> None:
    client = await world.person("bo@example.com")
    kept = client.cookies["penstock_session"]
    assert (await client.post(f"{API}/auth/logout")).status_code == 204
    assert "penstock_session" not in client.cookies
    async with world.client(cookies={"penstock_session": kept}) as thief:
        assert (await thief.get(f"{API}/auth/me")).status_code == 401


async def test_changes_with_a_session_need_its_csrf_token(world: World) -> None:
    for token in (None, b"", b"wrong", "ünïcode".encode()):
        world.admin.headers.pop("X-CSRF-Token", None)
        headers = [] if token is None else [(b"X-CSRF-Token", token)]
        answer = await world.admin.post(f"{API}/projects", json={"slug": "shop", "name": "Shop"}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert (await world.admin.get(f"{API}/projects")).json()["items"] == []


async def test_many_wrong_passwords_are_slowed_down(world: World) -> None:
    world.services.sessions.policy = replace(world.services.sessions.policy, attempts_per_email=3)
    async with world.client() as client:
        for _ in range(3):
            answer = await client.post(f"{API}/auth/login", json={"email": ADMIN, "password": "wrong"})
            assert answer.status_code == 401
        answer = await client.post(f"{API}/auth/login", json={"email": ADMIN.upper(), "password": PASSWORD})
        assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
        assert 0 < int(answer.headers["retry-after"]) <= 15 * 60


async def test_many_accounts_from_one_address_are_slowed_down(world: World) -> None:
    world.services.sessions.policy = replace(world.services.sessions.policy, attempts_per_address=2)
    statuses = []
    async with world.client() as client:
        for n in range(3):
            body = {"email": f"guess{n}@example.com", "password": "wrong"}
            statuses.append((await client.post(f"{API}/auth/login", json=body)).status_code)
    assert statuses == [401, 401, 429]


async def test_a_good_login_forgets_the_bad_ones_before_it(world: World) -> None:
    world.services.sessions.policy = replace(world.services.sessions.policy, attempts_per_email=2)
    async with world.client() as client:
        for _ in range(3):
            await client.post(f"{API}/auth/login", json={"email": ADMIN, "password": "wrong"})
            await client.sign_in(ADMIN)
            del client.headers["X-CSRF-Token"]


async def test_what_failed_yesterday_is_forgotten(world: World) -> None:
    async with world.client() as client:
        for name in ("yesterday", "today"):
            await client.post(f"{API}/auth/login", json={"email": f"{name}@example.com", "password": "wrong"})
    async with world.database.engine.begin() as conn:
        await conn.execute(
            sa.update(login_attempt)
            .where(login_attempt.c.key == "email:yesterday@example.com")
            .values(first_at=login_attempt.c.first_at - dt.timedelta(days=2))
        )
    await Janitor(world.database).round()
    async with world.database.connect() as conn:
        kept = set(await conn.scalars(sa.select(login_attempt.c.key)))
    assert "email:today@example.com" in kept and "email:yesterday@example.com" not in kept


async def test_an_old_session_id_is_replaced_and_works_a_moment_longer(world: World) -> None:
    client = await world.person("bo@example.com")
    first = client.cookies["penstock_session"]
    policy = replace(world.services.sessions.policy, rotate_every=dt.timedelta(0))
    world.services.sessions.policy = policy
    assert (await client.get(f"{API}/auth/me")).status_code == 200
    second = client.cookies["penstock_session"]
    assert second != first

    async with world.client(cookies={"penstock_session": first}) as under_way:
        assert (await under_way.get(f"{API}/auth/me")).status_code == 200
        world.services.sessions.policy = replace(policy, grace=dt.timedelta(0))
        assert (await under_way.get(f"{API}/auth/me")).status_code == 401
    assert (await client.post(f"{API}/auth/logout")).status_code == 204  # the CSRF token is still the same


@pytest.mark.parametrize("column", ["expires_at", "last_seen_at"])
async def test_a_session_ends_by_age_and_by_idleness(world: World, column: str) -> None:
    long_ago = sa.func.now() - dt.timedelta(days=1)
    await world.database.run(lambda conn: conn.execute(sa.update(session).values({column: long_ago})))
    assert (await world.admin.get(f"{API}/auth/me")).status_code == 401


async def test_a_new_password_ends_all_sessions_but_this_one(world: World) -> None:
    one = await world.person("bo@example.com")
    async with world.client() as other:
        me = await other.sign_in("bo@example.com")
        answer = await one.patch(f"{API}/users/{me['id']}", json={"password": "another good password"})
        assert answer.status_code == 200
        assert (await other.get(f"{API}/auth/me")).status_code == 401
    assert (await one.get(f"{API}/auth/me")).status_code == 200
    async with world.client() as again:
        await again.sign_in("bo@example.com", "another good password")


async def test_nobody_without_credentials_gets_in(world: World) -> None:
    for headers in ({}, {"Authorization": "Bearer pst_wrong"}, {"Authorization": "Basic YTpi"}, {"Cookie": "x=y"}):
        async with world.client(headers=headers) as client:
            answer = await client.get(f"{API}/auth/me")
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
        assert answer.headers["www-authenticate"] == "Bearer"
