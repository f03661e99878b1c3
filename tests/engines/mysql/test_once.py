"""Where definitions cannot be taken back: a change is applied as far as it got, and the journal tells how far."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.engines.mysql.driver import Connection
from tests.engines.conftest import Apply
from tests.engines.recorder import Recorder
from tests.mariadb_server import MariaDbServer


async def versions(inside: Connection, database: str) -> list[str]:
    rows = await inside.fetch(
        f"SELECT version FROM penstock.ledger WHERE database_name = '{database}' ORDER BY version"
    )
    return [row[0] for row in rows]


async def journal(inside: Connection, database: str) -> list[tuple[Any, ...]]:
    return await inside.fetch(
        f"SELECT version, seq, state FROM penstock.journal WHERE database_name = '{database}' ORDER BY version, seq"
    )


async def tables(inside: Connection) -> set[str]:
    return {row[0] for row in await inside.fetch("SHOW TABLES")}


async def count(inside: Connection, table: str = "t") -> int:
    return int(await inside.value(f"SELECT count(*) FROM {table}"))


@pytest.mark.parametrize("text", ["", "-- nothing here\n", "# nor here\n/* nor here */;;"])
async def test_a_change_without_statements_leaves_a_row(
    text: str, apply: Apply, inside: Connection, mariadb_database: str
) -> None:
    result = await apply(text)
    assert (result.state, result.statements_total) == ("applied", 0)
    assert await versions(inside, mariadb_database) == ["1"]


async def test_a_syntax_error_is_placed_by_its_line(apply: Apply) -> None:
    result = await apply("SELECT 1;\nSELECT 2\n  FROM nowhere WHERE ((;")
    assert result.failure is not None and (result.failure.code, result.failure.line) == ("1064", 3)


async def test_what_a_failed_change_did_is_not_done_again(
    apply: Apply, inside: Connection, mariadb_database: str
) -> None:
    """A revised change goes on where the failed one stopped, as long as the beginning is the same."""
    text = "CREATE TABLE t (a int); INSERT INTO t VALUES (1); CREATE TABLE u (a int); INSERT INTO u VALUES ({})"
    port = Recorder()
    result = await apply(text.format("nope"), port)
    assert result.state == "failed" and result.failure is not None and result.failure.statement_index == 3
    assert "Statements 1 to 3 stay applied" in port.text
    assert await journal(inside, mariadb_database) == [("1", 0, "done"), ("1", 1, "done"), ("1", 2, "done")]
    assert await versions(inside, mariadb_database) == []
    port = Recorder()
    result = await apply(text.format("2"), port, run_id="run-2")
    assert result.state == "applied", result.failure
    assert [index for index, _, _ in port.steps] == [3]
    assert (await count(inside), await count(inside, "u")) == (1, 1)


async def test_a_revised_beginning_is_a_conflict(apply: Apply, inside: Connection) -> None:
    await apply("CREATE TABLE t (a int); CREATE TABLE t (a int)")
    result = await apply("CREATE TABLE other (a int)")
    assert result.failure is not None and result.failure.code == "journal_conflict"
    assert await tables(inside) == {"t"}


async def test_a_failed_definition_is_tried_again(apply: Apply, inside: Connection, mariadb_database: str) -> None:
    await inside.run("CREATE TABLE t (a int)")
    assert (await apply("CREATE TABLE t (a int)")).state == "failed"
    assert await journal(inside, mariadb_database) == [("1", 0, "failed")]
    await inside.run("DROP TABLE t")
    assert (await apply("CREATE TABLE t (a int)")).state == "applied"


async def test_a_drop_that_failed_half_way_is_said_to_be_unknown(apply: Apply, inside: Connection) -> None:
    await inside.run("CREATE TABLE t (a int)")
    result = await apply("DROP TABLE t, nowhere")
    assert result.state == "unknown" and result.failure is not None
    assert (result.failure.kind, result.failure.retry) == ("outcome_unknown", "no")


async def test_session_statements_run_again_when_a_change_is_gone_on_with(
    apply: Apply, inside: Connection, mariadb_database: str
) -> None:
    text = "SET @n = 7; CREATE TABLE t (a int); SET @n = 8; INSERT INTO t VALUES (@n); CREATE TABLE {} (a int)"
    await inside.run("CREATE TABLE u (a int)")
    assert (await apply(text.format("u"))).state == "failed"
    port = Recorder()
    assert (await apply(text.format("v"), port)).state == "applied"
    assert [index for index, _, _ in port.steps] == [0, 2, 4]
    assert await inside.fetch("SELECT a FROM t") == [(8,)]


@pytest.mark.parametrize(
    "beginning",
    [
        "SET @n = (SELECT count(*) FROM u); CREATE TABLE t (a int)",
        "CREATE TEMPORARY TABLE x (a int); CREATE TABLE t (a int)",
        "SELECT a INTO @n FROM u; CREATE TABLE t (a int)",
    ],
)
async def test_a_session_that_held_data_cannot_be_gone_on_with(
    beginning: str, apply: Apply, inside: Connection
) -> None:
    await inside.run("CREATE TABLE u (a int)")
    assert (await apply(f"{beginning}; CREATE TABLE u (a int)")).state == "failed"
    result = await apply(f"{beginning}; CREATE TABLE w (a int)")
    assert result.state == "unknown" and result.failure is not None
    assert result.failure.kind == "outcome_unknown" and not result.sent
    assert "w" not in await tables(inside)


async def test_routines_prepared_statements_and_calls(apply: Apply, inside: Connection) -> None:
    text = """
        DELIMITER //
        CREATE PROCEDURE p() BEGIN INSERT INTO t VALUES (1); SELECT 1; SELECT 2; END//
        DELIMITER ;
        CREATE TABLE t (a int);
        CALL p();
        SET @s = 'ALTER TABLE t ADD b int'; PREPARE s FROM @s; EXECUTE s; DEALLOCATE PREPARE s;
        /*!40101 SET @x = 1 */; /*M! INSERT INTO t VALUES (2, 2) */;
    """
    result = await apply(text)
    assert result.state == "applied", result.failure
    assert await count(inside) == 2


async def test_a_call_that_fails_is_rolled_back(apply: Apply, inside: Connection, mariadb_database: str) -> None:
    await inside.run("CREATE TABLE t (a int)")
    await inside.run("CREATE PROCEDURE p() BEGIN INSERT INTO t VALUES (1); SIGNAL SQLSTATE '45000'; END")
    assert (await apply("CALL p()")).state == "failed"
    assert await count(inside) == 0 and await journal(inside, mariadb_database) == [("1", 0, "failed")]


async def test_a_call_that_commits_and_fails_is_unknown(apply: Apply, inside: Connection) -> None:
    await inside.run("CREATE TABLE t (a int)")
    await inside.run("CREATE PROCEDURE p() BEGIN INSERT INTO t VALUES (1); COMMIT; SIGNAL SQLSTATE '45000'; END")
    assert (await apply("CALL p()")).state == "unknown"
    again = await apply("CALL p()")
    assert (again.state, again.sent) == ("unknown", False) and await count(inside) == 1


async def test_tables_without_transactions_are_never_written_twice(apply: Apply, inside: Connection) -> None:
    await inside.run("CREATE TABLE t (a int) ENGINE = MyISAM")
    await inside.run("CREATE TABLE u (a int)")
    text = "INSERT INTO t VALUES (1); INSERT INTO u VALUES (nope)"
    assert (await apply(text)).state == "unknown"
    again = await apply(text)
    assert (again.state, again.sent) == ("unknown", False) and await count(inside) == 1
    assert (await apply("INSERT INTO t VALUES (2)", version="2")).state == "applied"


async def test_tables_without_transactions_matter_where_they_are_named(
    apply: Apply, inside: Connection, mariadb_server: MariaDbServer
) -> None:
    """Another database's table of the same name is another table."""
    await inside.run("CREATE TABLE t (a int)")
    other = await mariadb_server.create_database()
    try:
        await mariadb_server.execute("CREATE TABLE t (a int) ENGINE = MyISAM", other)
        assert (await apply("INSERT INTO t VALUES (1); INSERT INTO t VALUES (nope)")).state == "failed"
        assert (await apply("INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)")).state == "applied"
        there = f"INSERT INTO {other}.t VALUES (1); INSERT INTO t VALUES (nope)"
        assert (await apply(there, version="2")).state == "unknown"
    finally:
        await mariadb_server.drop_database(other)
    assert await count(inside) == 2


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("START TRANSACTION", "transaction_control"),
        ("/*! COMMIT */", "transaction_control"),
        ("LOCK TABLES t WRITE", "transaction_control"),
        ("SET autocommit = 0", "transaction_control"),
        ("SET sql_mode = 'ANSI_QUOTES'", "session_tampering"),
        ("DO RELEASE_ALL_LOCKS()", "session_tampering"),
        ("USE mysql", "other_database"),
        ("SELECT 'open", "unclosed_quote"),
        ("source file.sql", "client_metacommand"),
        ("CREATE PROCEDURE p() BEGIN SELECT 1; END", "unclosed_compound"),
    ],
)
async def test_refused_before_anything_is_sent(statement: str, code: str, apply: Apply, inside: Connection) -> None:
    result = await apply("CREATE TABLE t (a int);\n\n  " + statement)
    failure = result.failure
    assert result.state == "failed" and failure is not None and not result.sent
    assert (failure.kind, failure.code, failure.line) == ("statement", code, 3)
    assert await tables(inside) == set()


@pytest.mark.parametrize(
    "trick",
    [
        "SET @m = 'ANSI_QUOTES'; SET SESSION sql_mode = @m",
        "SET @c = 'gbk'; SET character_set_client = @c",
        "SET @s = 'DO RELEASE_ALL_LOCKS()'; PREPARE s FROM @s; EXECUTE s",
        "SET @s = 'SET autocommit = 0'; PREPARE s FROM @s; EXECUTE s",
    ],
)
async def test_what_slips_through_is_noticed_before_the_next_statement(
    trick: str, apply: Apply, inside: Connection
) -> None:
    result = await apply(f"{trick}; CREATE TABLE t (a int)")
    assert result.state == "failed" and result.failure is not None
    assert result.failure.code in ("session_tampering", "lock_lost")
    assert await tables(inside) == set()
