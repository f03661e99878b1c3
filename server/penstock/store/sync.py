"""What a sync found: databases that appeared, changed or vanished, and their snapshots, content-addressed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.store import drifts, errands, snapshots
from penstock.store.tables.catalog import database, instance, schema_snapshot


@dataclass(frozen=True, slots=True)
class Synced:
    """One database as it was read.

    Args:
        content: canonical JSON, compressed; None when the fingerprint is stored already or the database is unreadable.
    """

    name: str
    fingerprint: str | None
    content: bytes | None
    tables: int | None


@dataclass(frozen=True, slots=True)
class Found:
    """What changed."""

    appeared: list[str]
    changed: list[str]
    vanished: list[str]


@dataclass(frozen=True, slots=True)
class Known:
    """A database as an earlier sync left it."""

    fingerprint: str | None
    there: bool


async def now(conn: AsyncConnection) -> dt.datetime:
    """The time by the clock of our own database, which also says when runs end."""
    found = await conn.scalar(sa.select(sa.func.clock_timestamp()))
    assert isinstance(found, dt.datetime)
    return found


async def known_fingerprints(conn: AsyncConnection, fingerprints: Sequence[str]) -> set[str]:
    """Those of these snapshots that are stored; nobody forgets them before this transaction ends."""
    rows = await conn.scalars(
        sa.select(schema_snapshot.c.fingerprint)
        .where(schema_snapshot.c.fingerprint.in_(fingerprints))
        .order_by(schema_snapshot.c.fingerprint)
        .with_for_update(read=True, key_share=True)
    )
    return set(rows)


async def known_databases(conn: AsyncConnection, instance_id: int) -> dict[str, Known]:
    """Databases of an instance that earlier syncs found, by name."""
    rows = await conn.execute(
        sa.select(database.c.name, database.c.fingerprint, database.c.vanished_at).where(
            database.c.instance_id == instance_id
        )
    )
    return {r.name: Known(r.fingerprint, r.vanished_at is None) for r in rows}


async def record_some(
    conn: AsyncConnection, instance_id: int, found: Sequence[Synced], *, began: dt.datetime, reading: str
) -> None:
    """Store what a sync read of some databases, and find out which have drifted; doing so again changes nothing.

    Args:
        began: when the reading began.  An older one never takes the place of a newer one.
        reading: how it was read; `domain.drift.reading`.
    """
    locked = await conn.execute(_LOCK, {"instance": instance_id, "names": [s.name for s in found]})
    newer = {row.name for row in locked if row.read_at is not None and row.read_at > began}
    found = [s for s in found if s.name not in newer]
    contents = {s.fingerprint: s.content for s in found if s.content is not None}
    # In one order: syncs of other instances may be storing the same ones, and who comes second waits.
    stored = [{"fingerprint": f, "content": content} for f, content in sorted(contents.items())]
    if stored:
        await conn.execute(postgresql.insert(schema_snapshot).on_conflict_do_nothing(), stored)
    await snapshots.close(conn, instance_id, {s.name: s.fingerprint for s in found})
    await conn.execute(
        _UPSERT,
        {
            "instance": instance_id,
            "names": [s.name for s in found],
            "fingerprints": [s.fingerprint for s in found],
            "tables": [s.tables for s in found],
            "began": began,
        },
    )
    names = [s.name for s in found if s.fingerprint is not None]
    await snapshots.begin(conn, instance_id, names)
    await drifts.detect(conn, instance_id, names, began=began, reading=reading)


# Whoever decides about a drift locks the same rows.
_LOCK: Final = sa.text(
    """
    SELECT name, read_at FROM database WHERE instance_id = :instance AND name = ANY (CAST(:names AS text[]))
    ORDER BY id FOR NO KEY UPDATE
    """
)
_UPSERT: Final = sa.text(
    """
    INSERT INTO database (instance_id, name, fingerprint, tables, synced_at, read_at)
    SELECT :instance, given.*, statement_timestamp(), CASE WHEN given.fingerprint IS NOT NULL THEN :began END
    FROM unnest(CAST(:names AS text[]), CAST(:fingerprints AS text[]), CAST(:tables AS integer[]))
         AS given(name, fingerprint, tables)
    ON CONFLICT (instance_id, name) DO UPDATE
    SET fingerprint = excluded.fingerprint, tables = excluded.tables, synced_at = excluded.synced_at,
        read_at = coalesce(excluded.read_at, database.read_at), vanished_at = NULL
    """
).bindparams(sa.bindparam("began", type_=sa.DateTime(timezone=True)))


async def record_vanished(conn: AsyncConnection, instance_id: int, names: Sequence[str]) -> None:
    """Mark databases that are no longer there; what is expected of them stays, for when they come back."""
    own = (database.c.instance_id == instance_id, database.c.name.in_(names))
    gone = sa.update(database).where(*own).values(vanished_at=sa.func.statement_timestamp())
    projects = {p for p in await conn.scalars(gone.returning(database.c.project_id)) if p is not None}
    await errands.leave(conn, "above", sorted(projects))  # a release need not be applied there any more
    await snapshots.gone(conn, instance_id, list(names))
    await drifts.end(conn, await drifts.of_databases(conn, *own), "vanished")


async def record_end(conn: AsyncConnection, instance_id: int, *, identity: str | None, version: str | None) -> None:
    """Store what a sync learned of the instance itself."""
    await conn.execute(
        sa.update(instance)
        .where(instance.c.id == instance_id)
        .values(synced_at=sa.func.statement_timestamp(), sync_error=None, server_version=version, identity=identity)
    )


def compared(before: Mapping[str, Known], found: Mapping[str, str | None]) -> Found:
    """What changed since the last sync.

    Args:
        found: name -> fingerprint of every database that is there.
    """
    there = {name for name, known in before.items() if known.there}
    return Found(
        appeared=sorted(found.keys() - there),
        changed=sorted(n for n, fingerprint in found.items() if n in before and before[n].fingerprint != fingerprint),
        vanished=sorted(there - found.keys()),
    )


async def record_failure(conn: AsyncConnection, instance_id: int, message: str) -> None:
    """Remember why the newest sync failed; what earlier ones found stays."""
    await conn.execute(sa.update(instance).where(instance.c.id == instance_id).values(sync_error=message))
