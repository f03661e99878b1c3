"""Finds where PostgreSQL needs a COMMIT between statements that could all run in a transaction.

A value that ``ALTER TYPE … ADD VALUE`` has added cannot be used before it is committed (error 55P04); before
PostgreSQL 17 not even when the type is as new as its value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.sql import parser
from penstock.sql.classify import Classification
from penstock.sql.statement import Statement


def commits_after(statements: Sequence[Statement], classifications: Sequence[Classification]) -> frozenset[int]:
    """Indices of statements that add a value which a later statement of the same change mentions."""
    if not any(found.kind == "alter_type" for found in classifications):
        return frozenset()
    after = set()
    for statement, found in zip(statements, classifications, strict=True):
        if found.kind != "alter_type":
            continue
        node = _node(statement)
        value = node.get("newVal")
        if value is None or "oldVal" in node:
            continue
        literal = "'" + value.replace("'", "''") + "'"
        if any(literal in later.text for later in statements[statement.index + 1 :]):
            after.add(statement.index)
    return frozenset(after)


def _node(statement: Statement) -> dict[str, Any]:
    [(_, node)] = parser.parse(statement.text)[0].items()
    return dict(node)
