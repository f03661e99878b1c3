"""Firing schedules: one row per nominal slot, in the transaction that files its pipeline, so no slot ever fires
twice."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.store.tables.catalog import instance, schedule, schedule_fire


@dataclass(frozen=True, slots=True)
class Due:
    """A schedule that is due, locked until the transaction ends."""

    id: int
    instance_id: int
    cron: str
    time_zone: str
    jitter_seconds: int
    slot: dt.datetime
    now: dt.datetime


async def next_due(conn: AsyncConnection, now: dt.datetime | None = None) -> Due | None:
    """Lock the schedule that has been due the longest, with its instance; those that another process has in hand, or
    whose instance somebody is changing, are left for now: who removes an instance locks it, and then its schedules.

    Args:
        now: the time; None: the database tells it.
    """
    instant = sa.func.statement_timestamp() if now is None else sa.literal(now, sa.DateTime(timezone=True))
    row = (
        await conn.execute(
            sa.select(schedule, instant.label("now"))
            .join(instance, instance.c.id == schedule.c.instance_id)
            .where(schedule.c.enabled, schedule.c.next_at <= instant)
            .order_by(schedule.c.next_at)
            .limit(1)
            .with_for_update(skip_locked=True, key_share=True, of=[schedule, instance])
        )
    ).one_or_none()
    if row is None:
        return None
    return Due(row.id, row.instance_id, row.cron, row.time_zone, row.jitter_seconds, row.next_slot, row.now)


async def take(conn: AsyncConnection, schedule_id: int, slot: dt.datetime) -> bool:
    """Record a slot, as skipped until it is known what it filed; False when it has been recorded before."""
    row = await conn.execute(
        postgresql.insert(schedule_fire)
        .values(schedule_id=schedule_id, slot=slot, outcome="skipped")
        .on_conflict_do_nothing()
        .returning(schedule_fire.c.slot)
    )
    return row.one_or_none() is not None


async def fired(conn: AsyncConnection, schedule_id: int, slot: dt.datetime, pipeline_id: int) -> None:
    """Record which pipeline a slot filed."""
    own = (schedule_fire.c.schedule_id == schedule_id) & (schedule_fire.c.slot == slot)
    await conn.execute(sa.update(schedule_fire).where(own).values(outcome="fired", pipeline_id=pipeline_id))


async def set_next(conn: AsyncConnection, schedule_id: int, slot: dt.datetime, at: dt.datetime) -> None:
    """When the schedule fires next: its nominal slot, and the instant after jitter."""
    await conn.execute(sa.update(schedule).where(schedule.c.id == schedule_id).values(next_slot=slot, next_at=at))
