"""Scripts that mean harm, or are merely bad: each ends in a clear state in its time, and the next task works."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import AsyncIterator

import asyncpg
import pytest

from penstock.engines.base import ApplyResult, Engine, Target
from tests.engines.conftest import Apply, change
from tests.engines.postgres.test_once import exists, versions
from tests.engines.recorder import Recorder
from tests.waiting import eventually

PROCEDURE = """
    CREATE PROCEDURE hidden() LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO t VALUES (1); COMMIT; INSERT INTO t VALUES (2); END $$"""
STUBBORN = """
    DO $$ BEGIN
        LOOP
            BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN RAISE NOTICE 'not me'; END;
        END LOOP;
    END $$"""
FOREVER = {
    "sleeps": "INSERT INTO t VALUES (1); SELECT pg_sleep(3600)",
    "resets the timeouts": "SET statement_timeout = 0; SET LOCAL lock_timeout = 0; SELECT pg_sleep(3600)",
    "computes": "DO $$ BEGIN LOOP NULL; END LOOP; END $$",
    "holds locks": "LOCK TABLE t; SELECT pg_sleep(3600)",
    "sleeps outside of a transaction": "VACUUM t; INSERT INTO t SELECT 1 FROM pg_sleep(3600)",
    "catches its cancel": STUBBORN,
}


@pytest.fixture(autouse=True)
async def afterwards(apply: Apply, database: asyncpg.Connection) -> AsyncIterator[None]:
    """Whatever the script has done: the next task works, and nothing of ours holds a lock."""
    await database.execute("CREATE TABLE t (a int)")
    yield
    result = await apply("CREATE TABLE next_task ()", version="next", task_id=99)
    assert result.state == "applied", result.failure
    assert await database.fetchval("SELECT current_setting('role')") == "none"
    assert await exists(database, "next_task") and "next" in await versions(database)


def failed(result: ApplyResult, code: str) -> None:
    assert result.failure is not None
    assert (result.state, result.failure.code) == ("failed", code), result.failure


@pytest.mark.parametrize(
    "script",
    [
        "DO $$ BEGIN INSERT INTO t VALUES (1); COMMIT; INSERT INTO t VALUES (2); END $$",
        f"{PROCEDURE}; CALL hidden()",
        "DO $$ BEGIN INSERT INTO t VALUES (1); ROLLBACK; END $$",
        f"{PROCEDURE}; DO $$ BEGIN CALL hidden(); END $$",
        f"{PROCEDURE}; VACUUM t; CALL hidden()",
    ],
)
async def test_a_hidden_commit_is_refused_by_the_server(
    script: str, apply: Apply, database: asyncpg.Connection
) -> None:
    failed(await apply(script), "2D000")
    assert await database.fetchval("SELECT count(*) FROM t") == 0 and await versions(database) == []


@pytest.mark.parametrize("script", FOREVER.values(), ids=FOREVER.keys())
async def test_the_deadline_holds_whatever_a_script_sets(
    script: str, apply: Apply, database: asyncpg.Connection
) -> None:
    started = time.monotonic()
    result = await apply(script, Recorder(seconds=1.0))
    assert result.state == "failed" and result.failure is not None, result
    assert result.failure.kind == "timeout" and time.monotonic() - started < 15
    assert await database.fetchval("SELECT count(*) FROM t") == 0 and await versions(database) == []


@pytest.mark.parametrize("first", ["INSERT INTO t VALUES (1)", "VACUUM t; INSERT INTO t VALUES (1)"])
async def test_a_cancel_that_a_script_catches_ends_its_session(
    first: str, apply: Apply, database: asyncpg.Connection
) -> None:
    port = Recorder()
    running = asyncio.create_task(apply(f"{first}; {STUBBORN}", port))
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
    await eventually(lambda: database.fetchval(query))
    port.cancel_requested.set()
    result = await running
    assert result.state == "canceled" and await versions(database) == [], result.failure
    assert await database.fetchval("SELECT count(*) FROM t") == 0 and not await database.fetchval(query)


@pytest.mark.parametrize("before", ["INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (1); VACUUM t"])
async def test_a_script_that_ends_its_own_session(before: str, apply: Apply, database: asyncpg.Connection) -> None:
    result = await apply(f"{before}; SELECT pg_terminate_backend(pg_backend_pid())")
    assert result.state == "failed" and result.failure is not None
    assert (result.failure.kind, result.failure.retry) == ("infrastructure", "transaction")
    in_steps = "VACUUM" in before
    assert await database.fetchval("SELECT count(*) FROM t") == result.kept // 2 == int(in_steps)
    assert await versions(database) == []


async def test_a_script_that_cancels_itself(apply: Apply) -> None:
    failed(await apply("SELECT pg_cancel_backend(pg_backend_pid()); SELECT pg_sleep(1)"), "57014")


async def test_a_hundred_thousand_remarks_do_not_fill_the_log(apply: Apply) -> None:
    port = Recorder(seconds=60)
    result = await apply("DO $$ BEGIN FOR i IN 1..100000 LOOP RAISE NOTICE 'no %', i; END LOOP; END $$", port)
    assert result.state == "applied", result.failure
    assert len(port.lines) < 120 and "not shown" in port.text


async def test_a_million_rows_are_not_kept(apply: Apply) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = await apply("SELECT repeat('x', 100) FROM generate_series(1, 1000000)", Recorder(seconds=60))
    assert result.state == "applied", result.failure
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # of 100,000 kB that were sent


async def test_one_statement_of_nine_megabytes(apply: Apply, database: asyncpg.Connection) -> None:
    text = "INSERT INTO t SELECT length('" + "x" * 9_000_000 + "')"
    result = await apply(text, Recorder(seconds=60))
    assert result.state == "applied", result.failure
    assert await database.fetchval("SELECT a FROM t") == 9_000_000


@pytest.mark.parametrize(
    "attack",
    [
        "DROP TABLE penstock.ledger",
        "DROP SCHEMA penstock CASCADE",
        "DELETE FROM penstock.ledger",
        "TRUNCATE penstock.ledger",
        "ALTER TABLE penstock.ledger RENAME TO gone",
        "UPDATE penstock.ledger SET run = 'mine'",
    ],
)
@pytest.mark.parametrize("around", ["{}", "VACUUM t; {}; VACUUM t"], ids=["one-transaction", "steps"])
async def test_a_script_that_takes_its_own_row_from_the_ledger(
    attack: str, around: str, apply: Apply, database: asyncpg.Connection
) -> None:
    """As text it is refused; hidden, the login might be allowed to, where the ledger is not protected."""
    await apply("SELECT 1", version="0")
    failed(await apply(around.format(attack)), "ledger_tampering")
    hidden = around.format("INSERT INTO t VALUES (1); DO $$ BEGIN EXECUTE $x$" + attack + "$x$; END $$")
    if around == "{}":
        failed(await apply(hidden), "ledger_tampering")
        assert await versions(database) == ["0"]
        assert await database.fetchval("SELECT count(*) FROM t") == 0
    elif "DROP" in attack or "ALTER" in attack:
        failed(await apply(hidden), "ledger_tampering")
        assert await versions(database) == ["0"]
    else:  # it has no row yet; that it may harm those of others is for the grants to prevent
        assert (await apply(hidden)).state == "applied"


async def test_a_false_row_is_not_the_change_that_it_names(apply: Apply, database: asyncpg.Connection) -> None:
    row = "'shop', '2', '', 'sha256:x', '', '', 1, 'forged', 'nobody'"
    columns = "project, version, name, change_digest, release_digest, deployment, statement_count, run, actor"
    forge = f"DO $$ BEGIN EXECUTE $x$INSERT INTO penstock.ledger ({columns}) VALUES ({row})$x$; END $$"
    assert (await apply(forge)).state == "applied"
    failed(await apply("SELECT 2", version="2"), "version_conflict")


@pytest.mark.parametrize(
    "script",
    [
        "SET search_path = nowhere",
        "SELECT set_config('search_path', '', false)",
        "DO $$ BEGIN SET ROLE penstock_nobody; END $$",
        "DO $$ BEGIN PERFORM set_config('session_authorization', 'penstock_nobody', false); END $$",
        "DO $$ BEGIN SET SESSION AUTHORIZATION penstock_nobody; END $$",
        "SET default_transaction_read_only = on",
        "SET idle_in_transaction_session_timeout = '1ms'",
        "SET client_min_messages = error",
        "DO $$ BEGIN PERFORM set_config('standard_conforming_strings', 'off', false); END $$",
        "SET client_encoding = 'LATIN1'",
        "SET DateStyle = 'German'; SET IntervalStyle = 'iso_8601'; SET bytea_output = 'escape'",
    ],
)
@pytest.mark.parametrize("then", ["INSERT INTO public.t VALUES (1)", "VACUUM public.t"], ids=["", "steps"])
async def test_what_a_script_does_to_its_session_ends_with_it(
    script: str, then: str, engine: Engine, target: Target, database: asyncpg.Connection
) -> None:
    await database.execute("DO $$ BEGIN CREATE ROLE penstock_nobody; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    await database.execute("GRANT ALL ON t TO penstock_nobody")
    async with engine.session(target) as session:
        first = await session.apply(change(f"{script}; {then}"), Recorder(seconds=20))
        assert first.state in ("applied", "failed"), first.failure
        if first.state == "failed":  # for a reason, and the proof that nothing is there was read
            assert first.failure is not None and first.failure.retry in ("no", "transaction"), first.failure
            assert first.failure.kind == "statement" or "idle_in_transaction" in script, first.failure
        second = await session.apply(change("CREATE TABLE mine AS SELECT 'ä' AS a, current_user AS u", "2"), Recorder())
        assert second.state == "applied", second.failure
    assert tuple(await database.fetchrow("SELECT a, u FROM public.mine")) == ("ä", target.username)
