"""A statement that the grammar does not know: unknown, never safe, so that a person approves it on every tier."""

from __future__ import annotations

from penstock.review.rule import EVERY, Rule

RULE = Rule(
    id="unparsable",
    engines=EVERY,
    severity="warning",
    message="The statement could not be parsed, so only a person can say what it does: somebody has to approve it.",
    instead="Correct it, or have somebody look at it closely who knows the server's version.",
    check=lambda _, found: not found.parsed and found.refusal is None,
    finds=("CREATE TABEL t (id int)", "SELECT FROM WHERE"),
    passes=("SELECT 1",),
)
