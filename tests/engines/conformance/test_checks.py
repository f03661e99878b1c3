"""Verify queries decide, inside the transaction, whether a change may stay."""

from __future__ import annotations

import asyncpg
import pytest

from tests.engines.conformance.test_once import exists, versions
from tests.engines.conftest import Apply

THREE = "CREATE TABLE t AS SELECT * FROM generate_series(1, 3) AS a"


@pytest.mark.parametrize(
    "query",
    [
        "SELECT a FROM t WHERE a > 3",
        "SELECT count(*) = 3 FROM t",
        "SELECT true -- with a comment at its end",
        "WITH few AS (SELECT * FROM t) SELECT count(*) < 10 FROM few;",
    ],
)
async def test_a_check_that_holds(query: str, apply: Apply) -> None:
    assert (await apply(THREE, verify=["SELECT true", query])).state == "applied"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("SELECT a FROM t", "verify_failed"),
        ("SELECT false", "verify_failed"),
        ("SELECT NULL::boolean", "verify_failed"),
        ("SELECT true FROM t", "verify_failed"),
        ("SELECT true, true", "verify_failed"),
        ("SELECT nope FROM t", "42703"),
        ("DELETE FROM t", "verify_not_a_query"),
        ("SELECT true; SELECT true", "verify_not_a_query"),
        ("COMMIT", "verify_not_a_query"),
        ("SELECT 'open", "unclosed_quote"),
    ],
)
async def test_a_check_that_does_not_hold_leaves_nothing(
    query: str, code: str, apply: Apply, database: asyncpg.Connection
) -> None:
    result = await apply(THREE, verify=["SELECT true", query])
    assert result.state == "failed" and result.failure is not None
    assert (result.failure.kind, result.failure.code) == ("check", code)
    assert not await exists(database, "t")
    assert code in ("verify_not_a_query", "unclosed_quote") or await versions(database) == []
