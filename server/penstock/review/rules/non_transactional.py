"""A statement that cannot share a transaction with its ledger row."""

from __future__ import annotations

from penstock.review.rule import POSTGRES, Rule

RULE = Rule(
    id="non-transactional",
    engines=POSTGRES,
    severity="error",
    message="PostgreSQL runs this only outside a transaction, where a crash could leave it half done and unproven."
    " Penstock does not run it yet.",
    instead="Use the transactional form, for example CREATE INDEX without CONCURRENTLY.",
    check=lambda _, found: not found.transactional and found.refusal is None,
    finds=("CREATE INDEX CONCURRENTLY i ON t (a)", "VACUUM t", "DROP INDEX CONCURRENTLY i"),
    passes=("CREATE INDEX i ON t (a)", "ANALYZE t"),
)
