"""What holds data in a session of MariaDB or MySQL between two steps is labelled: the rest may need another session."""

from __future__ import annotations

import pytest

from penstock.review.inspect import inspect


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("SET @n = (SELECT max(a) FROM t); CREATE TABLE u (a int); INSERT INTO u VALUES (@n)", 0),
        ("CREATE TABLE u (a int); CREATE TEMPORARY TABLE x (a int); ALTER TABLE u ADD b int", 1),
        ("INSERT INTO t VALUES (1); CREATE TABLE u (a int); INSERT INTO u VALUES (LAST_INSERT_ID())", 2),
        ("SELECT a INTO @n FROM t; INSERT INTO t VALUES (@n)", None),
        ("CREATE TABLE u (a int); SET @n = (SELECT max(a) FROM t); INSERT INTO u VALUES (@n)", None),
        ("SET @n = 1; CREATE TABLE u (a int); INSERT INTO u VALUES (@n)", None),
        ("CREATE TABLE u (a int); INSERT INTO u VALUES (1); INSERT INTO u VALUES (LAST_INSERT_ID())", None),
    ],
)
def test_data_that_the_session_carries_from_step_to_step_is_labelled(text: str, at: int | None) -> None:
    found = inspect(text.encode(), "mariadb")
    assert next((f.statement_index for f in found.findings if f.rule == "my-session-data"), None) == at
    assert [at in step.statements for step in found.steps] == [step.undecidable for step in found.steps]
