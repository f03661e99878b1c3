"""What statements are, and what that means for running them."""

from __future__ import annotations

import pytest

from penstock.sql.classify import Classification, classify
from penstock.sql.parser import MAX_CHARACTERS, ParseError, nesting, parse
from penstock.sql.splitter import split
from penstock.sql.statement import Statement
from penstock.sql.steps import cut


def of(text: str) -> Classification:
    return classify(Statement(0, 0, len(text), 1, 1, text))


@pytest.mark.parametrize(
    ("text", "kind", "objects"),
    [
        ("CREATE TABLE a.t (id int REFERENCES u)", "create_table", ("a.t", "u")),
        ("CREATE TABLE t AS SELECT * FROM u", "create_table_as", ("u", "t")),
        ("CREATE MATERIALIZED VIEW v AS SELECT * FROM t", "create_materialized_view", ("t", "v")),
        ("ALTER TABLE t ADD a int", "alter_table", ("t",)),
        ("ALTER INDEX i SET (fillfactor = 70)", "alter_index", ("i",)),
        ("ALTER TABLE t RENAME TO u", "rename", ("t",)),
        ("CREATE UNIQUE INDEX ON t (a)", "create_index", ("t",)),
        ("DROP TABLE t, s.u", "drop_table", ("t", "s.u")),
        ("DROP MATERIALIZED VIEW v", "drop_materialized_view", ("v",)),
        ("CREATE FUNCTION f() RETURNS int RETURN 1", "create_function", ()),
        ("CREATE PROCEDURE p() BEGIN ATOMIC SELECT 1; END", "create_procedure", ()),
        ("CREATE TYPE e AS ENUM ('a')", "create_type", ()),
        ("ALTER TYPE e ADD VALUE 'b'", "alter_type", ()),
        ("CREATE EXTENSION citext", "create_extension", ()),
        ("GRANT SELECT ON t TO u", "grant", ("t",)),
        ("REVOKE ALL ON t FROM u", "revoke", ("t",)),
        ("INSERT INTO t SELECT * FROM u", "insert", ("t", "u")),
        ("WITH x AS (SELECT * FROM u) DELETE FROM t USING x", "delete", ("u", "t")),
        ("MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE", "merge", ("t", "u")),
        ("TRUNCATE t", "truncate", ("t",)),
        ("VALUES (1)", "select", ()),
        ("COMMENT ON TABLE t IS 'x'", "comment", ()),
        ("DO $$ BEGIN END $$", "do", ()),
        ("CALL p()", "call", ()),
        ("LOCK TABLE t", "lock", ("t",)),
        ("SET search_path = x", "set", ()),
        ("ANALYZE t", "analyze", ("t",)),
        ("NOT sql AT ALL", "unknown", ()),
    ],
)
def test_kinds(text: str, kind: str, objects: tuple[str, ...]) -> None:
    found = of(text)
    assert (found.kind, sorted(found.objects)) == (kind, sorted(objects))
    assert found.refusal is None and found.transactional


@pytest.mark.parametrize(
    "text",
    [
        "BEGIN", "START TRANSACTION", "COMMIT", "COMMIT AND CHAIN", "END", "ROLLBACK", "ABORT", "SAVEPOINT a",
        "ROLLBACK TO a", "RELEASE a", "PREPARE TRANSACTION 'x'", "COMMIT PREPARED 'x'", "SET TRANSACTION READ ONLY",
        "SET TRANSACTION SNAPSHOT 'x'", "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "COMMIT SOME NEW WAY", "/* c */ begin -- c\n fancy new words",
    ],
)  # fmt: skip
def test_transaction_control(text: str) -> None:
    found = of(text)
    assert found.transaction_control and found.refusal == "transaction_control"


@pytest.mark.parametrize(
    "text",
    [
        "SET ROLE x", "SET LOCAL ROLE x", "RESET ROLE", "SET SESSION AUTHORIZATION x", "RESET SESSION AUTHORIZATION",
        "DISCARD ALL", "DISCARD TEMP", "SELECT set_config('role', 'x', false)",
        "SELECT pg_catalog.set_config('SESSION_AUTHORIZATION', 'x', true)", "SET standard_conforming_strings = off",
        "RESET standard_conforming_strings", "SET ROLE x WITH NEW WORDS",
        "WITH a AS (SELECT set_config('role', 'x', false)) INSERT INTO t SELECT * FROM a",
    ],
)  # fmt: skip
def test_session_tampering(text: str) -> None:
    found = of(text)
    assert found.session_tampering and found.refusal == "session_tampering"


@pytest.mark.parametrize(
    "text",
    [
        "SET standard_conforming_strings = on", "SELECT set_config('search_path', '', false)", "SET work_mem = '1GB'",
        "RESET ALL", "SET LOCAL lock_timeout = '1s'", "SELECT 'COMMIT'", "CREATE TABLE role (begin int)",
        "PREPARE p AS SELECT 1", "REFRESH MATERIALIZED VIEW CONCURRENTLY v", "REINDEX TABLE t", "CLUSTER t",
        "ALTER TYPE e ADD VALUE 'x'", "DROP INDEX i", "ALTER DATABASE d SET work_mem = '1GB'",
        "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p WITH (create_slot = false, connect = false)",
        "ALTER SUBSCRIPTION s SET PUBLICATION p WITH (refresh = false)", "ALTER TABLE t DETACH PARTITION p",
    ],
)  # fmt: skip
def test_what_may_run_in_a_transaction(text: str) -> None:
    found = of(text)
    assert found.transactional and found.refusal is None and found.parsed


@pytest.mark.parametrize(
    "text",
    [
        "CREATE INDEX CONCURRENTLY ON t (a)", "CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)",
        "DROP INDEX CONCURRENTLY i", "REINDEX TABLE CONCURRENTLY t", "REINDEX (CONCURRENTLY) INDEX i",
        "REINDEX (CONCURRENTLY true) INDEX i", "REINDEX DATABASE d", "REINDEX SCHEMA s", "VACUUM",
        "VACUUM (ANALYZE) t", "CLUSTER", "ALTER SYSTEM SET work_mem = '1GB'", "CREATE DATABASE d", "DROP DATABASE d",
        "ALTER DATABASE d SET TABLESPACE s", "CREATE TABLESPACE s LOCATION '/x'", "DROP TABLESPACE s",
        "ALTER TABLE t DETACH PARTITION p CONCURRENTLY", "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p",
        "DROP SUBSCRIPTION s", "ALTER SUBSCRIPTION s REFRESH PUBLICATION", "CREATE INDEX CONCURRENTLY new syntax",
        "VACUUM (SOME NEW OPTION 'x' 'y') t", "REINDEX NEW THING CONCURRENTLY t",
    ],
)  # fmt: skip
def test_what_may_not(text: str) -> None:
    assert not of(text).transactional


@pytest.mark.parametrize(
    "text", ["DROP TABLE t", "DROP SCHEMA s", "TRUNCATE t", "DELETE FROM t", "ALTER TABLE t ADD a int, DROP b"]
)
def test_destructive(text: str) -> None:
    assert of(text).destructive


@pytest.mark.parametrize("text", ["DROP INDEX i", "DROP VIEW v", "ALTER TABLE t ADD a int", "INSERT INTO t VALUES (1)"])
def test_not_destructive(text: str) -> None:
    assert not of(text).destructive


@pytest.mark.parametrize("text", ["DO $$ BEGIN END $$", "CALL p()", "EXECUTE p", "nonsense"])
def test_opaque(text: str) -> None:
    assert of(text).opaque


def test_what_the_server_would_read_as_two_is_refused() -> None:
    assert of("SELECT 1; COMMIT").refusal == "ambiguous_statement"


@pytest.mark.parametrize(
    "text",
    [
        "SELECT " + "+".join(["1"] * 200_000),
        "SELECT " + "(" * 100_000 + "1" + ")" * 100_000,
        "SELECT 1" + " FROM (SELECT 1" * 5_000 + ") x" * 5_000,
        "SELECT a" + " COLLATE b" * 80_000,
        "SELECT '" + "x" * MAX_CHARACTERS + "'",
    ],
    ids=["operators", "parentheses", "subselects", "postfix", "length"],
)
def test_what_would_overflow_the_parser_is_unknown_and_not_a_crash(text: str) -> None:
    found = of(text)
    assert (found.kind, found.parsed, found.opaque, found.transactional) == ("unknown", False, True, True)


def test_a_wide_statement_is_no_deep_one() -> None:
    text = "INSERT INTO t VALUES " + ", ".join(f"({n}, 'x{n}')" for n in range(20_000))
    assert nesting(text.encode()) < 20 and of(text).kind == "insert"


@pytest.mark.parametrize(("text", "bound"), [("a", 1), ("a+b", 3), ("f(a, b, c)", 4), ("(((a)))", 7), ("a, b+c", 3)])
def test_nesting_is_bounded_by_tokens_between_commas(text: str, bound: int) -> None:
    assert nesting(text.encode()) == bound


def test_a_parse_error_says_where() -> None:
    with pytest.raises(ParseError) as caught:
        parse("SELECT 'ä' FROMM t WHERE")
    assert caught.value.position == 17


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("", []),
        ("a; b", [(True, (0, 1))]),
        ("VACUUM", [(False, (0,))]),
        (
            "a; b; CREATE INDEX CONCURRENTLY i ON t (a); VACUUM; c",
            [(True, (0, 1)), (False, (2,)), (False, (3,)), (True, (4,))],
        ),
    ],
)
def test_steps(text: str, steps: list[tuple[bool, tuple[int, ...]]]) -> None:
    found = cut([classify(statement) for statement in split(text.encode(), "postgres")])
    assert [(s.transactional, s.statements) for s in found] == steps
    assert [s.index for s in found] == list(range(len(steps)))


def test_a_step_sums_up_its_statements() -> None:
    text = (
        "CREATE TABLE t (id int);\n"
        "INSERT INTO t SELECT id FROM u; DELETE FROM t; INSERT INTO t VALUES (1);\n"
        "VACUUM t; DROP TABLE u; CALL p()"
    )
    statements = split(text.encode(), "postgres")
    first, vacuum, last = cut([classify(statement) for statement in statements], statements)
    assert first.kinds == ("create_table", "insert", "delete")
    assert (first.line, first.creates, first.writes, first.reads) == (1, ("t",), ("t",), ("u",))
    assert first.destructive and not first.opaque
    assert (vacuum.line, vacuum.kinds, vacuum.transactional) == (3, ("vacuum",), False)
    assert (last.drops, last.destructive, last.opaque) == (("u",), True, True)


@pytest.mark.parametrize(
    ("text", "reads", "writes", "creates", "drops"),
    [
        ("SELECT * FROM a JOIN s.b ON true, (SELECT 1 FROM c) x", ["a", "s.b", "c"], [], [], []),
        ("WITH x AS (SELECT 1 FROM a) SELECT * FROM x, y", ["a", "y"], [], [], []),
        ("WITH x AS (DELETE FROM a USING b RETURNING 1) INSERT INTO c SELECT * FROM x", ["b"], ["a", "c"], [], []),
        ("INSERT INTO a SELECT * FROM b ON CONFLICT DO NOTHING", ["b"], ["a"], [], []),
        ("UPDATE a SET x = b.x FROM b WHERE EXISTS (SELECT 1 FROM c)", ["b", "c"], ["a"], [], []),
        ("MERGE INTO a USING b ON true WHEN MATCHED THEN DELETE", ["b"], ["a"], [], []),
        ("COPY a FROM '/f'", [], ["a"], [], []),
        ("COPY a TO '/f'", ["a"], [], [], []),
        ("TRUNCATE a, s.b", [], ["a", "s.b"], [], []),
        ("CREATE TABLE a (x int REFERENCES b, LIKE c)", ["b", "c"], [], ["a"], []),
        ("CREATE TABLE a PARTITION OF b DEFAULT", ["b"], [], ["a"], []),
        ("CREATE TABLE a AS SELECT * FROM b", ["b"], [], ["a"], []),
        ("SELECT * INTO a FROM b", ["b"], [], ["a"], []),
        ("CREATE VIEW s.v AS SELECT * FROM a", ["a"], [], ["s.v"], []),
        ("CREATE FOREIGN TABLE f (x int) SERVER s", [], [], ["f"], []),
        ("CREATE INDEX i ON a (x)", [], ["a"], ["i"], []),
        ("CREATE INDEX ON a (x)", [], ["a"], [], []),
        ("ALTER TABLE a ADD FOREIGN KEY (x) REFERENCES b", ["b"], ["a"], [], []),
        ("ALTER TABLE a RENAME TO b", [], ["a"], [], []),
        ("CREATE TRIGGER r BEFORE INSERT ON a EXECUTE FUNCTION f()", [], ["a"], ["r"], []),
        ("CREATE SCHEMA s", [], [], ["s"], []),
        ("CREATE SEQUENCE q", [], [], ["q"], []),
        ("CREATE FUNCTION s.f(a int) RETURNS int RETURN 1", [], [], ["s.f"], []),
        ("CREATE TYPE s.e AS ENUM ('x')", [], [], ["s.e"], []),
        ("CREATE TYPE e AS (x int)", [], [], ["e"], []),
        ("CREATE DOMAIN d AS int", [], [], ["d"], []),
        ("CREATE EXTENSION citext", [], [], ["citext"], []),
        ("CREATE DATABASE d", [], [], ["d"], []),
        ("DROP TABLE a, s.b", [], [], [], ["a", "s.b"]),
        ("DROP FUNCTION s.f(int), g", [], [], [], ["s.f", "g"]),
        ("DROP TYPE s.e", [], [], [], ["s.e"]),
        ("DROP SCHEMA a, b", [], [], [], ["a", "b"]),
        ("DROP TRIGGER r ON s.a", [], [], [], ["s.a.r"]),
        ("DROP ROLE a", [], [], [], ["a"]),
        ("DROP DATABASE d", [], [], [], ["d"]),
        ('DELETE FROM "Ä""b".`🙂` x', [], [], [], []),
        ('DELETE FROM "Ä""b"."🙂"', [], ['Ä"b.🙂'], [], []),
    ],
)
def test_what_is_done_to_what(
    text: str, reads: list[str], writes: list[str], creates: list[str], drops: list[str]
) -> None:
    found = of(text)
    assert (list(found.reads), list(found.writes)) == (reads, writes)
    assert (list(found.creates), list(found.drops)) == (creates, drops)
