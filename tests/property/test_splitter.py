"""The splitter against text that nobody thought of."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.sql.classify import classify
from penstock.sql.errors import SplitError
from penstock.sql.splitter import postgres, split
from penstock.sql.splitter.postgres_tokens import Kind, Unclosed, tokens
from tests.property.pieces import joined, outcome

PIECES = st.sampled_from(
    [
        "SELECT 1", ";", "'", "''", "E'", "\\", "\\'", '"', "$$", "$a$", "$1", "/*", "*/", "--", "\n", "\r\n", "\r",
        " ", "(", ")", "BEGIN", "ATOMIC", "END", "CASE", "CREATE FUNCTION f() ", "AS", ".", "COPY", "FROM STDIN",
        "é", "🙂", "\ufeff", "U&'", "1", "1e", ",", "-", "/", "x$", "COMMIT", "\t", "\0", "SET ROLE", "DO",
        "$", "e", "\x01", "create/**/function ", "create /*/**/*/ function ", "copy", "((((",
        "create or replace procedure ", "copy t from stdin", "CREATE PROCEDURE p() BEGIN ATOMIC ", "END;",
    ]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=60)
BYTES = TEXTS.map(str.encode) | st.binary(max_size=60)

# Statements with a semicolon in every place where one may hide, and gaps that hide nothing.
STATEMENTS = st.sampled_from(
    [
        "SELECT 1",
        "SELECT ';'",
        "SELECT E'\\';'",
        'SELECT ";"',
        "SELECT $$;$$",
        "SELECT $q$ ';$$ $q$",
        "SELECT /*;*/ 1",
        "SELECT (1;2)",
        "SELECT 'ä' --;\n, 2",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; SELECT 2; END",
        "DO $b$ BEGIN; END; $b$",
        "SELECT U&'\\;'",
        "SELECT a$b$, 1",
        "INSERT INTO t VALUES ('it''s;')",
    ]
)
GAPS = st.sampled_from([";", " ; ", ";\n", ';\r\n-- it\'s; "quoted" $$\n', "; /* ' ; /* $$ */ \" */ ", ";;", "\t;\r"])


@given(st.lists(st.tuples(STATEMENTS, GAPS), max_size=12))
def test_statements_come_back_whole_and_in_order(pairs: list[tuple[str, str]]) -> None:
    data = "".join(statement + gap for statement, gap in pairs).encode()
    assert [found.text for found in split(data, "postgres")] == [statement for statement, _ in pairs]


@given(BYTES)
def test_statements_and_gaps_are_the_input(data: bytes) -> None:
    try:
        found = split(data, "postgres")
    except SplitError as error:
        assert error.line >= 1 and error.column >= 1 and error.code != "split_error"
        return
    end = 0
    for index, statement in enumerate(found):
        assert end <= statement.start < statement.end <= len(data) and statement.index == index
        assert data[statement.start : statement.end] == statement.text.encode()
        assert _is_gap(data[end : statement.start])
        end = statement.end
    assert _is_gap(data[end:])
    assert joined(data, found) == data


@settings(max_examples=1_000)
@given(BYTES)
def test_whole_statements_and_tokens_are_read_alike(data: bytes) -> None:
    """Ordinary statements are matched as a whole; token by token they must come out the same."""
    as_a_whole = outcome(data, "postgres")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postgres, "SIMPLE", re.compile(b"(?!)"))
        assert outcome(data, "postgres") == as_a_whole


def _is_gap(gap: bytes) -> bool:
    between = (Kind.BLANK, Kind.COMMENT, Kind.SEMICOLON)
    return all(token.kind in between for token in tokens(gap.removeprefix(b"\xef\xbb\xbf")))


@given(BYTES)
def test_lines_and_columns_are_those_of_an_editor(data: bytes) -> None:
    try:
        found = split(data, "postgres")
    except SplitError:
        return
    text = data.decode().removeprefix("\ufeff")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for statement in found:
        line = lines[statement.line - 1][statement.column - 1 :]
        first = statement.text.replace("\r", "\n").split("\n")[0]
        assert line.startswith(first)


@given(BYTES)
def test_tokens_touch_and_none_is_empty(data: bytes) -> None:
    """Each step moves on by at least one byte, so the work is linear in the text."""
    end = 0
    try:
        for token in tokens(data):
            assert token.start == end < token.end
            end = token.end
    except Unclosed as error:
        assert error.start == end
        return
    assert end == len(data)


@given(TEXTS)
def test_classifying_never_raises(text: str) -> None:
    try:
        found = split(text.encode(), "postgres")
    except SplitError:
        return
    for statement in found:
        assert classify(statement).kind
