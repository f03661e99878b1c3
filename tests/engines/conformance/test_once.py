"""A change is applied once, or not at all, and its ledger row tells which."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import asyncpg
import pytest

from penstock.engines.base import Engine, Target
from tests.engines.conftest import Apply, change
from tests.engines.recorder import Recorder

TWO = "CREATE TABLE t (a int);\nINSERT INTO t VALUES (1), (2);\n"


async def versions(database: asyncpg.Connection) -> list[str]:
    return [row["version"] for row in await database.fetch("SELECT version FROM penstock.ledger ORDER BY version")]


async def exists(database: asyncpg.Connection, table: str) -> bool:
    return bool(await database.fetchval("SELECT to_regclass($1) IS NOT NULL", table))


async def test_a_change_is_applied_with_its_ledger_row(apply: Apply, database: asyncpg.Connection) -> None:
    port = Recorder()
    result = await apply(TWO, port)
    assert (result.state, result.statements_run, result.statements_total) == ("applied", 2, 2)
    assert result.xid and result.ledger and result.failure is None and result.sent
    assert port.steps == [(0, 2, None), (1, 2, 2)]
    assert port.asked == 2
    row = await database.fetchrow("SELECT * FROM penstock.ledger")
    assert row["run"] == "run-1" and row["actor"] == "ana@example.com" and row["statement_count"] == 2
    assert row["change_digest"] == change(TWO).change_digest
    assert await database.fetchval("SELECT count(*) FROM t") == 2


async def test_the_second_time_nothing_is_sent(apply: Apply, database: asyncpg.Connection) -> None:
    await apply(TWO)
    result = await apply(TWO)
    assert (result.state, result.sent) == ("already_applied", False)
    assert result.ledger is not None and result.ledger.run == "run-1"
    assert await database.fetchval("SELECT count(*) FROM t") == 2


async def test_the_same_version_with_other_bytes_is_a_conflict(apply: Apply, database: asyncpg.Connection) -> None:
    await apply(TWO)
    result = await apply("DROP TABLE t")
    assert result.state == "failed" and result.failure is not None
    assert (result.failure.kind, result.failure.failure_class, result.sent) == ("version_conflict", "failed", False)
    assert await exists(database, "t")


async def test_two_projects_may_use_one_version(apply: Apply) -> None:
    assert (await apply("SELECT 1")).state == "applied"
    assert (await apply("SELECT 2", project="billing")).state == "applied"


async def test_bytes_that_were_not_approved_are_never_sent(apply: Apply, database: asyncpg.Connection) -> None:
    result = await apply("CREATE TABLE t ()", change_digest=change("CREATE TABLE u ()").change_digest)
    assert result.failure is not None
    assert (result.failure.kind, result.failure.failure_class, result.sent) == ("tampered", "error", False)
    assert not await exists(database, "t") and not await exists(database, "penstock.ledger")


@pytest.mark.parametrize("text", ["", "-- nothing here\n", "/* nor /* here */ */ ;; \n"])
async def test_a_change_without_statements_leaves_a_row(text: str, apply: Apply, database: asyncpg.Connection) -> None:
    result = await apply(text)
    assert (result.state, result.statements_total) == ("applied", 0)
    assert await versions(database) == ["1"]


async def test_a_failure_leaves_nothing_and_says_where(apply: Apply, database: asyncpg.Connection) -> None:
    text = "CREATE TABLE t (a int);\r\n-- ünïcode\r\nINSERT INTO t\r\n  VALUES ('ä', nope);\r\nDROP TABLE t;"
    result = await apply(text)
    failure = result.failure
    assert result.state == "failed" and failure is not None
    assert (failure.kind, failure.code) == ("statement", "42703")
    assert (failure.statement_index, failure.line, failure.column) == (1, 4, 16)
    assert (result.statements_run, result.statements_total, result.sent) == (1, 3, True)
    assert not await exists(database, "t") and await versions(database) == []


async def test_a_column_counts_characters_of_the_whole_line(apply: Apply) -> None:
    result = await apply("SELECT 'äöü'; SELECT 'ß', nope;")
    assert result.failure is not None
    assert (result.failure.line, result.failure.column) == (1, 27)


async def test_after_a_failure_the_corrected_change_applies(apply: Apply, database: asyncpg.Connection) -> None:
    assert (await apply("CREATE TABLE t (a nope)")).state == "failed"
    assert (await apply("CREATE TABLE t (a int)")).state == "applied"
    assert await versions(database) == ["1"]


async def test_a_deferred_constraint_fails_at_commit(apply: Apply, database: asyncpg.Connection) -> None:
    await apply("CREATE TABLE p (a int PRIMARY KEY); CREATE TABLE c (a int REFERENCES p DEFERRABLE INITIALLY DEFERRED)")
    result = await apply("INSERT INTO c VALUES (7)", version="2")
    assert result.failure is not None
    assert (result.state, result.failure.kind, result.failure.code) == ("failed", "statement", "23503")
    assert await versions(database) == ["1"] and await database.fetchval("SELECT count(*) FROM c") == 0


async def test_ten_at_once_apply_it_once(engine: Engine, target: Target, database: asyncpg.Connection) -> None:
    await database.execute("CREATE TABLE effect (a int)")
    requests = [change("INSERT INTO effect VALUES (1)", run_id=f"run-{n}", task_id=n) for n in range(10)]
    results = await asyncio.gather(*(engine.apply(target, request, Recorder()) for request in requests))
    assert sorted(result.state for result in results) == ["already_applied"] * 9 + ["applied"]
    assert await database.fetchval("SELECT count(*) FROM effect") == 1


async def test_one_session_applies_many_and_none_leaks_into_the_next(
    engine: Engine, target: Target, database: asyncpg.Connection
) -> None:
    await database.execute("CREATE ROLE penstock_leak; CREATE SCHEMA elsewhere")
    tricks = (
        "SET search_path = elsewhere; SET lock_timeout = '1h'; CREATE TEMP TABLE left_over ();"
        "PREPARE left_over AS SELECT 1; DO $$ BEGIN SET ROLE penstock_leak; END $$"
    )
    look = (
        "CREATE TABLE seen AS SELECT current_setting('search_path') AS path, current_setting('role') AS role,"
        " current_setting('lock_timeout') AS lock_timeout, to_regclass('left_over') IS NULL AS clean"
    )
    try:
        async with engine.session(target) as session:
            first = await session.apply(change(tricks), Recorder())
            assert first.state == "applied", first.failure
            second = await session.apply(change(look, "2"), Recorder())
            assert second.state == "applied", second.failure
            assert sorted(await session.read_ledger("shop")) == ["1", "2"]
            assert await session.read_ledger("other") == {}
        seen = dict(await database.fetchrow("SELECT * FROM public.seen"))
        assert seen.pop("path") in ('"$user", public', "public")
        assert seen == {"role": "none", "lock_timeout": "200ms", "clean": True}
    finally:
        await database.execute("DROP ROLE penstock_leak")


async def test_a_login_named_like_our_schema_does_not_work_in_it(
    engine: Engine, target: Target, database: asyncpg.Connection
) -> None:
    """The default search_path begins with a schema of the login's name."""
    mine = not await database.fetchval("SELECT count(*) FROM pg_roles WHERE rolname = 'penstock'")
    if mine:
        await database.execute("CREATE ROLE penstock LOGIN")
    await database.execute(
        f'GRANT ALL ON DATABASE "{target.database}" TO penstock; GRANT ALL ON SCHEMA public TO penstock'
    )
    try:
        named = replace(target, username="penstock")
        for version in ("1", "2"):
            result = await engine.apply(named, change(f"CREATE TABLE t{version} ()", version), Recorder())
            assert result.state == "applied", result.failure
            assert await exists(database, f"public.t{version}")
    finally:
        if mine:
            await database.execute("DROP OWNED BY penstock; DROP ROLE penstock")


async def test_recording_writes_the_row_and_runs_nothing(
    engine: Engine, target: Target, database: asyncpg.Connection
) -> None:
    request = change("CREATE TABLE t ()")
    async with engine.session(target) as session:
        assert await session.proof("shop", "1", request.change_digest) == "not_applied"
        row = await session.record(request)
        again = await session.record(replace(request, run_id="run-2"))
        assert row == again and row.statement_count == 1
        assert await session.proof("shop", "1", request.change_digest) == "applied"
        assert await session.proof("shop", "1", "sha256:other") == "conflict"
        assert (await session.apply(request, Recorder())).state == "already_applied"
    assert not await exists(database, "t")


async def test_a_recorded_change_is_applied_even_if_it_could_never_run(engine: Engine, target: Target) -> None:
    request = change("CREATE INDEX CONCURRENTLY i ON t (a)")
    async with engine.session(target) as session:
        await session.record(request)
        assert (await session.apply(request, Recorder())).state == "already_applied"


async def test_statements_that_send_rows_send_them_to_nobody(apply: Apply) -> None:
    port = Recorder()
    text = """
        CREATE TABLE t AS SELECT generate_series(1, 50000) AS a;
        SELECT * FROM t; COPY t TO STDOUT; EXPLAIN SELECT 1; SHOW work_mem;
        DECLARE c CURSOR FOR SELECT * FROM t; FETCH 5 FROM c; UPDATE t SET a = 1 WHERE a < 4"""
    result = await apply(text, port)
    assert result.state == "applied", result.failure
    rows = [rows for _, _, rows in port.steps]
    assert rows[:3] == [50000, 50000, 50000] and rows[-2:] == [5, 3]
