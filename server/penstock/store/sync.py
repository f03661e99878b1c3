"""What a sync found: databases that appeared, changed or vanished, and their snapshots, content-addressed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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


async def known_fingerprints(conn: AsyncConnection, fingerprints: Sequence[str]) -> set[str]:
    """Those of these snapshots that are stored."""
    rows = await conn.scalars(
        sa.select(schema_snapshot.c.fingerprint).where(schema_snapshot.c.fingerprint.in_(fingerprints))
    )
    return set(rows)


async def known_databases(conn: AsyncConnection, instance_id: int) -> set[str]:
    """Databases of an instance that earlier syncs found and that have not vanished."""
    rows = await conn.scalars(
        sa.select(database.c.name).where(database.c.instance_id == instance_id, database.c.vanished_at.is_(None))
    )
    return set(rows)


async def record(
    conn: AsyncConnection,
    instance_id: int,
    found: Sequence[Synced],
    *,
    identity: str | None,
    version: str | None,
) -> Found:
    """Store one sync of an instance."""
    snapshots = [{"fingerprint": s.fingerprint, "content": s.content} for s in found if s.content is not None]
    if snapshots:
        await conn.execute(postgresql.insert(schema_snapshot).on_conflict_do_nothing(), snapshots)
    before = {
        r.name: r
        for r in await conn.execute(
            sa.select(database.c.name, database.c.fingerprint, database.c.vanished_at).where(
                database.c.instance_id == instance_id
            )
        )
    }
    now = sa.func.statement_timestamp()
    for s in found:
        insert = postgresql.insert(database).values(
            instance_id=instance_id, name=s.name, fingerprint=s.fingerprint, tables=s.tables, synced_at=now
        )
        await conn.execute(
            insert.on_conflict_do_update(
                index_elements=["instance_id", "name"],
                set_={
                    "fingerprint": s.fingerprint,
                    "tables": s.tables,
                    "synced_at": now,
                    "vanished_at": None,
                },
            )
        )
    names = {s.name for s in found}
    vanished = [n for n, r in before.items() if n not in names and r.vanished_at is None]
    if vanished:
        await conn.execute(
            sa.update(database)
            .where(database.c.instance_id == instance_id, database.c.name.in_(vanished))
            .values(vanished_at=now)
        )
    await conn.execute(
        sa.update(instance)
        .where(instance.c.id == instance_id)
        .values(synced_at=now, sync_error=None, server_version=version, identity=identity)
    )
    return Found(
        appeared=sorted(n for n in names if n not in before or before[n].vanished_at is not None),
        changed=sorted(s.name for s in found if s.name in before and before[s.name].fingerprint != s.fingerprint),
        vanished=sorted(vanished),
    )


async def record_failure(conn: AsyncConnection, instance_id: int, message: str) -> None:
    """Remember why the newest sync failed; what earlier ones found stays."""
    await conn.execute(sa.update(instance).where(instance.c.id == instance_id).values(sync_error=message))
