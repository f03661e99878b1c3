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
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.store.direct import Statement, Wire
from penstock.store.tables.records import audit

SEQUENCER_LOCK: Final = 0x70656E7374736571  # "penstseq"
OUTBOX_CHANNEL: Final = "penstock_outbox"
EVENTS_CHANNEL: Final = "penstock_events"
BATCH: Final = 900


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


# The end of a larger statement that announces what it did: a CTE ``told`` holds (pipeline_id, place, type, data) of
# pipelines whose row locks the caller has; no actor.  To be called with the parameters ``TELL``.
TOLD: Final = """
    versioned AS (
        UPDATE pipeline SET version = version + new.n, updated_at = now()
        FROM (SELECT pipeline_id, count(*) AS n FROM told GROUP BY pipeline_id) AS new
        WHERE pipeline.id = new.pipeline_id
        RETURNING pipeline.id, pipeline.project_id, pipeline.version - new.n AS before
    ), written AS (
        INSERT INTO event (type, project_id, pipeline_id, version, issue_id, data)
        SELECT told.type, v.project_id, v.id,
               v.before + row_number() OVER (PARTITION BY v.id ORDER BY told.place, told.type = 'TASK_COMPLETE'),
               issue.id, told.data
        FROM told JOIN versioned v ON v.id = told.pipeline_id LEFT JOIN issue ON issue.pipeline_id = v.id
        ORDER BY told.place
        RETURNING id
    ), heard AS MATERIALIZED (SELECT pg_notify(:outbox, '') FROM (SELECT count(*) FROM written) AS n WHERE count > 0)
"""
TELL: Final = {"outbox": OUTBOX_CHANNEL}


# As a statement of its own, so that the next one sees what the last sequencer has committed.
TAKE_TURN: Final = f"""
    SELECT set_config('penstock.sequencer', CAST(pg_try_advisory_xact_lock({SEQUENCER_LOCK}) AS text), true)
"""
_STAMP: Final = Statement(
    """
    WITH found AS MATERIALIZED (
        SELECT id, pipeline_id, version FROM event
        WHERE position IS NULL AND current_setting('penstock.sequencer') = 'true' ORDER BY id LIMIT :most
    ), counted AS (
        UPDATE event_position SET last = last + new.n FROM (SELECT count(*) AS n FROM found) AS new WHERE new.n > 0
        RETURNING last, last - new.n AS before
    ), placed AS (
        UPDATE event SET position = counted.before + given.place
        FROM counted, (
            SELECT id, row_number() OVER (ORDER BY coalesce(pipeline_id, 0), coalesce(version, 0), id) AS place
            FROM found
        ) AS given
        WHERE event.id = given.id
    ), heard AS MATERIALIZED (SELECT pg_notify(:channel, CAST(last AS text)) FROM counted)
    SELECT current_setting('penstock.sequencer') = 'true' AS ours, (SELECT count(*) FROM found) AS stamped,
           EXISTS (SELECT FROM audit WHERE sealed_as IS NULL) AS unsealed
    FROM (SELECT count(*) FROM heard) AS heard
    """
)


@dataclass(frozen=True, slots=True)
class Stamped:
    """What one batch came to.

    Args:
        events: how many got their position.
        unsealed: there are audit rows to seal.
    """

    events: int
    unsealed: bool


async def stamp(wire: Wire) -> Stamped | None:
    """Stamp positions on one batch of committed events, ordered by pipeline and version; the transaction was begun with
    ``TAKE_TURN``.

    Returns:
        None when another process is the sequencer right now.
    """
    [row] = await wire.fetch(_STAMP, {"most": BATCH, "channel": EVENTS_CHANNEL})
    return Stamped(row["stamped"], row["unsealed"]) if row["ours"] else None


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
