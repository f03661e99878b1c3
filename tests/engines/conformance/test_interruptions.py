"""Cancels, deadlines, lost leases, lost connections, dying servers: whatever happens, what is reported is true."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from penstock.engines.base import LeaseLost, TargetUnavailable
from tests.engines.conformance.conftest import Own
from tests.engines.conformance.test_once import TWO
from tests.engines.conftest import change
from tests.engines.dialects import OURS, Dialect
from tests.engines.proxy import Loss, Proxy
from tests.engines.recorder import Recorder
from tests.waiting import eventually


def slow(on: Dialect) -> str:
    """A change that writes rows, takes a minute, and writes another."""
    return f"{TWO}; {on.words.sleep}; INSERT INTO t VALUES (3)"


async def nothing_is_left(on: Dialect) -> None:
    """No row, no ledger row, and nobody at work."""
    assert await on.count() == 0 and await on.versions() == []
    assert await on.query(on.sleeping()) == []


async def test_a_cancel_stops_the_statement_and_leaves_nothing(on: Dialect) -> None:
    port = Recorder()
    running = asyncio.create_task(on.apply(slow(on), port))
    await on.sleeping_pid()
    port.cancel_requested.set()
    result = await running
    assert (result.state, result.failure, result.statements_run) == ("canceled", None, 2)
    await nothing_is_left(on)


async def test_a_login_that_may_do_nothing_else_can_cancel_its_own(on: Dialect) -> None:
    """The order comes from a second connection, for which no right on the server is needed."""
    async with on.login("hush") as weak:
        await on.run_as_owner(on.engine.grants(weak.username))
        if on.engine.name == "postgres":
            await on.query(f"GRANT ALL ON t TO {weak.username}")
        port = Recorder()
        running = asyncio.create_task(on.on(weak).apply(slow(on), port))
        await on.sleeping_pid()
        port.cancel_requested.set()
        assert (await running).state == "canceled"
        await nothing_is_left(on)


async def test_a_cancel_before_the_start_sends_nothing(on: Dialect) -> None:
    port = Recorder()
    port.cancel_requested.set()
    result = await on.apply(slow(on), port)
    assert (result.state, result.sent) == ("canceled", False) and await on.count() == 0


async def test_the_deadline_is_ours_whatever_the_script_sets(on: Dialect) -> None:
    result = await on.apply(f"{on.words.unlimited}; {slow(on)}", Recorder(seconds=0.7))
    assert result.state == "failed" and result.failure is not None
    assert (result.failure.kind, result.failure.code, result.failure.failure_class) == ("timeout", "deadline", "failed")
    await nothing_is_left(on)


async def test_a_script_may_limit_its_own_time(on: Dialect) -> None:
    result = await on.apply(on.words.impatient)
    assert result.failure is not None
    assert (result.failure.kind, result.failure.code) == ("statement", on.words.codes["time_limit"])
    assert result.failure.statement_index == 1 and await on.count() == 0


async def test_a_session_that_is_ended_applied_nothing(on: Dialect) -> None:
    running = asyncio.create_task(on.apply(slow(on)))
    await on.end_session(await on.sleeping_pid())
    result = await running
    assert result.state == "failed" and result.failure is not None
    assert (result.failure.kind, result.failure.failure_class) == ("infrastructure", "error")
    assert result.failure.retry == "transaction"
    await nothing_is_left(on)
    assert (await on.apply(TWO)).state == "applied"


@pytest.mark.parametrize("call", [1, 2])
async def test_a_lost_lease_rolls_back_and_says_nothing(call: int, on: Dialect) -> None:
    with pytest.raises(LeaseLost):
        await on.apply(TWO, Recorder(lose_lease_at=call))
    await nothing_is_left(on)
    assert (await on.apply(TWO)).state == "applied"


async def test_trouble_of_the_runner_is_not_taken_for_trouble_of_the_target(on: Dialect) -> None:
    class Metadata(Recorder):
        async def still_mine(self) -> None:
            raise ConnectionRefusedError("the metadata database is away")

    with pytest.raises(ConnectionRefusedError, match="metadata"):
        await on.apply(TWO, Metadata())
    assert await on.count() == 0


async def test_a_cancelled_runner_leaves_no_session_behind(on: Dialect) -> None:
    running = asyncio.create_task(on.apply(slow(on)))
    await on.sleeping_pid()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    async def quiet() -> bool:
        return not await on.query(on.sleeping())

    await eventually(quiet, message="our session to end")
    await nothing_is_left(on)


async def test_an_unreachable_target_is_no_failure_of_the_change(on: Dialect) -> None:
    away = replace(on.target, port=1)
    result = await on.engine.apply(away, change(TWO), Recorder())
    assert result.state == "failed" and result.failure is not None and not result.sent
    assert (result.failure.kind, result.failure.code) == ("infrastructure", "target_unreachable")
    assert result.failure.retry == "connect"
    for asked in (
        on.engine.introspect(away),
        on.engine.sessions(away, OURS),
        on.engine.cancel(away, OURS),
        on.engine.proof(away, "shop", "1", "sha256:x", wait=0.1),
    ):
        with pytest.raises(TargetUnavailable):
            await asked


@pytest.mark.parametrize(("loss", "state", "rows"), [("answer", "applied", 2), ("request", "failed", 0)])
async def test_a_lost_commit_is_settled_by_the_ledger(loss: Loss, state: str, rows: int, on: Dialect) -> None:
    proxy, port = Proxy(on.target.host, on.target.port, on.words.commit), Recorder()
    async with proxy.listening(), on.engine.session(replace(on.target, host="127.0.0.1", port=proxy.port)) as session:
        await session.apply(change("SELECT 1", "0"), port)
        proxy.lose(loss)
        result = await session.apply(change(TWO), port)
        assert proxy.lost.is_set()
        assert result.state == state and await on.count() == rows, result.failure
        again = await session.apply(change(TWO), port)
        assert again.state == ("already_applied" if rows else "applied")
    assert await on.count() == 2 and await on.versions() == ["0", "1"]


async def test_an_answer_that_the_network_swallows_is_missed(on: Dialect) -> None:
    proxy, port = Proxy(on.target.host, on.target.port, on.words.commit), Recorder()
    async with proxy.listening(), on.engine.session(replace(on.target, host="127.0.0.1", port=proxy.port)) as session:
        await session.apply(change("SELECT 1", "0"), port)
        proxy.lose("silently")
        result = await session.apply(change(TWO), port)
        assert proxy.lost.is_set() and result.state == "applied", result.failure
        assert result.duration < 20  # by looking at the server, not by the deadline of 30 seconds
    assert await on.count() == 2


async def test_without_a_proof_the_outcome_is_unknown(on: Dialect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{type(on.engine).__module__.rpartition('.')[0]}.apply._PROOF_PATIENCE", 0.5)
    proxy, port = Proxy(on.target.host, on.target.port, on.words.commit), Recorder(seconds=600)
    async with proxy.listening(), on.engine.session(replace(on.target, host="127.0.0.1", port=proxy.port)) as session:
        await session.apply(change("SELECT 1", "0"), port)
        proxy.lose("answer")
        proxy.refuse_after_loss()
        result = await session.apply(change(TWO), port)
        assert result.state == "unknown" and result.failure is not None
        assert (result.failure.kind, result.failure.retry) == ("outcome_unknown", "proof")
        with pytest.raises(TargetUnavailable):
            await session.proof("shop", "1", change(TWO).change_digest, wait=0.2)
    assert await on.engine.proof(on.target, "shop", "1", change(TWO).change_digest) == "applied"


async def test_a_connection_that_is_cut_between_two_statements_applied_nothing(on: Dialect) -> None:
    proxy = Proxy(on.target.host, on.target.port, b"INSERT INTO t VALUES (2)")
    async with proxy.listening():
        proxy.lose("request")
        result = await on.engine.apply(replace(on.target, host="127.0.0.1", port=proxy.port), change(TWO), Recorder())
    assert result.state == "failed" and result.failure is not None and proxy.lost.is_set()
    assert (result.failure.kind, result.failure.retry) == ("infrastructure", "transaction")
    await nothing_is_left(on)


async def test_a_server_that_dies_in_a_change_has_applied_nothing(own: Own) -> None:
    on, server = own.dialect, own.server
    running = asyncio.create_task(on.apply(slow(on)))
    await on.sleeping_pid()
    server.kill()
    await server.start()
    result = await running
    assert result.state == "failed" and result.failure is not None and result.sent
    assert (result.failure.kind, result.failure.retry) == ("infrastructure", "transaction")
    await nothing_is_left(on)
    assert (await on.apply(TWO)).state == "applied"


async def test_a_server_that_goes_away_between_two_changes_is_found_again(own: Own) -> None:
    on, server = own.dialect, own.server
    async with on.engine.session(on.target) as session:
        assert (await session.apply(change(TWO), Recorder())).state == "applied"
        server.kill()
        away = await session.apply(change(TWO, "2"), Recorder())
        assert away.failure is not None and (away.failure.kind, away.sent) == ("infrastructure", False)
        assert away.failure.retry != "no"
        await server.start()
        assert (await session.apply(change(TWO, "2"), Recorder())).state == "applied"
        assert (await session.apply(change(TWO), Recorder())).state == "already_applied"
    assert await on.count() == 4
