"""A MySQL or MariaDB statement of which nobody can tell, after a crash in its midst, whether it took effect."""

from __future__ import annotations

from penstock.review.rule import MYSQL, Rule
from penstock.sql.mysql.classify import MySqlClassification

RULE = Rule(
    id="my-undecidable",
    engines=MYSQL,
    severity="info",
    message="If a crash interrupts this, nobody can tell whether it took effect, and a person has to settle the task.",
    instead="Write it so that it leaves another definition than before, where that can be, or as a change of its own.",
    check=lambda _, found: (
        isinstance(found, MySqlClassification)
        and not (found.transactional or found.session)
        and found.resume == "never"
    ),
    finds=("TRUNCATE t", "CALL refresh()", "GRANT SELECT ON t TO u", "ALTER TABLE t DROP a, ADD a int"),
    passes=("ALTER TABLE t ADD a int", "DROP TABLE t", "INSERT INTO t VALUES (1)", "SET @a = 1", "ANALYZE TABLE t"),
)
