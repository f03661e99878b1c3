"""Cancels, deadlines, lost leases, lost connections: whatever happens, what is reported is true."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import asyncpg
import pytest

from penstock.engines.base import Engine, LeaseLost, Target, TargetUnavailable
from tests.engines.conformance.test_once import exists, versions
from tests.engines.conftest import Apply, change
from tests.engines.proxy import Loss, Proxy
from tests.engines.recorder import Recorder
from tests.waiting import eventually

SLOW = "CREATE TABLE t (); SELECT pg_sleep(60); CREATE TABLE u ()"
OUR_SESSIONS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'penstock:test:1:a1' AND state = 'active'"


async def sleeping_pid(database: asyncpg.Connection) -> int:
    query = OUR_SESSIONS + " AND wait_event = 'PgSleep'"
    return await eventually(lambda: database.fetchval(query), message="our statement to sleep")


async def test_a_cancel_stops_the_statement_and_leaves_nothing(apply: Apply, database: asyncpg.Connection) -> None:
    port = Recorder()
    running = asyncio.create_task(apply(SLOW, port))
    await sleeping_pid(database)
    port.cancel_requested.set()
    result = await running
    assert (result.state, result.failure, result.statements_run) == ("canceled", None, 1)
    assert await database.fetch(OUR_SESSIONS) == []
    assert not await exists(database, "t") and await versions(database) == []


async def test_a_cancel_before_the_start_sends_nothing(apply: Apply, database: asyncpg.Connection) -> None:
    port = Recorder()
    port.cancel_requested.set()
    result = await apply(SLOW, port)
    assert (result.state, result.sent) == ("canceled", False)


async def test_a_statement_that_shrugs_off_cancels_is_ended(apply: Apply, database: asyncpg.Connection) -> None:
    stubborn = """DO $$ BEGIN
        LOOP BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$"""
    port = Recorder()
    running = asyncio.create_task(apply(f"CREATE TABLE t (); {stubborn}", port))
    await sleeping_pid(database)
    port.cancel_requested.set()
    assert (await running).state == "canceled"
    assert not await exists(database, "t") and await versions(database) == []


async def test_the_deadline_stops_the_statement(apply: Apply, database: asyncpg.Connection) -> None:
    result = await apply("SET statement_timeout = 0; " + SLOW, Recorder(seconds=0.5))
    assert result.state == "failed" and result.failure is not None
    assert (result.failure.kind, result.failure.code) == ("timeout", "deadline")
    assert await database.fetch(OUR_SESSIONS) == [] and not await exists(database, "t")


async def test_a_script_may_time_itself_out(apply: Apply) -> None:
    result = await apply("SET LOCAL statement_timeout = 50; SELECT pg_sleep(60)")
    assert result.failure is not None
    assert (result.failure.kind, result.failure.code, result.failure.statement_index) == ("statement", "57014", 1)


async def test_a_session_ended_during_a_statement_applied_nothing(apply: Apply, database: asyncpg.Connection) -> None:
    running = asyncio.create_task(apply(SLOW))
    await database.execute("SELECT pg_terminate_backend($1)", await sleeping_pid(database))
    result = await running
    assert result.state == "failed" and result.failure is not None
    assert (result.failure.kind, result.failure.failure_class) == ("infrastructure", "error")
    assert result.failure.retry == "transaction" and result.failure.code in ("57P01", "08003")
    assert not await exists(database, "t") and await versions(database) == []


@pytest.mark.parametrize("code", ["57P01", "08006", "40003"])
async def test_a_script_that_raises_a_connection_error_has_only_failed(code: str, apply: Apply) -> None:
    result = await apply(f"DO $$ BEGIN RAISE EXCEPTION 'fake' USING ERRCODE = '{code}'; END $$")
    assert result.failure is not None
    assert (result.state, result.failure.kind, result.failure.code) == ("failed", "statement", code)


@pytest.mark.parametrize("code", ["57P01", "08006", "40003"])
async def test_a_commit_refused_with_an_uncertain_code_is_looked_up(
    code: str, apply: Apply, database: asyncpg.Connection
) -> None:
    result = await apply(f"""
        CREATE TABLE t (a int);
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
            AS $$ BEGIN RAISE EXCEPTION 'fake' USING ERRCODE = '{code}'; END $$;
        CREATE CONSTRAINT TRIGGER c AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION refuse();
        INSERT INTO t VALUES (1)""")
    assert result.state == "failed" and result.failure is not None
    assert (result.failure.kind, result.failure.code) == ("infrastructure", code)
    assert not await exists(database, "t") and await versions(database) == []


@pytest.mark.parametrize(("loss", "state", "rows"), [("answer", "applied", ["1"]), ("request", "failed", [])])
async def test_a_lost_commit_is_settled_by_the_ledger(
    loss: Loss, state: str, rows: list[str], engine: Engine, target: Target, database: asyncpg.Connection
) -> None:
    proxy, port = Proxy(target.host, target.port), Recorder()
    async with proxy.listening(), engine.session(replace(target, host="127.0.0.1", port=proxy.port)) as session:
        await session.apply(change("SELECT 1", "0"), port)
        proxy.lose(loss)
        result = await session.apply(change("CREATE TABLE t ()"), port)
        assert proxy.lost.is_set()
        assert result.state == state, result.failure
        assert await versions(database) == ["0", *rows] and await exists(database, "t") is bool(rows)
        again = await session.apply(change("CREATE TABLE t ()"), port)
        assert again.state == ("already_applied" if rows else "applied")


async def test_without_a_proof_the_outcome_is_unknown(
    engine: Engine, target: Target, database: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.engines.postgres.apply._PROOF_PATIENCE", 0.5)
    proxy, port = Proxy(target.host, target.port), Recorder(seconds=2)
    async with proxy.listening(), engine.session(replace(target, host="127.0.0.1", port=proxy.port)) as session:
        await session.apply(change("SELECT 1", "0"), port)
        proxy.lose("answer")
        proxy.refusing = True
        result = await session.apply(change("CREATE TABLE t ()"), port)
        assert result.state == "unknown" and result.failure is not None
        assert (result.failure.kind, result.failure.retry) == ("outcome_unknown", "proof")
        with pytest.raises(TargetUnavailable):
            await session.proof("shop", "1", change("CREATE TABLE t ()").change_digest, wait=0.2)
    digest = change("CREATE TABLE t ()").change_digest
    assert await engine.proof(target, "shop", "1", digest) == "applied"


async def test_an_unreachable_target_is_no_failure_of_the_change(engine: Engine, target: Target) -> None:
    result = await engine.apply(replace(target, port=1), change("SELECT 1"), Recorder())
    assert result.state == "failed" and result.failure is not None and not result.sent
    assert (result.failure.kind, result.failure.code) == ("infrastructure", "target_unreachable")
    assert result.failure.retry == "connect"


@pytest.mark.parametrize("call", [1, 2])
async def test_a_lost_lease_rolls_back_and_says_nothing(call: int, apply: Apply, database: asyncpg.Connection) -> None:
    with pytest.raises(LeaseLost):
        await apply("CREATE TABLE t ()", Recorder(lose_lease_at=call))
    assert not await exists(database, "t") and await versions(database) == []
    assert (await apply("CREATE TABLE t ()")).state == "applied"


async def test_trouble_of_the_runner_is_not_taken_for_trouble_of_the_target(
    apply: Apply, database: asyncpg.Connection
) -> None:
    class Metadata(Recorder):
        async def still_mine(self) -> None:
            raise ConnectionRefusedError("the metadata database is away")

    with pytest.raises(ConnectionRefusedError, match="metadata"):
        await apply("CREATE TABLE t ()", Metadata())
    assert not await exists(database, "t")


async def test_an_answer_that_the_network_swallows_is_missed(
    engine: Engine, target: Target, database: asyncpg.Connection
) -> None:
    proxy, port = Proxy(target.host, target.port), Recorder()
    async with proxy.listening(), engine.session(replace(target, host="127.0.0.1", port=proxy.port)) as session:
        await session.apply(change("SELECT 1", "0"), port)
        proxy.lose("silently")
        result = await session.apply(change("CREATE TABLE t ()"), port)
        assert proxy.lost.is_set() and result.state == "applied"
    assert await versions(database) == ["0", "1"]


async def test_a_cancelled_runner_leaves_no_session_behind(apply: Apply, database: asyncpg.Connection) -> None:
    running = asyncio.create_task(apply(SLOW))
    await sleeping_pid(database)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await eventually(lambda: _is_quiet(database), message="our session to end")
    assert not await exists(database, "t") and await versions(database) == []


async def _is_quiet(database: asyncpg.Connection) -> bool:
    return not await database.fetch(OUR_SESSIONS)


async def test_a_million_remarks_fit_into_a_log(apply: Apply) -> None:
    port = Recorder(seconds=60)
    result = await apply(
        "DO $$ BEGIN FOR i IN 1..1000000 LOOP RAISE NOTICE 'row %', i; END LOOP; END $$; SELECT 1", port
    )
    assert result.state == "applied"
    assert "NOTICE: row 1" in port.text and "More remarks of this statement are not shown." in port.text
    assert len(port.lines) < 200
