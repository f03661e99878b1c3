"""What a sync found: databases that appeared, changed or vanished, and their snapshots, content-addressed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

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


async def known_fingerprints(conn: AsyncConnection, fingerprints: Sequence[str]) -> set[str]:
    """Those of these snapshots that are stored."""
    rows = await conn.scalars(
        sa.select(schema_snapshot.c.fingerprint).where(schema_snapshot.c.fingerprint.in_(fingerprints))
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


async def record_some(conn: AsyncConnection, instance_id: int, found: Sequence[Synced]) -> None:
    """Store what a sync read of some databases; doing so again changes nothing."""
    contents = {s.fingerprint: s.content for s in found if s.content is not None}
    # In one order: syncs of other instances may be storing the same ones, and who comes second waits.
    snapshots = [{"fingerprint": f, "content": content} for f, content in sorted(contents.items())]
    if snapshots:
        await conn.execute(postgresql.insert(schema_snapshot).on_conflict_do_nothing(), snapshots)
    await conn.execute(
        _UPSERT,
        {
            "instance": instance_id,
            "names": [s.name for s in found],
            "fingerprints": [s.fingerprint for s in found],
            "tables": [s.tables for s in found],
        },
    )


_UPSERT: Final = sa.text(
    """
    INSERT INTO database (instance_id, name, fingerprint, tables, synced_at)
    SELECT :instance, given.*, statement_timestamp()
    FROM unnest(CAST(:names AS text[]), CAST(:fingerprints AS text[]), CAST(:tables AS integer[]))
         AS given(name, fingerprint, tables)
    ON CONFLICT (instance_id, name) DO UPDATE
    SET fingerprint = excluded.fingerprint, tables = excluded.tables, synced_at = excluded.synced_at, vanished_at = NULL
    """
)


async def record_vanished(conn: AsyncConnection, instance_id: int, names: Sequence[str]) -> None:
    """Mark databases that are no longer there."""
    await conn.execute(
        sa.update(database)
        .where(database.c.instance_id == instance_id, database.c.name.in_(names))
        .values(vanished_at=sa.func.statement_timestamp())
    )


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
