"""What an operator asks when something seems wrong: runners, leases, queues, and what we recorded of each database."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.store.rows import Record, fetch
from penstock.store.tables.pipelines import UNKNOWN

_RUNNERS: Final = sa.text(
    """
    SELECT r.host, r.pid, r.draining, extract(epoch FROM statement_timestamp() - r.beat_at)::float AS silent,
           (SELECT count(*) FROM task t WHERE t.runner_id = r.id) AS tasks
    FROM runner r
    WHERE r.beat_at > statement_timestamp() - interval '1 day' OR EXISTS (SELECT FROM task t WHERE t.runner_id = r.id)
    ORDER BY r.started_at DESC LIMIT 100
    """
)
_QUEUE: Final = sa.text(
    """
    SELECT (SELECT count(*) FROM task WHERE claimable AND run_at < statement_timestamp() - interval '1 minute') AS late,
           (SELECT count(*) FROM task WHERE status = 'ready') AS ready,
           (SELECT count(*) FROM task
            WHERE lease_until < statement_timestamp() - make_interval(secs => :lease)) AS stuck
    """
)
_LAG: Final = sa.text(
    """
    SELECT (SELECT count(*) FROM event WHERE position IS NULL) AS events,
           (SELECT coalesce(extract(epoch FROM statement_timestamp() - min(created_at)), 0)::float
            FROM event WHERE position IS NULL) AS events_age,
           (SELECT count(*) FROM audit WHERE sealed_as IS NULL) AS audit,
           (SELECT coalesce(extract(epoch FROM statement_timestamp() - min(created_at)), 0)::float
            FROM audit WHERE sealed_as IS NULL) AS audit_age
    """
)
_UNSETTLED: Final = sa.text(f"SELECT id, name FROM task WHERE {UNKNOWN} ORDER BY id LIMIT 100")
_INSTANCES: Final = sa.text("SELECT id, slug, engine, options FROM instance ORDER BY slug")
_RECORDED: Final = sa.text(
    """
    SELECT d.instance_id, d.name AS database, p.slug AS project, array_agg(DISTINCT c.version) AS versions
    FROM task_change c JOIN task t ON t.id = c.task_id JOIN pipeline l ON l.id = t.pipeline_id
    JOIN project p ON p.id = l.project_id JOIN database d ON d.id = t.database_id
    WHERE c.state IN ('applied', 'already_applied') AND d.vanished_at IS NULL
    GROUP BY d.instance_id, d.name, p.slug ORDER BY d.instance_id, d.name, p.slug
    """
)


async def runners(conn: AsyncConnection) -> list[Record]:
    """Runner processes of the last day, and any that tasks still belong to."""
    return await fetch(conn, _RUNNERS)


async def queue(conn: AsyncConnection, lease_seconds: float) -> Record:
    """Tasks that nobody takes, and tasks whose lease ran out longer ago than that and that nobody rescued."""
    return (await fetch(conn, _QUEUE.bindparams(lease=lease_seconds)))[0]


async def lag(conn: AsyncConnection) -> Record:
    """How far the sequencer is behind: events without a position, audit entries without a seal, ages in seconds."""
    return (await fetch(conn, _LAG))[0]


async def unsettled(conn: AsyncConnection) -> list[Record]:
    """Tasks of which nobody knows how they ended."""
    return await fetch(conn, _UNSETTLED)


async def instances(conn: AsyncConnection) -> list[Record]:
    """All instances."""
    return await fetch(conn, _INSTANCES)


async def recorded(conn: AsyncConnection) -> list[Record]:
    """By database and project: versions that we call applied there."""
    return await fetch(conn, _RECORDED)
