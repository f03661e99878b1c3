"""``Idempotency-Key``: sent twice, done once."""

from __future__ import annotations

import asyncio
import datetime as dt

import sqlalchemy as sa

from penstock.services.idempotency import KEEP
from penstock.store import idempotency as kept_answers
from penstock.store.tables.records import idempotency
from tests.integration.web.conftest import API, World

KEY = {"Idempotency-Key": "5f2c-1"}
_REFUSAL = (
    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'disk full'; END$$",
    "CREATE TRIGGER refuse BEFORE UPDATE ON idempotency FOR EACH ROW EXECUTE FUNCTION refuse()",
)
SHOP = {"slug": "shop", "name": "Shop"}


async def test_the_same_request_gets_the_same_answer(world: World) -> None:
    first = await world.admin.post(f"{API}/projects", json=SHOP, headers=KEY)
    second = await world.admin.post(f"{API}/projects", json=SHOP, headers=KEY)
    assert first.status_code == second.status_code == 201
    assert first.content == second.content
    assert first.headers["etag"] == second.headers["etag"]
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert len((await world.admin.get(f"{API}/projects")).json()["items"]) == 1


async def test_another_body_or_address_is_a_conflict(world: World) -> None:
    await world.admin.post(f"{API}/projects", json=SHOP, headers=KEY)
    for path, body in (("projects", SHOP | {"name": "Other"}), ("service-accounts", {"name": "bot"})):
        answer = await world.admin.post(f"{API}/{path}", json=body, headers=KEY)
        assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_conflict")


async def test_a_key_is_its_callers_own(world: World) -> None:
    eve = await world.person("eve@example.com", "admin")
    await world.admin.post(f"{API}/service-accounts", json={"name": "bot"}, headers=KEY)
    answer = await eve.post(f"{API}/service-accounts", json={"name": "other"}, headers=KEY)
    assert answer.status_code == 201


async def test_requests_at_the_same_time_are_done_once(world: World) -> None:
    send = [world.admin.post(f"{API}/service-accounts", json={"name": "bot"}, headers=KEY) for _ in range(5)]
    answers = await asyncio.gather(*send)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert len((await world.admin.get(f"{API}/service-accounts")).json()["items"]) == 1


async def test_a_failed_request_may_be_tried_again(world: World) -> None:
    bad = SHOP | {"name": ""}
    assert (await world.admin.post(f"{API}/projects", json=bad, headers=KEY)).status_code == 422
    assert (await world.admin.post(f"{API}/projects", json=SHOP, headers=KEY)).status_code == 201


async def test_a_key_that_nobody_finished_can_be_taken_over_later(world: World) -> None:
    await world.admin.post(f"{API}/projects", json=SHOP, headers=KEY)
    crashed = {"status": None, "body": None, "started_at": sa.func.now() - dt.timedelta(seconds=61)}
    await world.database.run(lambda conn: conn.execute(sa.update(idempotency).values(crashed)))
    answer = await world.admin.post(f"{API}/projects", json=SHOP, headers=KEY)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")  # done anew, and the slug is taken


async def test_an_answer_that_cannot_be_kept_is_given_all_the_same(world: World) -> None:
    """What is done is done: who is told that it was not would do it again."""
    for statement in _REFUSAL:
        await world.database.run(lambda conn, text=statement: conn.execute(sa.text(text)))  # type: ignore[misc]
    try:
        assert (await world.admin.post(f"{API}/projects", json=SHOP, headers=KEY)).status_code == 201
    finally:
        await world.database.run(lambda conn: conn.execute(sa.text("DROP FUNCTION refuse CASCADE")))


async def test_kept_answers_show_no_secrets_to_who_reads_the_table(world: World) -> None:
    made = await world.admin.post(f"{API}/auth/tokens", json={"name": "ci"}, headers=KEY)
    again = await world.admin.post(f"{API}/auth/tokens", json={"name": "ci"}, headers=KEY)
    assert made.json()["token"] == again.json()["token"]
    async with world.database.connect() as conn:
        kept = bytes((await conn.execute(sa.select(idempotency.c.body))).scalar_one())
    assert made.json()["token"].encode() not in kept
    assert b"pst_" not in kept


async def test_keys_are_short_and_visible(world: World) -> None:
    for key in ("x" * 256, "a b", ""):
        answer = await world.admin.post(f"{API}/projects", json=SHOP, headers={"Idempotency-Key": key})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


async def test_old_keys_are_forgotten(world: World) -> None:
    await world.admin.post(f"{API}/projects", json=SHOP, headers=KEY)
    assert await world.services.database.run(lambda conn: kept_answers.purge(conn, KEEP, 10)) == 0
    old = sa.func.now() - dt.timedelta(days=2)
    await world.database.run(lambda conn: conn.execute(sa.update(idempotency).values(started_at=old)))
    assert await world.services.database.run(lambda conn: kept_answers.purge(conn, KEEP, 10)) == 1
