"""Review against text that nobody thought of: it never fails, and every statement is in one step, in its order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from penstock.review.inspect import inspect

WORDS = st.sampled_from(
    [
        "SELECT", "1", "*", "FROM", "t", "JOIN", "a.b", "(", ")", ",", ";", "UPDATE", "SET", "=", "'x'", "`z`",
        "DELETE", "WHERE", "CREATE", "TABLE", "INDEX", "CONCURRENTLY", "ON", "VIEW", "AS", "DROP", "ALTER", "ADD",
        "COLUMN", "int", "TRUNCATE", "VACUUM", "BEGIN", "COMMIT", "DO", "$$", "CALL", "TYPE", "VALUE", "WITH",
        "USING", "FUNCTION", "TRIGGER", "//", "/*!", "*/", "/*", "--", "GRANT", "penstock", "SCHEMA", "COPY",
        "stdin", "MERGE", "RETURNING", "EXECUTE", "PREPARE", "REFERENCES", "LIKE", "VALUES", "é", "\\",
        "INSERT INTO", "IF EXISTS", "RENAME TO", "LOAD DATA", "DELIMITER //\n", "\n", ";\n", "\0", "\"y\"",
        "CREATE TABLE t (a int)", "DROP TABLE a, b.c", "CREATE INDEX CONCURRENTLY i ON t (a)",
    ]
)  # fmt: skip
SCRIPTS = st.lists(WORDS, max_size=30).map(" ".join).map(str.encode) | st.binary(max_size=60)


@given(SCRIPTS, st.sampled_from(["postgres", "mariadb", "mysql"]))
def test_every_statement_is_in_one_step_in_its_order(data: bytes, engine: str) -> None:
    found = inspect(data, engine)
    assert [n for step in found.steps for n in step.statements] == list(range(len(found.statements)))
    assert [step.index for step in found.steps] == list(range(len(found.steps)))
    assert all(step.transactional or len(step.statements) == 1 for step in found.steps)
    assert len(found.classifications) == len(found.statements)
    for finding in found.findings:
        assert finding.statement_index is None or finding.line == found.statements[finding.statement_index].line


@given(SCRIPTS, st.sampled_from(["postgres", "mariadb", "mysql"]))
def test_what_is_not_parsed_is_never_passed_over_in_silence(data: bytes, engine: str) -> None:
    found = inspect(data, engine)
    for statement, classification in zip(found.statements, found.classifications, strict=True):
        if not classification.parsed:
            said = [f for f in found.findings if f.statement_index == statement.index and f.severity != "info"]
            assert said, statement.text
