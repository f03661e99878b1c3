"""A piece of text in which the server would see more than one statement."""

from __future__ import annotations

from penstock.review.rule import POSTGRES, Rule

RULE = Rule(
    id="ambiguous-statement",
    engines=POSTGRES,
    severity="error",
    message="The server would read more than one statement here, so what was reviewed is not what would run.",
    instead="Write the statements apart, each ended by a semicolon.",
    check=lambda _, found: found.refusal == "ambiguous_statement",
    finds=(),
    passes=("SELECT ';'", "SELECT 1"),
)
