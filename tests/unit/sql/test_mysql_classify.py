"""What MySQL and MariaDB statements are, and what that means for running them."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from penstock.sql.dialects import classify as classify_for
from penstock.sql.mysql.classify import MAX_CHARACTERS, MySqlClassification, classify
from penstock.sql.splitter.mysql_tokens import Dialect
from penstock.sql.statement import Statement


def of(text: str) -> MySqlClassification:
    return classify(Statement(0, 0, len(text), 1, 1, text), Dialect())


@pytest.mark.parametrize(
    ("text", "kind", "objects"),
    [
        ("CREATE TABLE a.t (id int)", "create_table", ("a.t",)),
        ("CREATE TABLE IF NOT EXISTS `t` (id int)", "create_table", ("t",)),
        ("CREATE TABLE t SELECT * FROM u", "create_table_as", ("t",)),
        ("ALTER TABLE t ADD a int", "alter_table", ("t",)),
        ("ALTER ONLINE TABLE t ADD a int", "alter_table", ("t",)),
        ("CREATE UNIQUE INDEX i ON t (a)", "create_index", ("t",)),
        ("DROP INDEX i ON t", "drop_index", ("t",)),
        ("DROP TABLE t, s.u", "drop_table", ("t", "s.u")),
        ("DROP TABLE IF EXISTS t", "drop_table", ("t",)),
        ("RENAME TABLE t TO u", "rename_table", ("t", "u")),
        ("CREATE OR REPLACE ALGORITHM=MERGE DEFINER=`a`@`b` VIEW v AS SELECT 1", "create_view", ("v",)),
        ("CREATE DEFINER=root@localhost TRIGGER r BEFORE INSERT ON t FOR EACH ROW SET @a=1", "create_trigger", ("r",)),
        ("CREATE FUNCTION f() RETURNS int RETURN 1", "create_function", ("f",)),
        ("CREATE DATABASE d", "create_database", ()),
        ("CREATE USER u", "create_user", ()),
        ("TRUNCATE TABLE t", "truncate", ("t",)),
        ("GRANT SELECT ON t TO u", "grant", ()),
        ("ANALYZE TABLE t", "analyze", ()),
        ("SET GLOBAL max_connections = 5", "set_global", ()),
        ("SET @@GLOBAL.max_connections = 5", "set_global", ()),
        ("SET PASSWORD = 'x'", "set_password", ()),
        ("CALL p()", "call", ()),
        ("EXECUTE s", "execute", ()),
        ("BEGIN NOT ATOMIC SELECT 1; END", "block", ()),
        ("NOT sql AT ALL", "unknown", ()),
    ],
)
def test_what_commits(text: str, kind: str, objects: tuple[str, ...]) -> None:
    found = of(text)
    assert (found.kind, found.objects) == (kind, objects)
    assert found.refusal is None and not found.transactional and not found.session


@pytest.mark.parametrize(
    ("text", "kind", "objects"),
    [
        ("INSERT INTO t SELECT * FROM u", "insert", ("t", "u")),
        ("REPLACE INTO d.t VALUES (1)", "replace", ("d.t",)),
        ("UPDATE t JOIN u SET a = 1", "update", ("t", "u")),
        ("DELETE FROM t", "delete", ("t",)),
        ("(SELECT 1) UNION (SELECT 2)", "select", ()),
        ("WITH x AS (SELECT 1) DELETE FROM t", "delete", ("t",)),
        ("LOAD DATA INFILE 'x' INTO TABLE t", "load_data", ("t",)),
        ("SET STATEMENT max_statement_time=1 FOR UPDATE t SET a = 1", "update", ("t",)),
        ("SELECT 'COMMIT', `COMMIT`", "select", ()),
    ],
)
def test_what_shares_a_transaction(text: str, kind: str, objects: tuple[str, ...]) -> None:
    found = of(text)
    assert (found.kind, found.objects) == (kind, objects)
    assert found.refusal is None and found.transactional and not found.session


@pytest.mark.parametrize(
    "text",
    [
        "SET FOREIGN_KEY_CHECKS = 0", "SET SQL_MODE = 'NO_AUTO_VALUE_ON_ZERO'", "SET @a = 1, @b = @c",
        "SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='TRADITIONAL'", "SET NAMES utf8mb4", "SET CHARACTER SET latin1",
        "SET character_set_client = @saved", "USE d", "PREPARE s FROM @a", "DEALLOCATE PREPARE s",
        "CREATE TEMPORARY TABLE t (a int)", "DROP TEMPORARY TABLE t", "/*!40101 SET NAMES utf8 */",
        "SET @a = (SELECT max(a) FROM t)", "SET SESSION sql_mode = REPLACE(@@sql_mode, 'X', '')",
    ],
)  # fmt: skip
def test_what_stays_in_the_session(text: str) -> None:
    found = of(text)
    assert found.session and found.transactional and found.refusal is None


@pytest.mark.parametrize(
    "text",
    [
        "BEGIN", "BEGIN WORK", "START TRANSACTION", "COMMIT", "ROLLBACK TO a", "SAVEPOINT a", "RELEASE SAVEPOINT a",
        "XA START 'x'", "SET TRANSACTION READ ONLY", "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE",
        "SET autocommit = 0", "SET @a = 1, @@SESSION.autocommit = 0", "SET session.completion_type = 1",
        "LOCK TABLES t WRITE", "UNLOCK TABLES", "FLUSH TABLES WITH READ LOCK", "/*! COMMIT */", "/* c */ commit",
        "/*!99999 SELECT 1 AS */ COMMIT", "/*!99999 SELECT */ /*!50000 COMMIT */", "SET @a = 1 /*! , autocommit=0 */",
        "SET STATEMENT x = 1 FOR COMMIT", "/*M! COMMIT */",
    ],
)  # fmt: skip
def test_transaction_control(text: str) -> None:
    found = of(text)
    assert found.transaction_control and found.refusal == "transaction_control"


@pytest.mark.parametrize(
    "text",
    [
        "SET ROLE x", "SET sql_mode = 'ANSI_QUOTES'", "SET sql_mode = 'STRICT_ALL_TABLES, no_backslash_escapes'",
        "SET SESSION sql_mode = ORACLE", "SET NAMES gbk", "SET CHARACTER SET sjis", "SET character_set_client = big5",
        "DO GET_LOCK('penstock', 1)", "SELECT release_all_locks()", "SET @a = `RELEASE_LOCK`('x')",
        "/*! SET sql_mode = 'ANSI' */", "SET @@sql_mode := concat('ANSI', '')",
    ],
)  # fmt: skip
def test_session_tampering(text: str) -> None:
    assert of(text).refusal == "session_tampering"


@pytest.mark.parametrize(
    ("text", "resume"),
    [
        ("CREATE TABLE t (a int)", "compare"),
        ("CREATE TABLE IF NOT EXISTS t (a int)", "repeat"),
        ("CREATE OR REPLACE TABLE t (a int)", "never"),
        ("CREATE OR REPLACE VIEW v AS SELECT 1", "repeat"),
        ("CREATE TABLE t AS SELECT 1", "never"),
        ("ALTER TABLE t ADD a int", "compare"),
        ("ALTER TABLE t DROP a, ADD a int", "never"),
        ("ALTER TABLE t CHANGE a b int, CHANGE b a int", "never"),
        ("ALTER TABLE t EXCHANGE PARTITION p WITH TABLE u", "never"),
        ("DROP TABLE t", "compare"),
        ("DROP TABLE IF EXISTS t", "repeat"),
        ("RENAME TABLE t TO u", "compare"),
        ("RENAME TABLE t TO x, u TO t, x TO u", "never"),
        ("TRUNCATE t", "never"),
        ("GRANT SELECT ON t TO u", "never"),
        ("CALL p()", "never"),
        ("/*!99999 CREATE */ /*!50000 TABLE t (a int) */", "never"),
    ],
)
def test_how_to_go_on_after_it_was_interrupted(text: str, resume: str) -> None:
    assert of(text).resume == resume


@pytest.mark.parametrize(
    ("text", "keeps"),
    [
        ("SET @a = 1", False),
        ("SET @a = (SELECT 1)", True),
        ("SET @a = UUID()", True),
        ("SELECT a INTO @a FROM t", True),
        ("UPDATE t SET a = @n := @n + 1", True),
        ("INSERT INTO t VALUES (LAST_INSERT_ID())", True),
        ("CREATE TEMPORARY TABLE t (a int)", True),
        ("INSERT INTO t VALUES (1)", False),
    ],
)
def test_what_carries_data_from_one_statement_to_the_next(text: str, keeps: bool) -> None:
    assert of(text).keeps_data is keeps


@pytest.mark.parametrize(
    "text",
    [
        "/*!99999 SELECT 1 AS */ /*!50000 x */", "CREATE /*!50000 TEMPORARY */ TABLE t (a int)",
        "/*!99999 SELECT */ DROP TABLE t",
    ],
)  # fmt: skip
def test_what_depends_on_the_version_is_never_safe(text: str) -> None:
    found = of(text)
    assert not found.transactional and not found.session and found.resume == "never"


@pytest.mark.parametrize("text", ["DROP TABLE t", "TRUNCATE t", "DELETE FROM t", "ALTER TABLE t ADD a int, DROP b"])
def test_destructive(text: str) -> None:
    assert of(text).destructive


@pytest.mark.parametrize("text", ["ALTER TABLE t DROP INDEX i", "DROP VIEW v", "INSERT INTO t VALUES (1)"])
def test_not_destructive(text: str) -> None:
    assert not of(text).destructive


def test_large_statements_are_told_by_their_first_word() -> None:
    rows = ",(1)" * (MAX_CHARACTERS // 4)
    assert (of("INSERT INTO t VALUES (1)" + rows).kind, of("CREATE x" + rows).kind) == ("insert", "unknown")


def test_engines_have_their_dialects() -> None:
    statement = Statement(0, 0, 17, 1, 1, "/*M! COMMIT */ DO 1")
    assert classify_for(statement, "mysql").refusal is None
    assert classify_for(statement, "mariadb").refusal == "transaction_control"
    assert classify_for(Statement(0, 0, 5, 1, 1, "BEGIN"), "postgres").refusal == "transaction_control"


WORDS = st.sampled_from(
    [
        "SET",
        "@",
        "a",
        "=",
        ",",
        ":=",
        "(",
        ")",
        "SELECT",
        "CREATE",
        "TABLE",
        "OR",
        "REPLACE",
        "TEMPORARY",
        "/*!",
        "*/",
        "/*M!99999",
        "ALTER",
        "DROP",
        "IF",
        "NOT",
        "EXISTS",
        "t",
        ".",
        "INDEX",
        "ON",
        "GLOBAL",
        "SESSION",
        "NAMES",
        "FOR",
        "STATEMENT",
        "'x'",
        "`y`",
        "WITH",
        "RENAME",
        "TO",
        "CALL",
        "USE",
        "sql_mode",
    ]
)


@example("ALTER TABLE")
@given(st.lists(WORDS, max_size=12).map(" ".join) | st.text(max_size=40))
def test_classifying_never_raises(text: str) -> None:
    assert of(text).kind
