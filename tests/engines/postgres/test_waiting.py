"""Waiting for locks on tables, which PostgreSQL names."""

from __future__ import annotations

import asyncio

import asyncpg

from penstock.engines.base import Engine, Target
from tests.engines.conftest import Apply
from tests.engines.dialects import OURS
from tests.engines.postgres.test_once import exists, versions
from tests.engines.recorder import Recorder


async def test_a_table_that_stays_locked_times_out_and_leaves_nothing(
    apply: Apply, database: asyncpg.Connection, bystander: asyncpg.Connection
) -> None:
    await database.execute("CREATE TABLE t (a int)")
    async with bystander.transaction():
        await bystander.execute("LOCK TABLE t IN ACCESS SHARE MODE")
        result = await apply("CREATE TABLE u ();\nALTER TABLE t ADD b int", Recorder(seconds=1.5))
        assert result.state == "failed" and result.failure is not None and result.tries > 1
        assert (result.failure.kind, result.failure.code, result.failure.line) == ("timeout", "55P03", 2)
    assert not await exists(database, "u") and await versions(database) == []


async def test_a_session_that_waits_says_for_what(
    apply: Apply, engine: Engine, target: Target, database: asyncpg.Connection, bystander: asyncpg.Connection
) -> None:
    await database.execute("CREATE TABLE t (a int)")
    async with bystander.transaction():
        await bystander.execute("LOCK TABLE t")
        port = Recorder()
        running = asyncio.create_task(apply("ALTER TABLE t ADD b int", port, lock_timeout=30))
        await port.waiting.wait()
        ours, blocker = await engine.sessions(target, OURS)
        assert ours.blocked_by == (bystander.get_server_pid(),) and blocker.pid == bystander.get_server_pid()
        assert ours.waits_for == "Lock: relation t (AccessExclusiveLock)"
        assert await engine.cancel(target, OURS) == 1
        result = await running
        assert result.failure is not None and result.failure.code == "57014"
    assert await engine.sessions(target, OURS) == []
