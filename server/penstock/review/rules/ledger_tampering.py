"""A script that writes where Penstock keeps its proofs."""

from __future__ import annotations

from penstock.review.rule import EVERY, Rule

RULE = Rule(
    id="ledger-tampering",
    engines=EVERY,
    severity="error",
    message="The script writes or redefines what is in `penstock`, which proves what was applied.",
    instead="Remove it; to record a change that was applied by hand, settle or baseline it.",
    check=lambda _, found: found.refusal == "ledger_tampering",
    finds=("DELETE FROM penstock.ledger", "DROP SCHEMA penstock CASCADE", "ALTER TABLE penstock.ledger ADD a int"),
    passes=("SELECT * FROM penstock.ledger", "DELETE FROM ledger", "GRANT SELECT ON t TO penstock"),
)
