"""Statements that run outside of a transaction: what they are about, and what review is told of them."""

from __future__ import annotations

import pytest

from penstock.review.inspect import inspect
from penstock.sql.classify import classify
from penstock.sql.enum_values import commits_after
from penstock.sql.outside import Outside, on_table, outside
from penstock.sql.session_state import trace
from penstock.sql.splitter import split


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("CREATE INDEX CONCURRENTLY i ON s.t (a)", Outside("create_index", "i", '"s"."t"', gentle=True)),
        ('CREATE UNIQUE INDEX CONCURRENTLY "I" ON t (a)', Outside("create_index", "I", '"t"', gentle=True)),
        ("DROP INDEX CONCURRENTLY IF EXISTS s.i", Outside("drop_index", '"s"."i"', gentle=True)),
        ("REINDEX TABLE CONCURRENTLY t", Outside("reindex", '"t"', gentle=True)),
        ("REINDEX DATABASE d", Outside("reindex")),
        (
            "ALTER TABLE t DETACH PARTITION s.p CONCURRENTLY",
            Outside("detach_partition", '"s"."p"', '"t"', gentle=True),
        ),
        ("CREATE DATABASE d OWNER o", Outside("create_database", "d")),
        ("DROP DATABASE IF EXISTS d WITH (FORCE)", Outside("drop_database", "d")),
        ("ALTER DATABASE d SET TABLESPACE s", Outside("move_database", "d", to="s")),
        ("CREATE TABLESPACE s LOCATION '/x'", Outside("create_tablespace", "s")),
        ("DROP TABLESPACE s", Outside("drop_tablespace", "s")),
        ("VACUUM (ANALYZE) t", Outside("repeat", gentle=True)),
        ("VACUUM (FULL) t", Outside("repeat")),
        ("VACUUM (SOME NEW OPTION 'x' 'y') t", Outside("repeat")),
        ("ALTER SYSTEM SET work_mem = '1GB'", Outside("repeat")),
        ("DROP SUBSCRIPTION s", Outside("undecidable")),
        ("CREATE INDEX CONCURRENTLY some new syntax", Outside("undecidable")),
    ],
)
def test_what_they_are_about(text: str, found: Outside) -> None:
    assert outside(text) == found


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("CREATE INDEX CONCURRENTLY i ON t (a)", 'CREATE INDEX  i ON "s"."c" (a)'),
        (
            'CREATE UNIQUE INDEX concurrently IF NOT EXISTS "concurrently" ON ONLY "ü" . /* t */ "t""x" (a) WHERE a',
            'CREATE UNIQUE INDEX  IF NOT EXISTS "concurrently" ON ONLY "s"."c" (a) WHERE a',
        ),
        ("CREATE INDEX CONCURRENTLY i ON t USING gin(t)", 'CREATE INDEX  i ON "s"."c" USING gin(t)'),
    ],
)
def test_the_same_index_on_another_table(text: str, other: str) -> None:
    assert on_table(text, '"s"."c"') == other


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("ALTER TYPE mood ADD VALUE 'glad'; INSERT INTO t VALUES ('glad')", {0}),
        ("ALTER TYPE mood ADD VALUE 'it''s'; DO $$ BEGIN PERFORM 'it''s'::mood; END $$", {0}),
        ("ALTER TYPE mood ADD VALUE 'glad'; INSERT INTO t VALUES ('sad')", set()),
        ("ALTER TYPE mood RENAME VALUE 'a' TO 'glad'; INSERT INTO t VALUES ('glad')", set()),
        ("SELECT 'glad'; ALTER TYPE mood ADD VALUE IF NOT EXISTS 'glad'", set()),
    ],
)
def test_a_value_must_be_committed_before_it_is_used(text: str, after: set[int]) -> None:
    statements = split(text.encode(), "postgres")
    assert commits_after(statements, [classify(s) for s in statements]) == after


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("SET search_path = x", "setting"),
        ("RESET ALL", "setting"),
        ("SELECT pg_catalog.set_config('search_path', '', false)", "setting"),
        ("PREPARE p AS SELECT 1", "setting"),
        ("SET LOCAL search_path = x", "none"),
        ("SELECT set_config('search_path', '', true)", "none"),
        ("SELECT set_config('search_path', a, false) FROM t", "none"),
        ("CREATE TEMP TABLE x (a int)", "data"),
        ("CREATE TABLE pg_temp.x (a int)", "data"),
        ("CREATE TEMP TABLE x AS SELECT 1", "data"),
        ("SELECT 1 INTO TEMP x", "data"),
        ("CREATE TEMP VIEW v AS SELECT 1", "data"),
        ("CREATE TEMP SEQUENCE q", "data"),
        ("DECLARE c CURSOR WITH HOLD FOR SELECT 1", "data"),
        ("CREATE TEMP TABLE x (a int) ON COMMIT DROP", "none"),
        ("CREATE TEMP TABLE x ON COMMIT DROP AS SELECT 1", "none"),
        ("DECLARE c CURSOR FOR SELECT 1", "none"),
        ("CREATE TABLE t (a int)", "none"),
        ("not sql at all", "none"),
    ],
)
def test_what_a_statement_leaves_in_its_session(text: str, left: str) -> None:
    [statement] = split(text.encode(), "postgres")
    assert trace(statement, classify(statement)) == left


def test_what_review_says_of_steps() -> None:
    found = inspect(b"CREATE TEMP TABLE x ();\nVACUUM;\nCREATE INDEX CONCURRENTLY ON t (a);", "postgres")
    assert {(f.rule, f.severity, f.line) for f in found.findings} == {
        ("session-data", "error", 1),
        ("non-transactional", "info", 2),
        ("unnamed-index", "error", 3),
        ("non-transactional", "info", 3),
        ("several-steps", "warning", None),
    }
    assert [(s.line, s.transactional, s.undecidable) for s in found.steps] == [
        (1, True, False),
        (2, False, False),
        (3, False, True),
    ]
