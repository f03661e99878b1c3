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
        ("ALTER TABLE t TRUNCATE PARTITION p", "never"),
        ("ALTER TABLE t IMPORT TABLESPACE", "never"),
        ("ALTER TABLE t CONVERT PARTITION p TO TABLE u", "never"),
        ("ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4", "compare"),
        ("ALTER TABLE t DROP a, ADD b int, ADD KEY (b), COMMENT 'x, y'", "compare"),
        ("ALTER TABLE t DROP COLUMN a, ADD COLUMN (b int, a int)", "never"),
        ("ALTER TABLE t CHANGE a a bigint, CHANGE b b bigint", "compare"),
        ("ALTER TABLE t CHANGE a c int, DROP c", "never"),
        ("ALTER TABLE t RENAME COLUMN a TO b, RENAME COLUMN b TO a", "never"),
        ("ALTER TABLE t RENAME COLUMN a TO b", "compare"),
        ("ALTER TABLE t RENAME KEY a TO b, RENAME KEY b TO a", "never"),
        ("ALTER TABLE t DROP KEY a, ADD KEY a (b)", "compare"),
        ("ALTER TABLE t RENAME TO u", "compare"),
        ("ALTER TABLE t SOMETHING NEW", "never"),
        ("ALTER SEQUENCE s INCREMENT 2", "compare"),
        ("ALTER SEQUENCE s RESTART 1", "never"),
        ("ALTER EVENT e ON SCHEDULE EVERY 1 DAY", "never"),
        ("CREATE EVENT e ON SCHEDULE AT now() DO SELECT 1", "never"),
        ("CREATE OR REPLACE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1", "repeat"),
        ("CREATE FUNCTION f RETURNS string SONAME 'f.so'", "never"),
        ("KILL CONNECTION_ID()", "repeat"),
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
    ("text", "undecidable"),
    [
        ("TRUNCATE t", True),
        ("DROP TABLE t, u", True),
        ("DROP TABLE IF EXISTS t, u", False),
        ("RENAME TABLE a TO b, c TO d", True),
        ("RENAME TABLE a TO b", False),
        ("ALTER TABLE t ADD a int", False),
        ("INSERT INTO t VALUES (1)", False),
        ("SET @a = 1", False),
    ],
)
def test_what_a_crash_may_leave_undecided_is_labelled(text: str, undecidable: bool) -> None:
    assert of(text).undecidable is undecidable


def test_a_renamed_table_is_looked_for_under_both_names() -> None:
    assert [str(o) for o in of("ALTER TABLE t ADD a int, RENAME TO s.u").defines] == ["t", "s.u"]


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("DELETE FROM penstock.ledger", True),
        ("UPDATE t JOIN `penstock`.journal j SET j.state = 'done'", True),
        ("DROP DATABASE penstock", True),
        ("CREATE TRIGGER x BEFORE INSERT ON penstock.ledger FOR EACH ROW SET @a = 1", True),
        ("CREATE PROCEDURE p() DELETE FROM penstock.ledger", True),
        ("/*! TRUNCATE penstock.journal */", True),
        ("GRANT ALL ON penstock.* TO u", True),
        ("INSERT INTO t SELECT version FROM penstock.ledger", False),
        ("INSERT INTO penstock VALUES (1)", False),
    ],
)
def test_what_proves_changes_is_not_for_changes(text: str, refused: bool) -> None:
    assert (of(text).refusal == "ledger_tampering") is refused


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


@pytest.mark.parametrize(
    ("text", "reads", "writes"),
    [
        ("INSERT INTO t SELECT * FROM u", ["u"], ["t"]),
        ("INSERT IGNORE t (a, b) VALUES (1, 2)", [], ["t"]),
        ("INSERT INTO d.t VALUES (1) ON DUPLICATE KEY UPDATE a = 1, b = 2", [], ["d.t"]),
        ("INSERT INTO t WITH q AS (SELECT 1 FROM z) SELECT * FROM q", ["z"], ["t"]),
        ("REPLACE INTO t SET a = (SELECT max(x) FROM y)", ["y"], ["t"]),
        ("UPDATE t JOIN u ON t.a = u.a, w SET t.a = 1 WHERE b IN (SELECT c FROM z)", ["z"], ["t", "u", "w"]),
        ("DELETE a, b FROM t a JOIN u b USING (x), w", [], ["t", "u", "w"]),
        ("DELETE FROM t USING t, u WHERE x", [], ["t", "u"]),
        ("SELECT EXTRACT(DAY FROM x) FROM t, (SELECT * FROM u) v, w USE INDEX (i, j) WHERE f(a, b)", list("tuw"), []),
        (
            "WITH x AS (SELECT 1 FROM u), y (a) AS (SELECT 1) DELETE FROM t WHERE a IN (SELECT a FROM x, y)",
            ["u"],
            ["t"],
        ),
        ("LOAD DATA INFILE 'x' INTO TABLE t (a, b)", [], ["t"]),
        ("SELECT * FROM (a, b) JOIN c ON (a.x = c.x), d", list("abcd"), []),
        ("SELECT a INTO OUTFILE 'x' FROM t FOR UPDATE", ["t"], []),
        ("SELECT REPLACE(a, 'x', 'y') FROM dual", [], []),
        ("SELECT * FROM JSON_TABLE(x, '$') j, t", ["t"], []),
        ("UPDATE IGNORE `a``b`.`c d` SET x = 1", [], ["a`b.c d"]),
        ("SELECT 1 FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.from = 1)", ["a", "b"], []),
    ],
)
def test_what_is_read_and_written(text: str, reads: list[str], writes: list[str]) -> None:
    found = of(text)
    assert (list(found.reads), list(found.writes)) == (reads, writes)


@pytest.mark.parametrize(
    ("text", "reads", "writes", "creates", "drops"),
    [
        ("CREATE TABLE t (a int, FOREIGN KEY (a) REFERENCES d.u (b))", ["d.u"], [], ["t"], []),
        ("CREATE TABLE t LIKE u", ["u"], [], ["t"], []),
        ("CREATE TABLE t AS SELECT * FROM u JOIN v", ["u", "v"], [], ["t"], []),
        ("CREATE TEMPORARY TABLE t SELECT * FROM u", ["u"], [], ["t"], []),
        ("CREATE OR REPLACE VIEW v AS SELECT * FROM t", ["t"], [], ["v"], []),
        ("CREATE UNIQUE INDEX i ON t (a)", [], ["t"], ["i"], []),
        ("DROP INDEX i ON t", [], ["t"], [], ["i"]),
        ("ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u (b)", ["u"], ["t"], [], []),
        ("RENAME TABLE a TO b, c TO d", [], ["a", "c"], ["b", "d"], []),
        ("TRUNCATE t", [], ["t"], [], []),
        ("DROP TABLE IF EXISTS t, d.u", [], [], [], ["t", "d.u"]),
        ("DROP DATABASE IF EXISTS d", [], [], [], ["d"]),
        ("CREATE DATABASE IF NOT EXISTS `d`", [], [], ["d"], []),
        ("CREATE USER 'u'@'%'", [], [], ["u"], []),
        ("CREATE TRIGGER r BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1", [], ["t"], ["r"], []),
        ("CREATE PROCEDURE p() SELECT * FROM t", [], [], ["p"], []),
        ("/*!50000 DROP TABLE t */", [], [], [], ["t"]),
    ],
)
def test_what_a_definition_does_to_what(
    text: str, reads: list[str], writes: list[str], creates: list[str], drops: list[str]
) -> None:
    found = of(text)
    assert (list(found.reads), list(found.writes)) == (reads, writes)
    assert (list(found.creates), list(found.drops)) == (creates, drops)


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
