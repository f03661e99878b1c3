"""Other parsers read the same histories: squawk where PostgreSQL statements begin, end and what they are; sqlglot which
tables the rows of a MariaDB statement are in. Where they differ from us is listed here, with the reason."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import sqlglot
from sqlglot import exp

from penstock.sql.dialects import classify
from penstock.sql.splitter import Statement, split
from tests.inputs.histories import HISTORIES, History, Script

pytestmark = pytest.mark.inputs

SQUAWK: Final = Path(sys.executable).with_name("squawk")
_NODE: Final = re.compile(r"^  ([A-Z_]+)@(\d+)\.\.(\d+)", re.MULTILINE)  # of the tree's first level
_BETWEEN: Final = frozenset({"WHITESPACE", "COMMENT", "SEMICOLON"})

# squawk names a statement by its first words, we by what it does. Nothing else differs.
OTHER_WORDS: Final = {
    ("ALTER_FUNCTION", "rename"),  # ALTER … RENAME is one kind of statement, whatever it renames
    ("ALTER_INDEX", "rename"),
    ("ALTER_SEQUENCE", "rename"),
    ("ALTER_TABLE", "rename"),
    ("ALTER_TRIGGER", "rename"),
    ("ALTER_VIEW", "rename"),
    ("BEGIN", "transaction"),  # all control of the transaction is one kind
    ("COMMIT_TRANSACTION", "transaction"),
    ("COMMENT_ON", "comment"),
}
# sqlglot gives up on these and keeps their text as it is: it knows REPLACE with VALUES only.
UNREAD_BY_SQLGLOT: Final = re.compile(r"REPLACE INTO \w+\s+SELECT", re.IGNORECASE)


def scripts(engine: str) -> list[object]:
    return [pytest.param(h, id=f"{h.name}-{h.engine}") for h in HISTORIES if h.engine == engine]


def statements(script: Script, engine: str) -> list[Statement]:
    return split(script.text.encode(), engine)


@pytest.mark.parametrize("history", scripts("postgres"))
def test_squawk_finds_the_same_statements_of_the_same_kinds(history: History, tmp_path: Path) -> None:
    for script in history.scripts():
        found = statements(script, "postgres")
        seen = list(by_squawk(script, tmp_path / "script.sql"))
        assert [(s.start, s.end) for s in found] == [(start, end) for _, start, end in seen], script.version
        for statement, (name, _, _) in zip(found, seen, strict=True):
            kind = classify(statement, "postgres").kind
            assert kind == name.lower() or (name, kind) in OTHER_WORDS, (script.version, statement.line)


def by_squawk(script: Script, file: Path) -> Iterator[tuple[str, int, int]]:
    """Name, first byte and end of every statement, without the semicolon and what stands before it."""
    data = script.text.encode()
    file.write_bytes(data)
    tree = subprocess.run([SQUAWK, "--debug", "parse", file], capture_output=True, text=True, check=False).stdout
    for name, start, end in ((node[1], int(node[2]), int(node[3])) for node in _NODE.finditer(tree)):
        if name not in _BETWEEN:
            yield name, start, start + len(data[start:end].rstrip(b"; \t\r\n"))


@pytest.mark.parametrize("history", scripts("postgres"))
def test_what_we_can_parse_squawk_can_and_the_other_way_round(history: History, tmp_path: Path) -> None:
    for script in history.scripts():
        file = tmp_path / "script.sql"
        file.write_text(script.text, encoding="utf-8")
        said = subprocess.run([SQUAWK, "--reporter", "json", file], capture_output=True, text=True, check=False).stdout
        reports: list[dict[str, Any]] = json.loads(said or "[]")
        assert [r for r in reports if r["rule_name"] == "syntax-error"] == []
        assert [s.line for s in statements(script, "postgres") if not classify(s, "postgres").parsed] == []


def test_squawk_and_we_see_the_same_mistakes(tmp_path: Path) -> None:
    """The comparison above can fail: a script with one mistake is reported by both, in the same line."""
    script = Script("broken", "SELECT 1;\nCREATE TABEL t (a int);\nSELECT 2;\n")
    file = tmp_path / "script.sql"
    file.write_text(script.text, encoding="utf-8")
    said = subprocess.run([SQUAWK, "--reporter", "json", file], capture_output=True, text=True, check=False).stdout
    assert {r["line"] + 1 for r in json.loads(said) if r["rule_name"] == "syntax-error"} == {2}
    assert [s.line for s in statements(script, "postgres") if not classify(s, "postgres").parsed] == [2]


@pytest.mark.parametrize("history", scripts("mariadb"))
def test_sqlglot_finds_the_same_tables_in_statements_about_rows(
    history: History, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, logger="sqlglot")
    for script in history.scripts():
        for statement in statements(script, "mariadb"):
            found = classify(statement, "mariadb")
            if found.kind not in ("insert", "replace", "update", "delete", "select"):
                continue
            if UNREAD_BY_SQLGLOT.match(statement.text):
                assert found.reads and found.writes
                continue
            tree = sqlglot.parse_one(statement.text, read="mysql")
            own = {query.alias for query in tree.find_all(exp.CTE)}
            seen = {f"{t.db}.{t.name}" if t.db else t.name for t in tree.find_all(exp.Table) if t.name}
            assert {*found.reads, *found.writes} == seen - own, (script.version, statement.line)
