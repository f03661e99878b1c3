"""How large tables are, by PostgreSQL's catalog and statistics: for review, before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from penstock.engines.base import TableFacts, Target, TargetUnavailable
from penstock.engines.postgres.connect import connect_failure, open_connection
from penstock.engines.postgres.line import BROKEN

SECONDS: Final = 3.0
# pg_total_relation_size would be exact, but waits for whoever has the table locked; pages are counted by VACUUM and
# ANALYZE.  -1 rows: neither has been there yet.
_FACTS: Final = """
    WITH RECURSIVE asked AS (
        SELECT DISTINCT ON (a.ask) a.ask, c.oid AS root, c.relkind AS kind
        FROM unnest($1::text[], $2::text[], $3::text[]) AS a (ask, schema, name)
        JOIN pg_catalog.pg_class c ON c.relname = a.name AND c.relkind IN ('r', 'p', 'm', 'f')
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE CASE WHEN a.schema IS NULL THEN pg_catalog.pg_table_is_visible(c.oid) ELSE n.nspname = a.schema END
        ORDER BY a.ask
    ), part AS (
        SELECT ask, root, kind, root AS oid FROM asked
        UNION ALL
        SELECT p.ask, p.root, p.kind, i.inhrelid FROM part p JOIN pg_catalog.pg_inherits i ON i.inhparent = p.oid
    )
    SELECT p.ask, p.kind, p.root,
           sum(CASE WHEN c.relkind = 'p' THEN 0 ELSE c.reltuples END) AS rows,
           bool_or(c.reltuples < 0 AND c.relkind <> 'p') AS never_counted,
           sum(c.relpages + coalesce(toast.relpages, 0) + coalesce(indexes.relpages, 0))
             * pg_catalog.current_setting('block_size')::int8 AS bytes
    FROM part p
    JOIN pg_catalog.pg_class c ON c.oid = p.oid
    LEFT JOIN pg_catalog.pg_class toast ON toast.oid = c.reltoastrelid
    LEFT JOIN LATERAL (
        SELECT sum(x.relpages) AS relpages FROM pg_catalog.pg_index i
        JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = c.oid
    ) AS indexes ON true
    GROUP BY p.ask, p.kind, p.root
"""
_KINDS: Final = {"r": "table", "p": "partitioned_table", "m": "materialized_view", "f": "foreign_table"}


async def read(target: Target, names: Sequence[str]) -> dict[str, TableFacts]:
    """See `penstock.engines.base.Engine.table_facts`."""
    if not names:
        return {}
    connection = await open_connection(target)
    try:
        asked, schemas, tables = zip(*(way for name in names for way in _ways(name)), strict=True)
        rows = await connection.fetch(_FACTS, asked, schemas, tables, timeout=SECONDS)
        return {
            row["ask"]: TableFacts(
                rows=None if row["never_counted"] else int(row["rows"]),
                bytes=int(row["bytes"]),
                kind=_KINDS[_letter(row["kind"])],
                transactional=_letter(row["kind"]) != "f",
            )
            for row in rows
        }
    except BROKEN as error:
        raise TargetUnavailable(connect_failure(target, error)) from error
    finally:
        connection.terminate()


def _ways(name: str) -> Iterator[tuple[str, str | None, str]]:
    """What a name may mean, since either part of it may hold a dot."""
    yield name, None, name
    for at, letter in enumerate(name):
        if letter == ".":
            yield name, name[:at], name[at + 1 :]


def _letter(kind: bytes | str) -> str:
    return kind.decode() if isinstance(kind, bytes) else kind
