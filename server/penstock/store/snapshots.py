"""What databases were over time: which snapshot, from when to when."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.access.decide import Principal
from penstock.store.projects import visible
from penstock.store.rows import Cut, Record, Slice, fetch_one, page
from penstock.store.tables.catalog import database, database_snapshot, schema_snapshot

KEPT: Final = 100  # of each database, the newest

_OWN: Final = "d.instance_id = :instance AND d.name = ANY (CAST(:names AS text[]))"
_CLOSE: Final = sa.text(
    """
    UPDATE database_snapshot past SET last_seen_at = greatest(past.first_seen_at, d.read_at)
    FROM database d
    JOIN unnest(CAST(:names AS text[]), CAST(:fingerprints AS text[])) AS given(name, fingerprint) USING (name)
    WHERE d.instance_id = :instance AND past.database_id = d.id AND past.last_seen_at IS NULL
      AND past.fingerprint <> given.fingerprint
    """
)
_BEGIN: Final = sa.text(
    f"""
    WITH made AS (
        INSERT INTO database_snapshot (database_id, fingerprint, first_seen_at)
        SELECT d.id, d.fingerprint, d.read_at FROM database d
        WHERE {_OWN} AND d.fingerprint IS NOT NULL
          AND NOT EXISTS (SELECT FROM database_snapshot c WHERE c.database_id = d.id AND c.last_seen_at IS NULL)
        ORDER BY d.id
        RETURNING database_id
    )
    DELETE FROM database_snapshot past USING made
    WHERE past.database_id = made.database_id AND past.id <= (
        SELECT id FROM database_snapshot WHERE database_id = made.database_id ORDER BY id DESC OFFSET :kept - 1 LIMIT 1)
    """
).bindparams(sa.bindparam("kept", type_=sa.Integer))
_GONE: Final = sa.text(
    f"""
    UPDATE database_snapshot past SET last_seen_at = greatest(past.first_seen_at, d.read_at) FROM database d
    WHERE {_OWN} AND past.database_id = d.id AND past.last_seen_at IS NULL
    """
)


async def close(conn: AsyncConnection, instance_id: int, found: dict[str, str | None]) -> None:
    """Databases have been read and are something else now; to be called before that is stored.

    Args:
        found: name -> fingerprint; None where it could not be read.
    """
    given = {"instance": instance_id, "names": list(found), "fingerprints": list(found.values())}
    await conn.execute(_CLOSE, given)


async def begin(conn: AsyncConnection, instance_id: int, names: list[str]) -> None:
    """Remember since when databases are what they are now, and forget what is more than they may have; to be called
    after that is stored."""
    await conn.execute(_BEGIN, {"instance": instance_id, "names": names, "kept": KEPT})


async def gone(conn: AsyncConnection, instance_id: int, names: list[str]) -> None:
    """Databases are no longer there."""
    await conn.execute(_GONE, {"instance": instance_id, "names": names})


def _selected() -> sa.Select[Any]:
    return sa.select(
        database_snapshot,
        database.c.id.label("database"),
        database.c.name.label("database_name"),
        (database_snapshot.c.last_seen_at.is_(None)).label("current"),
        sa.func.coalesce(database_snapshot.c.fingerprint == database.c.expected, sa.false()).label("expected"),
    ).join(database, database.c.id == database_snapshot.c.database_id)


async def listing(conn: AsyncConnection, database_id: int, cut: Cut) -> Slice:
    """What a database was, newest first."""
    query = _selected().where(database_snapshot.c.database_id == database_id)
    return await page(conn, query, [database_snapshot.c.id], cut, descending=True)


async def find(conn: AsyncConnection, principal: Principal, snapshot_id: int) -> Record | None:
    """One of them, of a database that the caller may see, with its content: zstd-compressed canonical JSON."""
    query = (
        _selected()
        .add_columns(schema_snapshot.c.content)
        .join(schema_snapshot, schema_snapshot.c.fingerprint == database_snapshot.c.fingerprint)
        .where(database_snapshot.c.id == snapshot_id, visible(principal, database.c.project_id))
    )
    return await fetch_one(conn, query)


_FORGET_DRIFTS: Final = sa.text(
    """
    DELETE FROM drift WHERE id IN (
        SELECT id FROM drift WHERE ended_at < statement_timestamp() - :age ORDER BY id LIMIT :rows
        FOR UPDATE SKIP LOCKED
    )
    """
).bindparams(sa.bindparam("age", type_=sa.Interval))


async def forget_drifts(conn: AsyncConnection, older: dt.timedelta, limit: int) -> int:
    """Forget drifts that ended longer ago; answers how many."""
    return (await conn.execute(_FORGET_DRIFTS, {"age": older, "rows": limit})).rowcount


_UNUSED: Final = """
    NOT EXISTS (SELECT FROM database WHERE database.fingerprint = s.fingerprint)
    AND NOT EXISTS (SELECT FROM database WHERE database.expected = s.fingerprint)
    AND NOT EXISTS (SELECT FROM database_snapshot WHERE database_snapshot.fingerprint = s.fingerprint)
    AND NOT EXISTS (SELECT FROM drift WHERE drift.expected = s.fingerprint)
    AND NOT EXISTS (SELECT FROM drift WHERE drift.found = s.fingerprint)
"""
_LOCK_UNUSED: Final = sa.text(
    f"SELECT s.fingerprint FROM schema_snapshot s WHERE {_UNUSED} LIMIT :rows FOR UPDATE SKIP LOCKED"
)
_FORGET_UNUSED: Final = sa.text(
    f"DELETE FROM schema_snapshot s WHERE s.fingerprint = ANY (CAST(:found AS text[])) AND {_UNUSED}"
)


async def forget_contents(conn: AsyncConnection, limit: int) -> int:
    """Forget contents that nothing refers to; answers how many.

    Asked again once they are locked: a sync that has found one of them here may have used it meanwhile; see
    `store.sync.known_fingerprints`.
    """
    found = list(await conn.scalars(_LOCK_UNUSED, {"rows": limit}))
    return (await conn.execute(_FORGET_UNUSED, {"found": found})).rowcount if found else 0
