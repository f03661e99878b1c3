"""A process that is paused in the midst of a transaction does not keep its locks from everybody else."""

from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.store import database as store
from penstock.store import queue
from penstock.store.database import Database
from penstock.store.direct import Wire


async def test_who_is_paused_while_claiming_loses_the_turn(metadata_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "STALLED_STRAIGHT_SECONDS", 1)
    database, taken, woken = Database(metadata_url), asyncio.Event(), asyncio.Event()
    began_anew: list[bool] = []

    async def paused(wire: Wire) -> None:
        if not taken.is_set():
            taken.set()
            await woken.wait()
            await wire.conn.execute(sa.text("SELECT 1"))
        began_anew.append(True)

    async def claims(_: Wire) -> str:
        return "mine"

    try:
        sleeper = asyncio.create_task(database.run_straight(queue.TAKE_TURNS, paused))
        await taken.wait()
        async with asyncio.timeout(30):
            assert await database.run_straight(queue.TAKE_TURNS, claims) == "mine"
        assert not sleeper.done(), "it slept on, and the server ended its transaction"
        woken.set()
        await sleeper
        assert began_anew == [True], "what it had done was taken back, so it did it again"
    finally:
        await database.close()


async def test_every_transaction_has_such_a_limit(metadata_url: str) -> None:
    database = Database(metadata_url)

    async def limit(conn: AsyncConnection) -> str:
        return str(await conn.scalar(sa.text("SHOW idle_in_transaction_session_timeout")))

    async def straight(wire: Wire) -> str:
        return await limit(wire.conn)

    async def patient(conn: AsyncConnection) -> str:
        await conn.execute(store.PATIENT)
        return await limit(conn)

    try:
        assert await database.run(limit) == "15s"
        assert await database.run_straight(queue.NO_TURNS, straight) == "5s"
        assert await database.run(patient) == "2min"
        assert await database.run(limit) == "15s", "those were of their transactions alone"
    finally:
        await database.close()


async def test_a_shorter_limit_holds_for_every_transaction(metadata_url: str) -> None:
    database = Database(metadata_url, stalled_seconds=1.5)

    async def limit(conn: AsyncConnection) -> str:
        return str(await conn.scalar(sa.text("SHOW idle_in_transaction_session_timeout")))

    async def straight(wire: Wire) -> str:
        return await limit(wire.conn)

    try:
        assert await database.run(limit) == "1500ms"
        assert await database.run_straight(queue.NO_TURNS, straight) == "1500ms"
    finally:
        await database.close()
