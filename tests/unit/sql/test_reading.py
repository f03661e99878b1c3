"""One query that only reads: what is let through, and what is not."""

from __future__ import annotations

import pytest

from penstock.sql.reading import NotAQuery, the_query

BOTH = ("postgres", "mariadb")


@pytest.mark.parametrize("engine", [*BOTH, "mysql"])
@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("SELECT 1", "SELECT 1"),
        ("-- why\nSELECT a, b FROM t WHERE a > 1;\n", "SELECT a, b FROM t WHERE a > 1"),
        ("WITH x AS (SELECT 1) SELECT * FROM x", "WITH x AS (SELECT 1) SELECT * FROM x"),
        ("(SELECT 1) UNION (SELECT 2)", "(SELECT 1) UNION (SELECT 2)"),
        ("SELECT version FROM penstock.ledger", "SELECT version FROM penstock.ledger"),
    ],
)
def test_queries(engine: str, text: str, query: str) -> None:
    assert the_query(text, engine).text == query


@pytest.mark.parametrize("engine", BOTH)
@pytest.mark.parametrize(
    "text",
    [
        *("", "-- only words", "SELECT 1; SELECT 2", "SELEC 1", "EXPLAIN SELECT 1", "COMMIT", "SET a = 1", "CALL p()"),
        *("DELETE FROM t", "UPDATE t SET a = 1", "INSERT INTO t SELECT 1", "CREATE TABLE t (a int)", "TRUNCATE t"),
    ],
)
def test_no_query(engine: str, text: str) -> None:
    with pytest.raises(NotAQuery) as caught:
        the_query(text, engine)
    assert caught.value.code == "not_a_query" and "SELECT" in caught.value.message


@pytest.mark.parametrize(
    ("text", "engine"),
    [
        ("WITH gone AS (DELETE FROM t RETURNING a) SELECT * FROM gone", "postgres"),
        ("SELECT 1 INTO t", "postgres"),
        ("SELECT * FROM t FOR UPDATE", "postgres"),
        ("SELECT a FROM (SELECT * FROM t FOR SHARE) s", "postgres"),
        ("SELECT pg_terminate_backend(1)", "postgres"),
        ("SELECT pg_catalog.pg_cancel_backend(1)", "postgres"),
        ("SELECT (SELECT PG_READ_FILE('/etc/passwd'))", "postgres"),
        ("SELECT lo_import('/etc/passwd')", "postgres"),
        ("SELECT * FROM dblink('host=x', 'DROP TABLE t') AS t(a int)", "postgres"),
        ("SELECT set_config('role', 'postgres', false)", "postgres"),
        ("SELECT pg_advisory_lock(1)", "postgres"),
        ("SELECT query_to_xml('DELETE FROM t', true, true, '')", "postgres"),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", "mariadb"),
        ("SELECT 1 INTO DUMPFILE '/tmp/x'", "mysql"),
        ("SELECT LOAD_FILE('/etc/passwd')", "mariadb"),
        ("SELECT get_lock('x', 1)", "mariadb"),
        ("SELECT NEXTVAL(s)", "mariadb"),
    ],
)
def test_a_select_that_does_more(text: str, engine: str) -> None:
    with pytest.raises(NotAQuery):
        the_query(text, engine)


def test_what_cannot_be_split_says_why() -> None:
    with pytest.raises(NotAQuery) as caught:
        the_query("SELECT 'open", "postgres")
    assert caught.value.code == "unclosed_quote"
