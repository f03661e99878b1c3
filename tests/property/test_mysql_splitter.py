"""The splitter for MySQL and MariaDB against text that nobody thought of."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from penstock.sql.errors import SplitError
from penstock.sql.splitter import split
from penstock.sql.splitter.mysql_tokens import Kind, Lexer, LoneReturn, Unclosed

PIECES = st.sampled_from(
    [
        "SELECT 1", ";", "'", "''", "\\", "\\'", '"', "`", "/*", "*/", "/*!", "/*!50000 ", "/*M!", "--", "-- ", "#",
        "\n", "\r\n", "\r", " ", "DELIMITER ", "DELIMITER //\n", "DELIMITER ;\n", "//", "$$", "BEGIN", "END", "CASE",
        "CREATE PROCEDURE p() ", "é", "🙂", "\ufeff", "1", ",", "-", "/", "\\N", "\\G", "COMMIT", "\t", "\0", "SET ",
        "@a := 1", "source ", "delimiter", "NOT ATOMIC", "USE x",
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
    data = f"DELIMITER {delimiter}\n" + "".join(f"{s}; x{delimiter}\n" for s in statements)
    assert [found.text for found in split(data.encode(), "mysql")] == [s + "; x" for s in statements]


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
        assert data.decode()  # every boundary is one between characters
        data[end : statement.start].decode()
        end = statement.end
    data[end:].decode()


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


def test_large_texts_take_linear_time() -> None:
    hard = ["'a\\'b'", "/*!1*/", "-- c\n", "a" * 50, "(" * 50, "`x`", "DELIMITER //\n;//\nDELIMITER ;\n", "\\N", "*/ "]
    for piece in hard:
        data = (piece * (400_000 // len(piece))).encode()
        started = time.perf_counter()
        split(data, "mariadb")
        assert time.perf_counter() - started < 10
