"""What is special about cancels, connections and remarks in PostgreSQL: whatever happens, what is reported is true."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from tests.engines.conftest import Apply
from tests.engines.dialects import OURS
from tests.engines.postgres.test_once import exists, versions
from tests.engines.recorder import Recorder
from tests.waiting import eventually

SLOW = "CREATE TABLE t (); SELECT pg_sleep(60); CREATE TABLE u ()"
OUR_SESSIONS = f"SELECT pid FROM pg_stat_activity WHERE application_name = '{OURS}' AND state = 'active'"


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


async def test_a_statement_that_shrugs_off_cancels_is_ended(apply: Apply, database: asyncpg.Connection) -> None:
    stubborn = """DO $$ BEGIN
        LOOP BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$"""
    port = Recorder()
    running = asyncio.create_task(apply(f"CREATE TABLE t (); {stubborn}", port))
    await sleeping_pid(database)
    port.cancel_requested.set()
    assert (await running).state == "canceled"
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


async def test_a_million_remarks_fit_into_a_log(apply: Apply) -> None:
    port = Recorder(seconds=60)
    result = await apply(
        "DO $$ BEGIN FOR i IN 1..1000000 LOOP RAISE NOTICE 'row %', i; END LOOP; END $$; SELECT 1", port
    )
    assert result.state == "applied"
    assert "NOTICE: row 1" in port.text and "More remarks of this statement are not shown." in port.text
    assert len(port.lines) < 200
