"""A statement that cannot share a transaction with its ledger row."""

from __future__ import annotations

from penstock.review.rule import POSTGRES, Rule

RULE = Rule(
    id="non-transactional",
    engines=POSTGRES,
    severity="info",
    message="PostgreSQL runs this only outside a transaction: a step of its own, which the journal proves.",
    instead="Nothing, if it is meant so. Give it a change of its own, so that nothing else stays when it fails.",
    check=lambda _, found: not found.transactional and found.refusal is None,
    finds=("CREATE INDEX CONCURRENTLY i ON t (a)", "VACUUM t", "DROP INDEX CONCURRENTLY i"),
    passes=("CREATE INDEX i ON t (a)", "ANALYZE t"),
)
