"""A MySQL or MariaDB statement of which nobody can tell, after a crash in its midst, whether it took effect."""

from __future__ import annotations

from penstock.review.rule import MYSQL, Rule

RULE = Rule(
    id="my-undecidable",
    engines=MYSQL,
    severity="info",
    message="If a crash interrupts this, maybe nobody can tell whether it took effect: a person then has to look.",
    instead="Write it so that it leaves another definition than before, with IF EXISTS, or one object to a statement.",
    check=lambda _, found: found.undecidable,
    finds=(
        "TRUNCATE t",
        "CALL refresh()",
        "GRANT SELECT ON t TO u",
        "ALTER TABLE t DROP a, ADD a int",
        "DROP TABLE t, u",
        "ALTER TABLE t CHANGE a b int, CHANGE b a int",
        "ALTER TABLE t EXCHANGE PARTITION p WITH TABLE u",
        "RENAME TABLE t TO x, u TO t, x TO u",
        "CREATE TABLE t AS SELECT 1",
        "ALTER SEQUENCE s RESTART",
        "CREATE EVENT e ON SCHEDULE AT now() DO DELETE FROM t",
    ),
    passes=(
        "ALTER TABLE t ADD a int",
        "DROP TABLE t",
        "DROP TABLE IF EXISTS t, u",
        "INSERT INTO t VALUES (1)",
        "SET @a = 1",
        "ANALYZE TABLE t",
        "ALTER TABLE t DROP a, ADD b int",
        "ALTER TABLE t DROP KEY a, ADD KEY a (b)",
        "ALTER TABLE t RENAME TO u",
        "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4",
        "ALTER TABLE t ENGINE=InnoDB",
    ),
)
