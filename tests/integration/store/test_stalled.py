"""A process that is paused in the midst of a transaction does not keep its locks from everybody else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.services.attempts import Attempts
from penstock.store import database as store
from penstock.store import queue
from penstock.store.database import OURS, Database, driver_dsn
from penstock.store.direct import Wire
from tests.waiting import eventually


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


async def test_who_falls_silent_in_the_midst_of_a_message_loses_its_locks(metadata_url: str) -> None:
    """The server takes it for busy, so its limit for idle transactions does not concern it."""
    database = Database(metadata_url, stalled_seconds=0.1)
    attempts = Attempts(database)
    silent = await asyncpg.connect(driver_dsn(metadata_url), server_settings={"application_name": OURS})
    idle = await asyncpg.connect(driver_dsn(metadata_url), server_settings={"application_name": OURS})

    async def seen() -> list[tuple[str, str]]:
        query = "SELECT state, wait_event FROM pg_stat_activity WHERE pid = ANY(:pids) ORDER BY state"
        async with database.connect() as conn:
            pids = [silent.get_server_pid(), idle.get_server_pid()]
            return [tuple(row) for row in await conn.execute(sa.text(query), {"pids": pids})]

    async def locks(conn: AsyncConnection) -> None:
        await conn.execute(sa.text("SET LOCAL lock_timeout = '200ms'"))
        await conn.execute(sa.text("LOCK TABLE approval_tier"))

    try:
        await idle.execute("BEGIN; SELECT 1")
        await silent.execute("BEGIN; LOCK TABLE approval_tier")
        parse = b"\0SELECT 1\0\0\0"
        transport = silent._transport
        transport.pause_reading()
        transport.write(b"P" + (4 + len(parse)).to_bytes(4) + parse + b"H" + (4).to_bytes(4))  # prepare; what is it?
        await eventually(lambda: _is(seen, [("active", "ClientRead"), ("idle in transaction", "ClientRead")]))
        assert await attempts.end_stalled(60) == 0, "a moment ago it spoke"
        with pytest.raises(DBAPIError, match="lock timeout"):
            await database.run(locks)
        assert await eventually(lambda: attempts.end_stalled(0.1)) == 1
        await eventually(lambda: _is(seen, [("idle in transaction", "ClientRead")]))
        await database.run(locks)
    finally:
        silent.terminate()
        idle.terminate()
        await database.close()


async def _is(look: Callable[[], Awaitable[list[tuple[str, str]]]], expected: list[tuple[str, str]]) -> bool:
    return await look() == expected
