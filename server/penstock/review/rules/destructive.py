"""A statement that removes data."""

from __future__ import annotations

from penstock.review.rule import EVERY, Rule

RULE = Rule(
    id="destructive",
    engines=EVERY,
    severity="warning",
    message="The statement removes data, which nothing in Penstock brings back.",
    instead="Make sure that a backup exists and that nothing reads what goes away.",
    check=lambda _, found: found.destructive,
    finds=("DROP TABLE t", "TRUNCATE t", "DELETE FROM t", "ALTER TABLE t DROP COLUMN a"),
    passes=("CREATE TABLE t (id int)", "DROP INDEX i"),
)
