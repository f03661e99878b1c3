"""How MySQL and MariaDB text is cut into statements, case by case."""

from __future__ import annotations

import pytest

from penstock.sql.errors import SplitError
from penstock.sql.position import Positions
from penstock.sql.splitter import mysql, split
from penstock.sql.splitter.mysql_tokens import Dialect

BODY = "CREATE TRIGGER r BEFORE INSERT ON t FOR EACH ROW BEGIN SET NEW.a = 1; IF a THEN SET NEW.b = 2; END IF; END"


def texts(data: str | bytes, engine: str = "mariadb") -> list[str]:
    raw = data.encode() if isinstance(data, str) else data
    statements = split(raw, engine)
    assert [raw[s.start : s.end].decode() for s in statements] == [s.text for s in statements]
    assert [s.index for s in statements] == list(range(len(statements)))
    return [s.text for s in statements]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param("-- only\n# comments\n/* here */;;", [], id="comments"),
        pytest.param("SELECT 1; SELECT 2 ;\n", ["SELECT 1", "SELECT 2"], id="two"),
        pytest.param("/* lead */ SELECT 1 -- trail\n;", ["SELECT 1"], id="comments around"),
        pytest.param("SELECT 1 # ;\n + 2;x", ["SELECT 1 # ;\n + 2", "x"], id="hash comment"),
        pytest.param("SELECT 1 --\t;\n;x", ["SELECT 1", "x"], id="dashes and a tab"),
        pytest.param("SELECT 1--;x", ["SELECT 1--", "x"], id="dashes alone are no comment"),
        pytest.param("SELECT 1--1;x", ["SELECT 1--1", "x"], id="minus minus"),
        pytest.param("SELECT 1 --", ["SELECT 1"], id="dashes at the end"),
        pytest.param("SELECT /* /* ; */ 1; x", ["SELECT /* /* ; */ 1", "x"], id="comments do not nest"),
        pytest.param("SELECT 1;\r\n-- c\r\nSELECT 2;\r\n", ["SELECT 1", "SELECT 2"], id="CRLF"),
        pytest.param("SELECT 1;\rSELECT 2", ["SELECT 1", "SELECT 2"], id="CR"),
        pytest.param(r"SELECT '\';'; x", [r"SELECT '\';'", "x"], id="escaped quote"),
        pytest.param("SELECT 'it'';'; x", ["SELECT 'it'';'", "x"], id="doubled quote"),
        pytest.param(r'SELECT "\";"";"; x', [r'SELECT "\";"";"', "x"], id="double quotes"),
        pytest.param("SELECT `;``\\`; x", ["SELECT `;``\\`", "x"], id="backticks know no backslash"),
        pytest.param(r"SELECT '\\'; x", [r"SELECT '\\'", "x"], id="escaped backslash"),
        pytest.param(r"INSERT INTO t VALUES (\N); x", [r"INSERT INTO t VALUES (\N)", "x"], id="backslash N"),
        pytest.param("/*!40101 SET NAMES utf8 */;x", ["/*!40101 SET NAMES utf8 */", "x"], id="versioned comment"),
        pytest.param("/*! SELECT ';' /* ; */ */;x", ["/*! SELECT ';' /* ; */ */", "x"], id="inside a versioned one"),
        pytest.param("/*M!100100 SELECT 1 */;x", ["/*M!100100 SELECT 1 */", "x"], id="MariaDB's own"),
        pytest.param("SELECT 1 */;x", ["SELECT 1 */", "x"], id="closes nothing"),
        pytest.param(f"DELIMITER //\n{BODY}//\nDELIMITER ;\nx;y", [BODY, "x", "y"], id="DELIMITER"),
        pytest.param(f"delimiter $$ -- c\n{BODY}$$\ndelimiter ; # c\r\nx", [BODY, "x"], id="a comment behind it"),
        pytest.param(f"DELIMITER ;;\n{BODY};;\nx;;", [BODY, "x"], id="two semicolons"),
        pytest.param(f"DELIMITER //\nDROP TRIGGER r;\n{BODY};\n//", ["DROP TRIGGER r", BODY + ";"], id="two before it"),
        pytest.param("DELIMITER //\nSELECT 1; SELECT 2//", ["SELECT 1", "SELECT 2"], id="two queries before it"),
        pytest.param("DELIMITER //\nSET STATEMENT a=1 FOR x; y//", ["SET STATEMENT a=1 FOR x; y"], id="FOR"),
        pytest.param("DELIMITER //\nCREATE VIEW v AS SELECT 1; y//", ["CREATE VIEW v AS SELECT 1", "y"], id="view"),
        pytest.param("DELIMITER //\nCREATE EVENT e DO SELECT 1; y//", ["CREATE EVENT e DO SELECT 1; y"], id="an event"),
        pytest.param("DELIMITER '||'\nSELECT ';'||x", ["SELECT ';'", "x"], id="a quoted delimiter"),
        pytest.param("DELIMITER go\nSELECT 1\ngo\nx", ["SELECT 1", "x"], id="a word"),
        pytest.param("DELIMITER $\nSELECT '$' /* $ */, a$ b", ["SELECT '$' /* $ */, a", "b"], id="not in quotes"),
        pytest.param("SELECT 1; DELIMITER //\nx;//", ["SELECT 1", "x;"], id="on the line of a statement"),
        pytest.param("DELIMITER //\r\nx;//\r\n", ["x;"], id="CRLF behind DELIMITER"),
        pytest.param("CREATE TABLE t (\n delimiter int);x", ["CREATE TABLE t (\n delimiter int)", "x"], id="a"),
        pytest.param("CREATE PROCEDURE p() SELECT 1; x", ["CREATE PROCEDURE p() SELECT 1", "x"], id="simple routine"),
        pytest.param("CREATE PROCEDURE p() BEGIN END; x", ["CREATE PROCEDURE p() BEGIN END", "x"], id="empty body"),
        pytest.param("CREATE TABLE event (begin int); x", ["CREATE TABLE event (begin int)", "x"], id="names"),
        pytest.param("BEGIN; x", ["BEGIN", "x"], id="BEGIN as a statement"),
        pytest.param("\ufeffSELECT 1;", ["SELECT 1"], id="byte order mark"),
        pytest.param("SELECT 'ä🙂;'; ß", ["SELECT 'ä🙂;'", "ß"], id="beyond ASCII"),
        pytest.param("USE shop; x", ["USE shop", "x"], id="USE"),
    ],
)
def test_split(data: str, expected: list[str]) -> None:
    assert texts(data) == expected


def test_to_mysql_the_comments_of_mariadb_are_comments() -> None:
    assert texts("/*M! ' ; */ SELECT 1; x", "mysql") == ["SELECT 1", "x"]


@pytest.mark.parametrize(
    ("dialect", "data", "expected"),
    [
        (Dialect(backslash_escapes=False), r"SELECT '\'; x", [r"SELECT '\'", "x"]),
        (Dialect(ansi_quotes=True), r'SELECT "\"; x', [r'SELECT "\"', "x"]),
        (Dialect(ansi_quotes=True), r"SELECT '\';'; x", [r"SELECT '\';'", "x"]),
    ],
)
def test_modes_of_a_session(dialect: Dialect, data: str, expected: list[str]) -> None:
    raw = data.encode()
    assert [s.text for s in mysql.statements(raw, Positions(raw), dialect)] == expected


@pytest.mark.parametrize(
    ("data", "code", "line", "column"),
    [
        pytest.param(b"".join(b"DELIMITER d%d\n" % n for n in range(40)), "bad_delimiter", 33, 1, id="too many"),
        pytest.param(b"ALTER EVENT e DO BEGIN SELECT 1; END", "unclosed_compound", 1, 1, id="an event's new body"),
        pytest.param(b"SELECT 1;\0DROP TABLE t", "nul_byte", 1, 10, id="NUL"),
        pytest.param(b"SELECT 1;\n\xff", "invalid_utf8", 2, 1, id="not UTF-8"),
        pytest.param("SELECT 1;\n 'ä".encode(), "unclosed_quote", 2, 2, id="string"),
        pytest.param(b"SELECT `a", "unclosed_quote", 1, 8, id="name"),
        pytest.param(b"SELECT 'a\\'", "unclosed_quote", 1, 8, id="escaped"),
        pytest.param(b"SELECT 1 /* ", "unclosed_comment", 1, 10, id="comment"),
        pytest.param(b"SELECT /*! 1", "unclosed_comment", 1, 8, id="versioned comment"),
        pytest.param(b"/*!50000 SELECT 1; */", "unclosed_comment", 1, 1, id="cut inside a versioned comment"),
        pytest.param(b"-- a\rDROP TABLE t;", "lone_carriage_return", 1, 5, id="CR ends no comment"),
        pytest.param(b"SELECT 1\\G", "client_metacommand", 1, 9, id="backslash G"),
        pytest.param(b"\\. file.sql", "client_metacommand", 1, 1, id="backslash dot"),
        pytest.param(b"SELECT 1;\nsource file.sql", "client_metacommand", 2, 1, id="source"),
        pytest.param(b"DELIMITER", "bad_delimiter", 1, 1, id="DELIMITER alone"),
        pytest.param(b"DELIMITER;", "bad_delimiter", 1, 1, id="DELIMITER without a blank"),
        pytest.param(b"DELIMITER \n//", "bad_delimiter", 1, 1, id="on the next line"),
        pytest.param(b"DELIMITER \\", "bad_delimiter", 1, 1, id="a backslash"),
        pytest.param(b"DELIMITER // DROP TABLE t", "bad_delimiter", 1, 1, id="the rest of the line"),
        pytest.param(b"DELIMITER //\rDROP TABLE t", "bad_delimiter", 1, 1, id="a lone CR behind it"),
        pytest.param(b"DELIMITER " + b"/" * 17, "bad_delimiter", 1, 1, id="too long"),
        pytest.param(b"SELECT 1\nDELIMITER //\n", "bad_delimiter", 2, 1, id="inside a statement"),
        pytest.param(b"x;\n" + BODY.encode(), "unclosed_compound", 2, 1, id="body without DELIMITER"),
        pytest.param(b"BEGIN NOT ATOMIC SELECT 1; END", "unclosed_compound", 1, 1, id="block without DELIMITER"),
    ],
)
def test_refusals_say_where(data: bytes, code: str, line: int, column: int) -> None:
    with pytest.raises(SplitError) as caught:
        split(data, "mariadb")
    assert (caught.value.code, caught.value.line, caught.value.column) == (code, line, column)
