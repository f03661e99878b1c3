"""A script that controls the transaction itself."""

from __future__ import annotations

from penstock.review.rule import EVERY, Rule

RULE = Rule(
    id="transaction-nesting",
    engines=EVERY,
    severity="error",
    message="The script controls the transaction that it shares with its ledger row; half of it could stay behind.",
    instead="Remove BEGIN, COMMIT, ROLLBACK and SAVEPOINT: Penstock applies a change in one transaction of its own.",
    check=lambda _, found: found.transaction_control,
    finds=("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT a"),
    passes=("SELECT 1", "CREATE TABLE t (id int)"),
)
