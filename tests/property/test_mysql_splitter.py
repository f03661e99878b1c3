"""The splitter for MySQL and MariaDB against text that nobody thought of."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.sql.errors import SplitError
from penstock.sql.splitter import mysql, split
from penstock.sql.splitter.mysql_tokens import Kind, Lexer, LoneReturn, Unclosed
from tests.property.pieces import joined, outcome

PIECES = st.sampled_from(
    [
        "SELECT 1", ";", "'", "''", "\\", "\\'", '"', "`", "/*", "*/", "/*!", "/*!50000 ", "/*M!", "--", "-- ", "#",
        "\n", "\r\n", "\r", " ", "DELIMITER ", "DELIMITER //\n", "DELIMITER ;\n", "//", "$$", "BEGIN", "END", "CASE",
        "CREATE PROCEDURE p() ", "é", "🙂", "\ufeff", "1", ",", "-", "/", "\\N", "\\G", "COMMIT", "\t", "\0", "SET ",
        "@a := 1", "source ", "delimiter", "NOT ATOMIC", "USE x",
        "DELIMITER go\n", "go", "ego", "DELIMITER é\n", "create unique index", "alter\n", "table ", "event ",
        "function ", "set\nstatement ", "delimiter$$", "/**/", "\x01", "$", "quit",
    ]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=60)
BYTES = TEXTS.map(str.encode) | st.binary(max_size=60)
ENGINES = st.sampled_from(["mysql", "mariadb"])

# Statements with a semicolon in every place where one may hide, and gaps that hide nothing.
STATEMENTS = st.sampled_from(
    [
        "SELECT 1",
        "SELECT ';'",
        r"SELECT '\';'",
        'SELECT ";"',
        "SELECT `;`",
        "SELECT /*;*/ 1",
        "SELECT 'ä' -- ;\n, 2",
        "SELECT 1 # ;'\n, 2",
        "/*! SELECT ';' */",
        "INSERT INTO t VALUES ('it''s;')",
    ]
)
GAPS = st.sampled_from(
    [";", " ; ", ";\n", ';\r\n-- it\'s; "quoted" `\n', "; /* ' ; ` \" */ ", ";;", "\t;# '\n", ";\nDELIMITER ;\n"]
)


@given(st.lists(st.tuples(STATEMENTS, GAPS), max_size=12))
def test_statements_come_back_whole_and_in_order(pairs: list[tuple[str, str]]) -> None:
    data = "".join(statement + gap for statement, gap in pairs).encode()
    assert [found.text for found in split(data, "mariadb")] == [statement for statement, _ in pairs]


@given(st.lists(STATEMENTS, max_size=8), st.sampled_from(["//", "$$", ";;", "go!", "|", "é"]))
def test_any_delimiter_cuts(statements: list[str], delimiter: str) -> None:
    data = f"DELIMITER {delimiter}\n" + "".join(f"BEGIN {s}; END{delimiter}\n" for s in statements)
    assert [found.text for found in split(data.encode(), "mysql")] == [f"BEGIN {s}; END" for s in statements]


@given(st.lists(STATEMENTS, max_size=8), st.sampled_from(["//", "$$", ";;", "go!", "|", "é"]))
def test_a_semicolon_ends_what_has_no_body_under_any_delimiter(statements: list[str], delimiter: str) -> None:
    data = f"DELIMITER {delimiter}\n" + "".join(f"{s}; DO 1{delimiter}\n" for s in statements)
    assert [found.text for found in split(data.encode(), "mysql")] == [t for s in statements for t in (s, "DO 1")]


@given(BYTES, ENGINES)
def test_statements_and_gaps_are_the_input(data: bytes, engine: str) -> None:
    try:
        found = split(data, engine)
    except SplitError as error:
        assert error.line >= 1 and error.column >= 1 and error.code != "split_error"
        return
    end = 0
    for index, statement in enumerate(found):
        assert end <= statement.start < statement.end <= len(data) and statement.index == index
        assert data[statement.start : statement.end] == statement.text.encode()
        data[end : statement.start].decode()  # every boundary is one between characters
        end = statement.end
    data[end:].decode()
    assert joined(data, found) == data


@settings(max_examples=1_000)
@given(BYTES, ENGINES)
def test_whole_statements_and_tokens_are_read_alike(data: bytes, engine: str) -> None:
    """Ordinary statements are matched as a whole; token by token they must come out the same."""
    as_a_whole = outcome(data, engine)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mysql, "simple", lambda delimiter: re.compile(b"(?!)"))
        assert outcome(data, engine) == as_a_whole


@given(BYTES)
def test_tokens_touch_and_none_is_empty(data: bytes) -> None:
    """Each step moves on by at least one byte, so the work is linear in the text."""
    end = 0
    lexer = Lexer(data)
    try:
        for token in lexer.tokens():
            assert token.start == end < token.end
            assert token.kind is not Kind.DELIMITER or data[token.start : token.end] == b";"
            end = token.end
    except (Unclosed, LoneReturn) as error:
        assert error.start >= end
        return
    assert end == len(data)
