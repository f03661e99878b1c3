"""Scripts that mean harm, or are merely bad: each ends in a clear state in its time, and the next task works.

What only one engine can be told is in that engine's own tests.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

import pytest

from tests.engines.conftest import change
from tests.engines.dialects import Dialect
from tests.engines.recorder import Recorder

SECONDS: Final = 1.5


class Bad(NamedTuple):
    """The same misdeed in the words of both servers."""

    postgres: str
    mariadb: str

    def of(self, on: Dialect) -> str:
        return self.postgres if on.engine.name == "postgres" else self.mariadb


FOREVER: Final = {
    "sleeps": Bad("INSERT INTO t VALUES (1); SELECT pg_sleep(3600)", "INSERT INTO t VALUES (1); DO SLEEP(3600)"),
    "computes": Bad(
        "DO $$ BEGIN LOOP NULL; END LOOP; END $$",
        "SELECT count(*) FROM seq_1_to_10000000 a, seq_1_to_10000000 b WHERE sha2(a.seq + b.seq, 512) = ''",
    ),
    "holds locks": Bad(
        "INSERT INTO t VALUES (1); LOCK TABLE t; SELECT pg_sleep(3600)",
        "INSERT INTO t VALUES (1); SELECT * FROM t FOR UPDATE; DO SLEEP(3600)",
    ),
    "takes the limits away": Bad(
        "SET statement_timeout = 0; SET LOCAL lock_timeout = 0; SELECT pg_sleep(3600)",
        "SET SESSION max_statement_time = 0, SESSION lock_wait_timeout = 86400; DO SLEEP(3600)",
    ),
    "goes on after its cancel": Bad(
        """DO $$ BEGIN LOOP
             BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN RAISE NOTICE 'not me'; END;
           END LOOP; END $$""",
        "SELECT SLEEP(60) + SLEEP(60) + SLEEP(60) + SLEEP(60)",
    ),
}
OF_ITSELF: Final = {
    "ends its own session": Bad(
        "INSERT INTO t VALUES (1); SELECT pg_terminate_backend(pg_backend_pid())",
        "INSERT INTO t VALUES (1); SET @kill = CONCAT('KILL ', CONNECTION_ID()); EXECUTE IMMEDIATE @kill",
    ),
    "cancels itself": Bad(
        "INSERT INTO t VALUES (1); SELECT pg_cancel_backend(pg_backend_pid()); SELECT pg_sleep(1)",
        "INSERT INTO t VALUES (1); SET @kill = CONCAT('KILL QUERY ', CONNECTION_ID()); EXECUTE IMMEDIATE @kill",
    ),
}
TAMPERS: Final = {
    "search path, SQL mode": Bad("SET search_path = nowhere", "SET SESSION sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT'"),
    "autocommit": Bad("SET default_transaction_read_only = on", "SET autocommit = 0"),
    "role": Bad("DO $$ BEGIN EXECUTE 'SET ROLE pg_monitor'; END $$", "EXECUTE IMMEDIATE 'SET ROLE NONE'"),
    "another database": Bad("SET search_path = pg_catalog", "USE information_schema"),
    "read only": Bad("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "SET SESSION TRANSACTION READ ONLY"),
    "foreign keys": Bad("SET session_replication_role = replica", "SET foreign_key_checks = 0, unique_checks = 0"),
}


@pytest.fixture(autouse=True)
async def afterwards(on: Dialect) -> AsyncIterator[None]:
    """Whatever the script has done: the next task works at once, and finds a session that nobody has spoilt."""
    yield
    async with asyncio.timeout(30):
        result = await on.apply(
            "CREATE TABLE next_task (a int); INSERT INTO next_task VALUES (1)", None, version="next"
        )
    assert result.state == "applied", result.failure
    assert await on.count("next_task") == 1 and "next" in await on.versions()


@pytest.mark.parametrize("bad", FOREVER.values(), ids=FOREVER.keys())
async def test_what_never_ends_is_ended_at_its_deadline(bad: Bad, on: Dialect) -> None:
    began = time.monotonic()
    result = await on.apply(bad.of(on), Recorder(seconds=SECONDS))
    assert result.state == "failed" and result.failure is not None, result
    assert result.failure.kind == "timeout", result.failure
    assert time.monotonic() - began < SECONDS + 30
    assert await on.count() == 0


@pytest.mark.parametrize("bad", OF_ITSELF.values(), ids=OF_ITSELF.keys())
async def test_what_ends_itself_is_said_to_have_failed(bad: Bad, on: Dialect) -> None:
    result = await on.apply(bad.of(on), Recorder(seconds=20))
    assert result.state in ("failed", "unknown") and result.failure is not None, result
    if result.state == "failed":
        assert await on.versions() == []
    if on.engine.capabilities.transactional_ddl:
        assert result.state == "failed" and await on.count() == 0


@pytest.mark.parametrize("bad", TAMPERS.values(), ids=TAMPERS.keys())
async def test_what_a_script_does_to_its_session_ends_with_it(bad: Bad, on: Dialect) -> None:
    async with on.engine.session(on.target) as session:
        first = await session.apply(change(bad.of(on)), Recorder(seconds=20))
        assert first.state in ("applied", "failed"), first.failure
        second = await session.apply(change("CREATE TABLE mine (a int); INSERT INTO mine VALUES (1)", "2"), Recorder())
        assert second.state == "applied", second.failure
    assert await on.count("mine") == 1


async def test_the_ledger_is_not_a_scripts_to_write(on: Dialect) -> None:
    await on.apply("SELECT 1", version="0")
    before = await on.versions()
    for number, attack in enumerate(on.words.attacks):
        result = await on.apply(f"INSERT INTO t VALUES (1); {attack}", version=f"a{number}")
        assert result.state == "failed" and result.failure is not None and not result.sent
        assert result.failure.code == "ledger_tampering"
    assert await on.versions() == before and await on.count() == 0


async def test_a_million_remarks_do_not_fill_the_log(on: Dialect) -> None:
    bad = Bad(
        "DO $$ BEGIN FOR i IN 1..1000000 LOOP RAISE NOTICE 'no %', i; END LOOP; END $$",
        "INSERT INTO t SELECT CAST('x' AS int) FROM seq_1_to_1000000",
    )
    port = Recorder(seconds=100)
    if on.engine.name == "mariadb":
        await on.query("ALTER TABLE t MODIFY a varchar(20)")
    result = await on.apply(bad.of(on), port)
    assert result.state in ("applied", "failed"), result.failure
    assert len(port.lines) < 150


async def test_a_million_rows_are_sent_to_nobody(on: Dialect) -> None:
    bad = Bad("SELECT repeat('x', 20) FROM generate_series(1, 1000000)", "SELECT REPEAT('x', 20) FROM seq_1_to_1000000")
    port = Recorder(seconds=100)
    result = await on.apply(bad.of(on), port)
    assert result.state == "applied", result.failure
    assert len(port.lines) < 20
