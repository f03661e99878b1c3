"""The outbox: events and audit rows are written inside transactions; the sequencer gives them their place in the
world after.

``position`` is the only cursor that readers use.  It is stamped on committed rows only, so it never stalls behind a
long
transaction and never skips one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.store.tables.records import audit, event, event_position

SEQUENCER_LOCK: Final = 0x70656E7374736571  # "penstseq"
OUTBOX_CHANNEL: Final = "penstock_outbox"
EVENTS_CHANNEL: Final = "penstock_events"
BATCH: Final = 1_000


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to write; of those in a pipeline, the project is the pipeline's."""

    type: str
    project_id: int | None = None
    actor_id: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


_GIVEN: Final = """
    unnest(CAST(:types AS text[]), CAST(:projects AS bigint[]), CAST(:actors AS bigint[]), CAST(:data AS text[]))
        WITH ORDINALITY AS given(type, project_id, actor_id, data, place)
"""
_APPEND: Final = sa.text(
    f"""
    WITH written AS (
        INSERT INTO event (type, project_id, actor_id, data)
        SELECT type, project_id, actor_id, CAST(data AS jsonb) FROM {_GIVEN} ORDER BY place
    )
    SELECT pg_notify(:channel, '')
    """
)


def _values(events: Sequence[NewEvent]) -> dict[str, Any]:
    return {
        "types": [e.type for e in events],
        "projects": [e.project_id for e in events],
        "actors": [e.actor_id for e in events],
        "data": [json.dumps(dict(e.data)) for e in events],
        "channel": OUTBOX_CHANNEL,
    }


async def append(conn: AsyncConnection, events: Sequence[NewEvent]) -> None:
    """Write events that belong to no pipeline, and wake the sequencer at commit."""
    if events:
        await conn.execute(_APPEND, _values(events))


_APPEND_TO_PIPELINE: Final = sa.text(
    f"""
    WITH moved AS (
        UPDATE pipeline SET version = version + :count, updated_at = now() WHERE id = :pipeline RETURNING version
    ), written AS (
        INSERT INTO event (type, project_id, pipeline_id, version, issue_id, actor_id, data)
        SELECT type, :project, :pipeline, moved.version - :count + place, :issue, actor_id, CAST(data AS jsonb)
        FROM moved, {_GIVEN} ORDER BY place
    )
    SELECT CASE WHEN :count > 0 THEN pg_notify(:channel, '') END FROM moved
    """
).bindparams(
    *(sa.bindparam(name, type_=sa.BigInteger) for name in ("count", "pipeline", "project", "issue")),
)


async def append_to_pipeline(
    conn: AsyncConnection,
    pipeline_id: int,
    events: Sequence[NewEvent],
    *,
    project_id: int | None,
    issue_id: int | None,
) -> None:
    """Write events of a pipeline whose row lock the caller has, each with the next of its versions, and wake the
    sequencer at commit."""
    given = {"pipeline": pipeline_id, "project": project_id, "issue": issue_id, "count": len(events)}
    (await conn.execute(_APPEND_TO_PIPELINE, given | _values(events))).one()


async def stamp(conn: AsyncConnection) -> int | None:
    """Stamp positions on one batch of committed events, ordered by pipeline and version.

    Returns:
        How many were stamped, or None when another process is the sequencer right now.
    """
    if not await conn.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(SEQUENCER_LOCK))):
        return None
    rows = (
        await conn.execute(
            sa.select(event.c.id, event.c.pipeline_id, event.c.version)
            .where(event.c.position.is_(None))
            .order_by(event.c.id)
            .limit(BATCH)
        )
    ).all()
    if not rows:
        return 0
    ordered = sorted(rows, key=lambda r: (r.pipeline_id or 0, r.version or 0, r.id))
    last = await conn.scalar(
        sa.update(event_position).values(last=event_position.c.last + len(rows)).returning(event_position.c.last)
    )
    assert last is not None
    places = (
        sa.func.unnest(
            sa.cast([r.id for r in ordered], ARRAY(sa.BigInteger)),
            type_=sa.BigInteger,
        )
        .table_valued("id", with_ordinality="place", name="given")
        .render_derived()
    )
    await conn.execute(
        sa.update(event).where(event.c.id == places.c.id).values(position=last - len(rows) + places.c.place)
    )
    await conn.execute(sa.select(sa.func.pg_notify(EVENTS_CHANNEL, str(last))))
    return len(rows)


async def seal(conn: AsyncConnection) -> int | None:
    """Seal one batch of committed audit rows into the hash chain.

    Returns:
        How many were sealed, or None when another process is the sequencer right now.
    """
    if not await conn.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(SEQUENCER_LOCK))):
        return None
    rows = (
        await conn.execute(sa.select(audit).where(audit.c.sealed_as.is_(None)).order_by(audit.c.id).limit(BATCH))
    ).all()
    if not rows:
        return 0
    tail = (
        await conn.execute(
            sa.select(audit.c.sealed_as, audit.c.seal)
            .where(audit.c.sealed_as.is_not(None))
            .order_by(audit.c.sealed_as.desc())
            .limit(1)
        )
    ).one_or_none()
    number, previous = (tail.sealed_as, tail.seal) if tail else (0, b"")
    for row in rows:
        number += 1
        previous = seal_of(previous, dict(row._mapping))
        await conn.execute(sa.update(audit).where(audit.c.id == row.id).values(sealed_as=number, seal=previous))
    return len(rows)


def seal_of(previous: bytes, row: Mapping[str, Any]) -> bytes:
    """The seal of an audit row: sha-256 over the seal before and the row's facts in canonical JSON."""
    facts = [
        row["id"],
        row["actor_id"],
        row["action"],
        row["resource"],
        row["data"],
        row["created_at"].isoformat(),
    ]
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
    return hashlib.sha256(previous + canonical).digest()
