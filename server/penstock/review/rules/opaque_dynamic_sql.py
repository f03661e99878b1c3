"""A statement whose text does not tell what it does."""

from __future__ import annotations

from penstock.review.rule import EVERY, Rule

RULE = Rule(
    id="opaque-dynamic-sql",
    engines=EVERY,
    severity="warning",
    message="What this does cannot be read from its text: it runs code that is elsewhere, or made up while it runs.",
    instead="Write the statements out, or have somebody read the code that it runs.",
    check=lambda _, found: found.opaque and found.parsed,
    finds=("DO $$ BEGIN EXECUTE 'drop table t'; END $$", "CALL refresh()"),
    passes=("SELECT 1", "CREATE TABLE t (id int)"),
)
