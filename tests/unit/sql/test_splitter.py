"""How PostgreSQL text is cut into statements, case by case."""

from __future__ import annotations

import pytest

from penstock.domain.errors import ValidationFailed
from penstock.sql.errors import SplitError
from penstock.sql.splitter import split


def texts(data: str | bytes) -> list[str]:
    raw = data.encode() if isinstance(data, str) else data
    statements = split(raw, "postgres")
    assert [raw[s.start : s.end].decode() for s in statements] == [s.text for s in statements]
    assert [s.index for s in statements] == list(range(len(statements)))
    return [s.text for s in statements]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param(" \n\t\r\n\f", [], id="blanks"),
        pytest.param("-- only a comment", [], id="comment"),
        pytest.param(";;; /* c */ ;", [], id="semicolons"),
        pytest.param("SELECT 1", ["SELECT 1"], id="no terminator"),
        pytest.param("SELECT 1;", ["SELECT 1"], id="one"),
        pytest.param("SELECT 1; SELECT 2 ;\n", ["SELECT 1", "SELECT 2"], id="two"),
        pytest.param("a;b", ["a", "b"], id="tight"),
        pytest.param("/* lead */ SELECT 1 -- trail\n;", ["SELECT 1"], id="comments around"),
        pytest.param("SELECT /* ; */ 1 -- ;\n + 2", ["SELECT /* ; */ 1 -- ;\n + 2"], id="comments inside"),
        pytest.param("/* /* ; */ ; */ SELECT 1", ["SELECT 1"], id="nested comment"),
        pytest.param("/**/SELECT 1/*/**/*/", ["SELECT 1"], id="short comments"),
        pytest.param("SELECT 1 -- c\rSELECT 2;x", ["SELECT 1 -- c\rSELECT 2", "x"], id="CR ends a comment"),
        pytest.param("SELECT 1;\r\nSELECT 2;\r\n", ["SELECT 1", "SELECT 2"], id="CRLF"),
        pytest.param("SELECT ';'; x", ["SELECT ';'", "x"], id="string"),
        pytest.param("SELECT 'it''s;'; x", ["SELECT 'it''s;'", "x"], id="doubled quote"),
        pytest.param(r"SELECT '\'; x", [r"SELECT '\'", "x"], id="no escapes in a plain string"),
        pytest.param(r"SELECT E'\';'; x", [r"SELECT E'\';'", "x"], id="escape string"),
        pytest.param(r"SELECT e'\\'; x", [r"SELECT e'\\'", "x"], id="escaped backslash"),
        pytest.param(r"SELECT E'a''\'b;'; x", [r"SELECT E'a''\'b;'", "x"], id="escape string, doubled quote"),
        pytest.param("SELECT E'a'\n'\\';'; x", ["SELECT E'a'\n'\\';'", "x"], id="continued escape string"),
        pytest.param(
            "SELECT E'a' -- c\n -- d\n '\\';'; x", ["SELECT E'a' -- c\n -- d\n '\\';'", "x"], id="over comments"
        ),
        pytest.param(r"SELECT type'\'; x", [r"SELECT type'\'", "x"], id="a name that ends in e"),
        pytest.param(r"SELECT U&'\0027;'; x", [r"SELECT U&'\0027;'", "x"], id="unicode string"),
        pytest.param(r"SELECT U&'\'; x", [r"SELECT U&'\'", "x"], id="unicode string, backslash at its end"),
        pytest.param("SELECT N';', B';', X';'; x", ["SELECT N';', B';', X';'", "x"], id="other strings"),
        pytest.param('SELECT "a;""b;"; x', ['SELECT "a;""b;"', "x"], id="quoted name"),
        pytest.param('SELECT U&";"; x', ['SELECT U&";"', "x"], id="unicode name"),
        pytest.param("SELECT $$;$$; x", ["SELECT $$;$$", "x"], id="dollar quote"),
        pytest.param("SELECT $a$ $$;$b$ $a$; x", ["SELECT $a$ $$;$b$ $a$", "x"], id="tagged dollar quote"),
        pytest.param("SELECT $é$;$é$; x", ["SELECT $é$;$é$", "x"], id="tag beyond ASCII"),
        pytest.param("SELECT $1;$2", ["SELECT $1", "$2"], id="parameters are no quotes"),
        pytest.param("SELECT a$b$;c$b$", ["SELECT a$b$", "c$b$"], id="dollars inside names"),
        pytest.param("SELECT $1a$;$b", ["SELECT $1a$", "$b"], id="a tag starts with a letter"),
        pytest.param("SELECT 1--;\n;x", ["SELECT 1", "x"], id="comment right after a number"),
        pytest.param("SELECT 1-/*;*/-1;x", ["SELECT 1-/*;*/-1", "x"], id="comment inside operators"),
        pytest.param("SELECT a*/*;*/b;x", ["SELECT a*/*;*/b", "x"], id="operator before a comment"),
        pytest.param("SELECT (1;2);x", ["SELECT (1;2)", "x"], id="semicolon in parentheses"),
        pytest.param("SELECT (1;2", ["SELECT (1;2"], id="unbalanced, left to the server"),
        pytest.param("SELECT 1);x", ["SELECT 1)", "x"], id="one too many"),
        pytest.param(
            "CREATE RULE r AS ON INSERT TO t DO (DELETE FROM a; DELETE FROM b); x",
            ["CREATE RULE r AS ON INSERT TO t DO (DELETE FROM a; DELETE FROM b)", "x"],
            id="rule with two actions",
        ),
        pytest.param(
            "CREATE FUNCTION f() RETURNS int AS 'SELECT 1; SELECT 2' LANGUAGE sql; x",
            ["CREATE FUNCTION f() RETURNS int AS 'SELECT 1; SELECT 2' LANGUAGE sql", "x"],
            id="body in quotes",
        ),
        pytest.param(
            "DO $body$ BEGIN PERFORM 1; END; $body$; x", ["DO $body$ BEGIN PERFORM 1; END; $body$", "x"], id="DO"
        ),
        pytest.param("BEGIN; SELECT 1; END; x", ["BEGIN", "SELECT 1", "END", "x"], id="BEGIN as a statement"),
        pytest.param("\ufeffSELECT 1;", ["SELECT 1"], id="byte order mark"),
        pytest.param("\ufeff", [], id="byte order mark alone"),
        pytest.param("\ufeffE'\\';'; x", ["E'\\';'", "x"], id="byte order mark before a quote"),
        pytest.param("SELECT 'ä🙂;'; ß", ["SELECT 'ä🙂;'", "ß"], id="beyond ASCII"),
        pytest.param("COPY t TO STDOUT; x", ["COPY t TO STDOUT", "x"], id="COPY TO"),
        pytest.param("COPY t FROM '/f'; SELECT stdin", ["COPY t FROM '/f'", "SELECT stdin"], id="COPY from a file"),
        pytest.param("SELECT a FROM stdin", ["SELECT a FROM stdin"], id="a table named stdin"),
        pytest.param("COPY (SELECT * FROM stdin) TO '/f'", ["COPY (SELECT * FROM stdin) TO '/f'"], id="in a query"),
    ],
)
def test_split(data: str, expected: list[str]) -> None:
    assert texts(data) == expected


BODIES = [
    "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END",
    "create or replace function f() returns int language sql begin atomic select 1; end",
    "CREATE PROCEDURE p() BEGIN ATOMIC INSERT INTO t VALUES (1); END",
    "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN a THEN 1 ELSE 2 END; SELECT 3; END",
    "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE CASE a WHEN 1 THEN 2 END WHEN 2 THEN 3 END; END",
    "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT (CASE WHEN a THEN 1 END) AS end; SELECT 1; END",
    "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT t.end, t.case, a AS case FROM t; SELECT 1; END",
    "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT \"end\"; SELECT 'end;' /* END; */; END",
    "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC END",
    "CREATE FUNCTION f(begin int DEFAULT CASE WHEN true THEN 1 END) RETURNS int BEGIN ATOMIC SELECT begin; END",
    "CREATE FUNCTION f() RETURNS int BEGIN /* ; */ ATOMIC SELECT 1; END",
]


@pytest.mark.parametrize("body", BODIES)
def test_a_body_is_one_statement(body: str) -> None:
    assert texts(f"SELECT 0; {body}; SELECT 9") == ["SELECT 0", body, "SELECT 9"]


@pytest.mark.parametrize(
    ("data", "code", "line", "column"),
    [
        pytest.param(b"SELECT 1;\0DROP TABLE t", "nul_byte", 1, 10, id="NUL"),
        pytest.param(b"SELECT 'a\0'", "nul_byte", 1, 10, id="NUL in a string"),
        pytest.param(b"SELECT 1;\n\xff", "invalid_utf8", 2, 1, id="not UTF-8"),
        pytest.param(b"\xff\xfeS\x00", "invalid_utf8", 1, 1, id="UTF-16"),
        pytest.param("SELECT 1;\n 'ä".encode(), "unclosed_quote", 2, 2, id="string"),
        pytest.param(b"SELECT E'a\\'", "unclosed_quote", 1, 8, id="escape string"),
        pytest.param(b"SELECT E'a\\", "unclosed_quote", 1, 8, id="escape at the end"),
        pytest.param(b'SELECT "a', "unclosed_quote", 1, 8, id="name"),
        pytest.param(b"SELECT 1 /* /* */", "unclosed_comment", 1, 10, id="nested comment"),
        pytest.param(b"DO $x$ $y$", "unclosed_dollar_quote", 1, 4, id="dollar quote"),
        pytest.param(b"\\set a 1\nSELECT 1", "client_metacommand", 1, 1, id="psql command"),
        pytest.param(b"SELECT 1 \\gset", "client_metacommand", 1, 10, id="psql command behind a query"),
        pytest.param(b"SELECT 1;\r\n\r\n  COPY t (a) FROM stdin;\n'\n\\.", "copy_from_stdin", 3, 3, id="COPY"),
        pytest.param(b"copy t from stdin with (format csv)", "copy_from_stdin", 1, 1, id="COPY without terminator"),
    ],
)
def test_refusals_say_where(data: bytes, code: str, line: int, column: int) -> None:
    with pytest.raises(SplitError) as caught:
        split(data, "postgres")
    assert (caught.value.code, caught.value.line, caught.value.column) == (code, line, column)
    assert caught.value.status == 422


@pytest.mark.parametrize(
    ("data", "positions"),
    [
        ("a; b;\nc", [(1, 1), (1, 4), (2, 1)]),
        ("a;\r\nb;\rc;\n\nd", [(1, 1), (2, 1), (3, 1), (5, 1)]),
        ("'ä🙂'; b; 'ü'; c", [(1, 1), (1, 7), (1, 10), (1, 15)]),
        ("\ufeffa; b", [(1, 1), (1, 4)]),
        ("/* ä\n */ a;\tb", [(2, 5), (2, 8)]),
    ],
)
def test_lines_and_columns(data: str, positions: list[tuple[int, int]]) -> None:
    assert [(s.line, s.column) for s in split(data.encode(), "postgres")] == positions


@pytest.mark.parametrize(("offset", "expected"), [(0, (2, 3)), (3, (2, 6)), (9, (3, 1)), (12, (3, 4)), (99, (3, 7))])
def test_a_position_inside_a_statement(offset: int, expected: tuple[int, int]) -> None:
    [statement] = split(b"\n  SELECT 1\n+ nope", "postgres")
    assert statement.position(offset) == expected


def test_other_engines_are_refused() -> None:
    with pytest.raises(ValidationFailed, match="oracle"):
        split(b"SELECT 1", "oracle")
