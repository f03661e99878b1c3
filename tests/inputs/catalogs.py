"""What a server's catalog says is there, object by object: to compare with what a statement was said to make and drop.

What comes and goes with something else (the index of a constraint, the sequence of a column, the type of a table's
rows) is left out, since no statement names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple


class Object(NamedTuple):
    """One object.

    Args:
        type: as in our kinds of statements: ``table``, ``index``, ``procedure`` …
        table: what it belongs to and vanishes with, if anything.
    """

    type: str
    name: str
    table: str | None


POSTGRES: Final = """
    WITH ours AS (SELECT oid FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema')
    SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized_view' WHEN 'S' THEN 'sequence'
                          WHEN 'i' THEN 'index' ELSE 'table' END AS type, c.relname AS name,
           (SELECT indrelid::regclass::text FROM pg_index WHERE indexrelid = c.oid) AS of
    FROM pg_class c
    WHERE c.relnamespace IN (SELECT oid FROM ours) AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'i')
      AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = c.oid AND contype IN ('p', 'u', 'x'))
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                      AND c.relkind = 'S' AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0)
    UNION ALL SELECT CASE prokind WHEN 'p' THEN 'procedure' ELSE 'function' END, proname, NULL
    FROM pg_proc WHERE pronamespace IN (SELECT oid FROM ours)
    UNION ALL SELECT CASE typtype WHEN 'd' THEN 'domain' ELSE 'type' END, typname, NULL
    FROM pg_type t WHERE typnamespace IN (SELECT oid FROM ours) AND typcategory <> 'A'
      AND (typrelid = 0 OR (SELECT relkind FROM pg_class WHERE oid = typrelid) = 'c')
    UNION ALL SELECT 'trigger', tgname, tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT 'schema', nspname, NULL FROM pg_namespace WHERE oid IN (SELECT oid FROM ours)
    UNION ALL SELECT 'extension', extname, NULL FROM pg_extension
"""
MARIADB: Final = """
    SELECT CASE TABLE_TYPE WHEN 'VIEW' THEN 'view' WHEN 'SEQUENCE' THEN 'sequence' ELSE 'table' END, TABLE_NAME, NULL
    FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()
    UNION ALL SELECT 'trigger', TRIGGER_NAME, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS
    WHERE TRIGGER_SCHEMA = DATABASE()
    UNION ALL SELECT LOWER(ROUTINE_TYPE), ROUTINE_NAME, NULL FROM information_schema.ROUTINES
    WHERE ROUTINE_SCHEMA = DATABASE()
    UNION ALL SELECT 'event', EVENT_NAME, NULL FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE()
    UNION ALL SELECT DISTINCT 'index', INDEX_NAME, TABLE_NAME FROM information_schema.STATISTICS
    WHERE TABLE_SCHEMA = DATABASE() AND INDEX_NAME <> 'PRIMARY'
"""


def objects(rows: Iterable[Sequence[Any]]) -> frozenset[Object]:
    """The rows of one of the queries above."""
    return frozenset(Object(*row) for row in rows)


def of_their_own(found: frozenset[Object]) -> frozenset[Object]:
    """Without what belongs to a table that is among them: it came, or went, with its table."""
    names = {each.name for each in found}
    return frozenset(each for each in found if each.table is None or each.table.rsplit(".", 1)[-1] not in names)
