"""Waiting: for the lock on the database, for locks on tables; whom we wait for is shown, whom we may end
is ended."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import asyncpg
import pytest

from penstock.engines.base import Engine, Target, application_name
from penstock.engines.postgres.activity import LOCK_CLASS, LOCK_OBJECT
from tests.engines.conformance.test_interruptions import SLOW, sleeping_pid
from tests.engines.conformance.test_once import exists, versions
from tests.engines.conftest import Apply, change
from tests.engines.recorder import Recorder

TAKE = f"SELECT pg_advisory_xact_lock({LOCK_CLASS}, {LOCK_OBJECT})"


async def test_who_comes_second_waits_and_finds_it_applied(
    apply: Apply, database: asyncpg.Connection, bystander: asyncpg.Connection
) -> None:
    slow = "SELECT pg_advisory_xact_lock(1); CREATE TABLE t ()"
    await bystander.execute("SELECT pg_advisory_lock(1)")  # another lock than ours
    first_port, second_port = Recorder(), Recorder()
    first = asyncio.create_task(apply(slow, first_port, lock_timeout=30))
    await first_port.waiting.wait()
    second = asyncio.create_task(apply(slow, second_port, run_id="run-2", task_id=2))
    await second_port.waiting.wait()
    assert second_port.waits[0][0].application_name == "penstock:test:1:a1"
    await bystander.execute("SELECT pg_advisory_unlock(1)")
    assert ((await first).state, (await second).state) == ("applied", "already_applied")
    assert first_port.waits[-1] == second_port.waits[-1] == []
    assert await versions(database) == ["1"]


async def test_waiting_for_the_database_ends_with_the_deadline(apply: Apply, database: asyncpg.Connection) -> None:
    async with database.transaction():
        await database.execute(TAKE)
        port = Recorder(seconds=0.5)
        result = await apply("CREATE TABLE t ()", port)
        assert result.failure is not None and not result.sent
        assert (result.failure.kind, result.failure.code) == ("timeout", "target_busy")
        assert str(database.get_server_pid()) in result.failure.message


async def test_waiting_for_the_database_can_be_canceled(apply: Apply, database: asyncpg.Connection) -> None:
    async with database.transaction():
        await database.execute(TAKE)
        port = Recorder()
        running = asyncio.create_task(apply("CREATE TABLE t ()", port))
        await port.waiting.wait()
        port.cancel_requested.set()
        assert (await running).state == "canceled"


async def test_a_locked_table_is_tried_again_until_it_is_free(
    apply: Apply, database: asyncpg.Connection, bystander: asyncpg.Connection
) -> None:
    await database.execute("CREATE TABLE t (a int)")
    port = Recorder()
    async with bystander.transaction():
        await bystander.execute("LOCK TABLE t IN ACCESS SHARE MODE")
        running = asyncio.create_task(apply("CREATE TABLE before (); ALTER TABLE t ADD b int", port, lock_timeout=0.8))
        await port.waiting.wait()
        assert port.waits[0][0].pid == bystander.get_server_pid()
    result = await running
    assert result.state == "applied", result.failure
    assert await exists(database, "before") and await versions(database) == ["1"]


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


async def test_a_deadlock_is_tried_again(
    apply: Apply, database: asyncpg.Connection, bystander: asyncpg.Connection
) -> None:
    await database.execute("CREATE TABLE tries (a int); CREATE SEQUENCE seen")
    text = """
        INSERT INTO tries VALUES (1);
        DO $$ BEGIN IF nextval('seen') < 3 THEN RAISE 'fake' USING ERRCODE = '40P01'; END IF; END $$"""
    result = await apply(text)
    assert (result.state, result.tries) == ("applied", 3)
    assert await database.fetchval("SELECT count(*) FROM tries") == 1


async def test_conflicts_without_end_are_given_up(apply: Apply, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.engines.postgres.apply._MOST_CONFLICTS", 2)
    result = await apply("DO $$ BEGIN RAISE 'fake' USING ERRCODE = '40001'; END $$")
    assert result.failure is not None
    assert (result.state, result.failure.code, result.tries) == ("failed", "40001", 3)


async def test_an_older_attempt_of_the_same_task_is_ended(apply: Apply, database: asyncpg.Connection) -> None:
    first = asyncio.create_task(apply(SLOW))
    await sleeping_pid(database)
    port = Recorder()
    second = await apply("CREATE TABLE t ()", port, attempt=2, version="2")
    assert second.state == "applied" and "Ended the session of an older attempt" in port.text
    result = await first
    assert result.state == "failed" and result.failure is not None
    assert result.failure.kind == "infrastructure"
    assert await versions(database) == ["2"]


async def test_another_task_is_never_ended(apply: Apply, database: asyncpg.Connection) -> None:
    port = Recorder()
    first = asyncio.create_task(apply(SLOW, port))
    pid = await sleeping_pid(database)
    result = await apply("CREATE TABLE t ()", Recorder(seconds=0.5), attempt=2, task_id=2, version="2")
    assert result.failure is not None and result.failure.code == "target_busy"
    assert await sleeping_pid(database) == pid
    port.cancel_requested.set()
    assert (await first).state == "canceled"


async def test_a_rescuer_ends_the_zombie_and_reads_the_proof(
    apply: Apply, engine: Engine, target: Target, database: asyncpg.Connection
) -> None:
    zombie = asyncio.create_task(apply(SLOW))
    await sleeping_pid(database)
    rescuer = replace(target, application_name=application_name("test", 1, 2))
    assert await engine.proof(rescuer, "shop", "1", change(SLOW).change_digest) == "not_applied"
    assert (await zombie).state == "failed"


async def test_sessions_are_shown_with_what_they_wait_for_and_can_be_canceled(
    apply: Apply, engine: Engine, target: Target, database: asyncpg.Connection, bystander: asyncpg.Connection
) -> None:
    await database.execute("CREATE TABLE t (a int)")
    async with bystander.transaction():
        await bystander.execute("LOCK TABLE t")
        port = Recorder()
        running = asyncio.create_task(apply("ALTER TABLE t ADD b int", port, lock_timeout=30))
        await port.waiting.wait()
        ours, blocker = await engine.sessions(target, "penstock:test:1:a1")
        assert ours.blocked_by == (bystander.get_server_pid(),) and blocker.pid == bystander.get_server_pid()
        assert ours.waits_for == "Lock: relation t (AccessExclusiveLock)"
        assert await engine.cancel(target, "penstock:test:1:a1") == 1
        result = await running
        assert result.failure is not None and result.failure.code == "57014"
    assert await engine.sessions(target, "penstock:test:1:a1") == []
