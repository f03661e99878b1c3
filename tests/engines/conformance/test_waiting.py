"""Waiting: for the lock on the database, for rows and tables; whom we wait for is shown, whom we may end is ended."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest

from penstock.engines.base import application_name
from tests.engines.conformance.test_interruptions import nothing_is_left, slow
from tests.engines.conformance.test_once import TWO
from tests.engines.conftest import DEPLOYMENT, change
from tests.engines.dialects import OURS, Dialect
from tests.engines.recorder import Recorder
from tests.waiting import eventually


async def test_who_executes_holds_the_lock(on: Dialect) -> None:
    """So that a session that lost its runner keeps others away for as long as it can do harm, and no longer."""
    port = Recorder()
    running = asyncio.create_task(on.apply(slow(on), port))
    pid = await on.sleeping_pid()
    assert await on.query(on.lock_holder()) == [(pid,)]
    port.cancel_requested.set()
    await running

    async def is_free() -> bool:  # once the server has seen that the session is gone
        return await on.query(on.lock_holder()) in ([], [(None,)])

    await eventually(is_free)


async def test_who_comes_second_waits_and_finds_it_applied(on: Dialect) -> None:
    first_port, second_port = Recorder(), Recorder()
    async with on.connection() as bystander:
        await on.query("INSERT INTO t VALUES (0)")
        await bystander.run("BEGIN")
        await bystander.run("UPDATE t SET a = 1")
        first = asyncio.create_task(on.apply("UPDATE t SET a = a + 1", first_port, lock_timeout=30))
        await first_port.waiting.wait()
        second = asyncio.create_task(on.apply("UPDATE t SET a = a + 1", second_port, run_id="run-2", task_id=2))
        await second_port.waiting.wait()
        assert second_port.waits[0][0].application_name == OURS
        await bystander.run("COMMIT")
        assert ((await first).state, (await second).state) == ("applied", "already_applied")
    assert first_port.waits[-1] == second_port.waits[-1] == []
    assert await on.query("SELECT a FROM t") == [(2,)] and await on.versions() == ["1"]


async def test_waiting_for_the_database_ends_with_the_deadline(on: Dialect) -> None:
    async with on.connection() as bystander:
        await bystander.run(on.take_lock())
        result = await on.apply(TWO, Recorder(seconds=0.5))
        assert result.failure is not None and not result.sent
        assert (result.failure.kind, result.failure.code) == ("timeout", "target_busy")
        assert str(bystander.pid) in result.failure.message


async def test_waiting_for_the_database_can_be_canceled(on: Dialect) -> None:
    async with on.connection() as bystander:
        await bystander.run(on.take_lock())
        port = Recorder()
        running = asyncio.create_task(on.apply(TWO, port))
        await port.waiting.wait()
        assert port.waits[0][0].pid == bystander.pid
        port.cancel_requested.set()
        assert (await running).state == "canceled"


async def test_a_locked_table_is_tried_again_until_it_is_free(on: Dialect) -> None:
    port = Recorder()
    async with on.connection() as bystander:
        await bystander.run("BEGIN")
        await bystander.run("INSERT INTO t VALUES (0)")
        running = asyncio.create_task(on.apply("CREATE TABLE u (a int); ALTER TABLE t ADD b int", port, lock_timeout=1))
        await eventually(lambda: "trying again" in port.text.lower())
        assert port.waits[0][0].pid == bystander.pid
        await bystander.run("COMMIT")
    result = await running
    assert result.state == "applied" and result.tries > 1, result.failure
    assert await on.has("u") and await on.versions() == ["1"]


async def test_a_row_that_stays_locked_times_out_and_leaves_nothing(on: Dialect) -> None:
    await on.query("CREATE TABLE u (a int)")
    await on.query("INSERT INTO u VALUES (0)")
    async with on.connection() as bystander:
        await bystander.run("BEGIN")
        await bystander.run("UPDATE u SET a = 1")
        port = Recorder(seconds=2.5)
        result = await on.apply("INSERT INTO t VALUES (5);\nUPDATE u SET a = 2", port, lock_timeout=1)
        assert result.state == "failed" and result.failure is not None and result.tries > 1
        assert (result.failure.kind, result.failure.code) == ("timeout", on.words.codes["lock_timeout"])
        assert result.failure.line == 2 and port.waits[0][0].pid == bystander.pid
    await nothing_is_left(on)


async def test_a_deadlock_is_tried_again(on: Dialect) -> None:
    await on.query("CREATE TABLE u (id int PRIMARY KEY, n int)")
    await on.query("INSERT INTO u VALUES (1, 0), (2, 0), (3, 0), (4, 0), (5, 0)")
    port = Recorder()
    async with on.connection() as bystander:
        await bystander.run("BEGIN")
        await bystander.run("UPDATE u SET n = n + 10 WHERE id > 1")  # more than we do, so that we are the victim
        text = "UPDATE u SET n = n + 1 WHERE id = 1; UPDATE u SET n = n + 1 WHERE id = 2"
        running = asyncio.create_task(on.apply(text, port, lock_timeout=30))
        await port.waiting.wait()
        await bystander.run("UPDATE u SET n = n + 10 WHERE id = 1")
        await bystander.run("COMMIT")
        result = await running
    assert (result.state, result.tries) == ("applied", 2), result.failure
    assert await on.query("SELECT n FROM u WHERE id < 3 ORDER BY id") == [(11,), (11,)]


async def test_conflicts_without_end_are_given_up(on: Dialect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{type(on.engine).__module__.rpartition('.')[0]}.apply._MOST_CONFLICTS", 2)
    for statement in on.words.conflicts:
        await on.query(statement)
    result = await on.apply(TWO)
    assert result.failure is not None
    assert (result.state, result.failure.code, result.tries) == ("failed", on.words.codes["deadlock"], 3)


async def test_an_older_attempt_of_the_same_task_is_ended(on: Dialect) -> None:
    first = asyncio.create_task(on.apply(slow(on)))
    await on.sleeping_pid()
    port = Recorder()
    second = await on.apply(TWO, port, attempt=2, version="2")
    assert second.state == "applied" and "Ended the session of an older attempt" in port.text
    result = await first
    assert result.state == "failed" and result.failure is not None and result.failure.kind == "infrastructure"
    assert await on.versions() == ["2"] and await on.count() == 2


async def test_another_task_is_never_ended(on: Dialect) -> None:
    port = Recorder()
    first = asyncio.create_task(on.apply(slow(on), port))
    pid = await on.sleeping_pid()
    result = await on.apply(TWO, Recorder(seconds=0.5), attempt=2, task_id=2, version="2")
    assert result.failure is not None and result.failure.code == "target_busy"
    assert await on.sleeping_pid() == pid
    port.cancel_requested.set()
    assert (await first).state == "canceled"


async def test_a_rescuer_ends_the_zombie_and_reads_the_proof(on: Dialect) -> None:
    zombie = asyncio.create_task(on.apply(slow(on)))
    await on.sleeping_pid()
    rescuer = replace(on.target, application_name=application_name(DEPLOYMENT, 1, 2))
    assert await on.engine.proof(rescuer, "shop", "1", change(slow(on)).change_digest) == "not_applied"
    assert (await zombie).state == "failed"
    await nothing_is_left(on)


async def test_sessions_are_shown_with_what_they_wait_for_and_can_be_canceled(on: Dialect) -> None:
    await on.query("INSERT INTO t VALUES (0)")
    async with on.connection() as bystander:
        await bystander.run("BEGIN")
        await bystander.run("UPDATE t SET a = 1")
        port = Recorder()
        running = asyncio.create_task(on.apply("UPDATE t SET a = 2", port, lock_timeout=30))
        await port.waiting.wait()
        ours, blocker = await on.engine.sessions(on.target, OURS)
        assert (ours.database, ours.state, ours.blocked_by) == (on.target.database, "active", (bystander.pid,))
        assert ours.application_name == OURS and ours.waits_for and "UPDATE t SET a = 2" in ours.query
        assert blocker.pid == bystander.pid
        assert await on.engine.cancel(on.target, OURS) == 1
        result = await running
        assert result.failure is not None and result.failure.code == on.words.codes["canceled"]
    assert await on.engine.sessions(on.target, OURS) == []
    assert await on.engine.cancel(on.target, OURS) == 0


async def test_a_machine_that_goes_without_a_word_is_not_waited_for(on: Dialect) -> None:
    """The system asks while nothing is sent, and does not wait for an acknowledgement for a quarter of an hour."""
    port = Recorder()
    running = asyncio.create_task(on.apply(slow(on), port))
    await on.sleeping_pid()
    assert (1, 30, 10, 3, 60_000) in list(_how_patient(on.target.port))
    port.cancel_requested.set()
    await running


def _how_patient(port: int) -> Iterator[tuple[int, ...]]:
    """What is set on each of our connections to a port."""
    options = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
    for name in os.listdir("/dev/fd"):
        with suppress(OSError), socket.socket(fileno=os.dup(int(name))) as found:
            if found.family == socket.AF_INET and found.getpeername()[1] == port:
                rest = (found.getsockopt(socket.IPPROTO_TCP, getattr(socket, option)) for option in options)
                yield (found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), *rest)
