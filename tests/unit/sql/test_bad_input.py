"""Scripts as they should not be, on both engines: found out or read exactly, never guessed at, never a crash."""

from __future__ import annotations

import pytest

from penstock.review.inspect import inspect
from penstock.sql.dialects import classify
from penstock.sql.errors import SplitError
from penstock.sql.splitter import split

BOTH = ("postgres", "mariadb")
NINE_MB = 9_000_000

REFUSED = {
    "unclosed quote": (b"SELECT 1;\nSELECT 'a", BOTH, "unclosed_quote", 2, 8),
    "unclosed name": (b'SELECT 1;\nSELECT "a', BOTH, "unclosed_quote", 2, 8),
    "unclosed backtick": (b"SELECT `a", ("mariadb",), "unclosed_quote", 1, 8),
    "unclosed comment": (b"SELECT 1; /* a", BOTH, "unclosed_comment", 1, 11),
    "unclosed inner comment": (b"/* /* a */", ("postgres",), "unclosed_comment", 1, 1),
    "unclosed dollar quote": (b"DO $x$ BEGIN $$ END", ("postgres",), "unclosed_dollar_quote", 1, 4),
    "unclosed versioned comment": (b"/*!50000 DROP TABLE t;", ("mariadb",), "unclosed_comment", 1, 1),
    "body cut at its semicolon": (b"CREATE TRIGGER r BEGIN a; END", ("mariadb",), "unclosed_compound", 1, 1),
    "BEGIN NOT ATOMIC without END": (b"BEGIN NOT ATOMIC SELECT 1;", ("mariadb",), "unclosed_compound", 1, 1),
    "DELIMITER without argument": (b"SELECT 1;\nDELIMITER\nx", ("mariadb",), "bad_delimiter", 2, 1),
    "NUL": (b"SELECT 1;\0DROP TABLE t", BOTH, "nul_byte", 1, 10),
    "NUL in a string": (b"SELECT '\0'", BOTH, "nul_byte", 1, 9),
    "latin-1": ("SELECT 'schön'".encode("latin-1"), BOTH, "invalid_utf8", 1, 12),
    "UTF-8 and then latin-1": ("-- ä\nSELECT 'ä'".encode() + "; -- ö".encode("latin-1"), BOTH, "invalid_utf8", 2, 16),
    "UTF-16": ("SELECT 1".encode("utf-16"), BOTH, "invalid_utf8", 1, 1),
    "a character cut in half": ("SELECT '🙂".encode()[:-1], BOTH, "invalid_utf8", 1, 9),
    "a surrogate": (b"SELECT '\xed\xa0\x80'", BOTH, "invalid_utf8", 1, 9),
    "latin-1 behind a megabyte": (b"-- \xc3\xa4\n" * 200_000 + b"\xe4", BOTH, "invalid_utf8", 200_001, 1),
    "\\i": (b"\\i other.sql", BOTH, "client_metacommand", 1, 1),
    "\\copy": (b"SELECT 1;\n\\copy t from 'f.csv' csv", BOTH, "client_metacommand", 2, 1),
    "\\g behind a query": (b"SELECT 1 \\g", BOTH, "client_metacommand", 1, 10),
    "source": (b"source other.sql", ("mariadb",), "client_metacommand", 1, 1),
    "COPY with data": (b"COPY t (a) FROM stdin;\n1\n2\n\\.\nSELECT 1;", ("postgres",), "copy_from_stdin", 1, 1),
    "a comment that a lone CR seems to end": (b"-- a\rDROP TABLE t;", ("mariadb",), "lone_carriage_return", 1, 5),
}


@pytest.mark.parametrize(
    ("data", "engine", "code", "line", "column"),
    [
        pytest.param(data, engine, code, line, column, id=f"{name}, {engine}")
        for name, (data, engines, code, line, column) in REFUSED.items()
        for engine in engines
    ],
)
def test_what_is_refused_is_refused_with_its_place(data: bytes, engine: str, code: str, line: int, column: int) -> None:
    with pytest.raises(SplitError) as caught:
        split(data, engine)
    assert (caught.value.code, caught.value.line, caught.value.column) == (code, line, column)
    [finding] = inspect(data, engine).findings
    assert (finding.rule, finding.severity) == (code.replace("_", "-"), "error")
    assert (finding.line, finding.column) == (line, column)


@pytest.mark.parametrize("engine", BOTH)
@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
def test_line_ends_of_every_kind(end: str, engine: str) -> None:
    found = split(f"SELECT 1;{end}{end}  SELECT 'a{end}b';{end}".encode(), engine)
    assert [(s.text, s.line, s.column) for s in found] == [("SELECT 1", 1, 1), (f"SELECT 'a{end}b'", 3, 3)]


@pytest.mark.parametrize("engine", BOTH)
def test_a_byte_order_mark_is_none_of_the_text(engine: str) -> None:
    [only] = split("\ufeffSELECT 1".encode(), engine)
    assert (only.text, only.start, only.column) == ("SELECT 1", 3, 1)


@pytest.mark.parametrize("engine", BOTH)
def test_a_begin_without_an_end_is_transaction_control(engine: str) -> None:
    findings = inspect(b"BEGIN;\nINSERT INTO t VALUES (1);", engine).findings
    assert ("transaction-nesting", 1) in [(f.rule, f.line) for f in findings]


def test_a_delimiter_that_is_never_set_back_holds_to_the_end() -> None:
    found = split(b"DELIMITER //\nCREATE PROCEDURE p() BEGIN a; b; END//\nSELECT 1; SELECT 2", "mariadb")
    assert [s.text for s in found] == ["CREATE PROCEDURE p() BEGIN a; b; END", "SELECT 1", "SELECT 2"]


@pytest.mark.parametrize(
    "text", ["/*!50000 DROP TABLE t */", "/*! DROP TABLE t */", "/*M!100100 DROP TABLE t */", "/*!99999 DROP*/ TABLE t"]
)
def test_a_comment_that_hides_a_drop_is_what_is_inside(text: str) -> None:
    [statement] = split(f"{text};".encode(), "mariadb")
    found = classify(statement, "mariadb")
    assert (found.kind, found.drops, found.destructive) == ("drop_table", ("t",), True)
    assert "destructive" in {f.rule for f in inspect(text.encode(), "mariadb").findings}


NAMES = ["ta'ble", "ta`ble", 'ta"ble', "tä🙂ble", "x" * 64, "a;b", "a.b", "DROP TABLE t", "--", "/*"]


@pytest.mark.parametrize("name", NAMES)
def test_names_that_look_like_something_else(name: str) -> None:
    quoted = {"postgres": '"' + name.replace('"', '""') + '"', "mariadb": "`" + name.replace("`", "``") + "`"}
    for engine, written in quoted.items():
        text = f"CREATE TABLE {written} (a int)"
        [statement, last] = split(f"{text}; SELECT 1".encode(), engine)
        assert statement.text == text and last.text == "SELECT 1"
        found = classify(statement, engine)
        kept = name[:63] if engine == "postgres" else name  # PostgreSQL itself cuts longer names
        assert (found.kind, found.creates, found.destructive) == ("create_table", (kept,), False)


@pytest.mark.parametrize("engine", BOTH)
def test_a_statement_of_nine_megabytes_is_unknown_and_needs_a_person(engine: str) -> None:
    data = b"ALTER TABLE t COMMENT '" + b"x" * NINE_MB + b"';\nSELECT 1;"
    inspection = inspect(data, engine)
    assert [len(s.text) > NINE_MB for s in inspection.statements] == [True, False]
    large, small = inspection.classifications
    assert (large.kind, large.parsed, large.opaque, small.kind) == ("unknown", False, True, "select")
    of_large = [(f.rule, f.severity, f.line) for f in inspection.findings if f.statement_index == 0]
    assert ("unparsable", "warning", 1) in of_large


@pytest.mark.parametrize("engine", BOTH)
def test_a_hundred_thousand_statements(engine: str) -> None:
    inspection = inspect(b"INSERT INTO t VALUES (1);\n" * 100_000, engine)
    assert len(inspection.statements) == len(inspection.classifications) == 100_000
    [step] = inspection.steps
    assert (step.kinds, step.writes, len(step.statements)) == (("insert",), ("t",), 100_000)


@pytest.mark.parametrize("engine", BOTH)
@pytest.mark.parametrize("data", [b"", b"\n", b";;;", b"-- nothing\n", b"/* nothing */", b"\xef\xbb\xbf"])
def test_nothing_at_all_is_a_change_too(data: bytes, engine: str) -> None:
    inspection = inspect(data, engine)
    assert [(f.rule, f.severity) for f in inspection.findings] == [("empty-change", "info")]
    assert inspection.steps == []
