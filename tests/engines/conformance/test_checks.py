"""Verify queries decide, before the last COMMIT, whether a change may stay."""

from __future__ import annotations

import pytest

from tests.engines.dialects import Dialect

TWO = "INSERT INTO t VALUES (1), (2)"


@pytest.mark.parametrize(
    "query",
    [
        "SELECT a FROM t WHERE a > 3",
        "SELECT count(*) = 2 FROM t",
        "SELECT true -- with a comment at its end",
        "WITH few AS (SELECT * FROM t) SELECT count(*) < 10 FROM few;",
    ],
)
async def test_a_check_that_holds(query: str, on: Dialect) -> None:
    result = await on.apply(TWO, verify=["SELECT true", query])
    assert result.state == "applied" and await on.count() == 2, result.failure


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("SELECT a FROM t", "verify_failed"),
        ("SELECT false", "verify_failed"),
        ("SELECT NULL", "verify_failed"),
        ("SELECT true FROM t", "verify_failed"),
        ("SELECT true, true", "verify_failed"),
        ("SELECT nope FROM t", "no_column"),
        ("DELETE FROM t", "verify_not_a_query"),
        ("SELECT true; SELECT true", "verify_not_a_query"),
        ("COMMIT", "verify_not_a_query"),
        ("SELECT 'open", "unclosed_quote"),
    ],
)
async def test_a_check_that_does_not_hold_leaves_no_row(query: str, code: str, on: Dialect) -> None:
    result = await on.apply(TWO, verify=["SELECT true", query])
    assert result.state == "failed" and result.failure is not None
    assert (result.failure.kind, result.failure.code) == ("check", on.words.codes.get(code, code))
    assert await on.count() == 0
    again = await on.apply(TWO)
    assert again.state == "applied", again.failure
