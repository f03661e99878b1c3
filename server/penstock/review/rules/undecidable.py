"""A PostgreSQL statement of which nobody can tell, after a crash in its midst, whether it took effect."""

from __future__ import annotations

from penstock.review.rule import POSTGRES, Rule

RULE = Rule(
    id="undecidable",
    engines=POSTGRES,
    severity="warning",
    message="If a crash interrupts this, nobody can tell whether it took effect, and a person has to settle the task.",
    instead="Run it as a change of its own, so that there is only one thing to look for.",
    check=lambda _, found: found.undecidable and found.refusal is None and found.kind != "create_index",
    finds=("DROP SUBSCRIPTION s", "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p"),
    passes=("CREATE INDEX CONCURRENTLY i ON t (a)", "VACUUM t", "CREATE DATABASE d", "INSERT INTO t VALUES (1)"),
)
