"""An index that is built outside of a transaction and has no name to find it by."""

from __future__ import annotations

from penstock.review.rule import POSTGRES, Rule
from penstock.sql.outside import outside

RULE = Rule(
    id="unnamed-index",
    engines=POSTGRES,
    severity="error",
    message="An index that is built concurrently needs a name: after a crash nobody could tell which one it is.",
    instead="Write CREATE INDEX CONCURRENTLY name ON …",
    check=lambda statement, found: (
        found.kind == "create_index" and not found.transactional and outside(statement.text).unnamed
    ),
    finds=("CREATE INDEX CONCURRENTLY ON t (a)", "CREATE UNIQUE INDEX CONCURRENTLY ON t (a)"),
    passes=("CREATE INDEX CONCURRENTLY i ON t (a)", "CREATE INDEX ON t (a)"),
)
