"""One change is one transaction: what PostgreSQL adds to what every engine promises."""

from __future__ import annotations

from dataclasses import replace

import asyncpg

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


async def test_a_check_that_does_not_hold_takes_definitions_back(apply: Apply, database: asyncpg.Connection) -> None:
    assert (await apply(TWO, verify=["SELECT count(*) = 3 FROM t"])).state == "failed"
    assert not await exists(database, "t") and await versions(database) == []


async def test_a_deferred_constraint_fails_at_commit(apply: Apply, database: asyncpg.Connection) -> None:
    await apply("CREATE TABLE p (a int PRIMARY KEY); CREATE TABLE c (a int REFERENCES p DEFERRABLE INITIALLY DEFERRED)")
    result = await apply("INSERT INTO c VALUES (7)", version="2")
    assert result.failure is not None
    assert (result.state, result.failure.kind, result.failure.code) == ("failed", "statement", "23503")
    assert await versions(database) == ["1"] and await database.fetchval("SELECT count(*) FROM c") == 0


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
