"""Queries on schedules and on what they fired."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.store.rows import Cut, Record, Slice, fetch_one, page
from penstock.store.tables.catalog import instance, schedule, schedule_fire


def _select() -> sa.Select[Any]:
    fires = sa.select(schedule_fire).where(schedule_fire.c.schedule_id == schedule.c.id)
    newest = fires.order_by(schedule_fire.c.slot.desc()).limit(1).lateral("newest")
    fired = fires.where(schedule_fire.c.pipeline_id.is_not(None)).order_by(schedule_fire.c.slot.desc())
    newest_fired = fired.limit(1).lateral("newest_fired")
    return (
        sa.select(
            schedule,
            instance.c.slug.label("instance"),
            newest.c.slot.label("last_slot"),
            newest.c.outcome.label("last_outcome"),
            newest_fired.c.pipeline_id.label("last_pipeline"),
        )
        .join(instance, instance.c.id == schedule.c.instance_id)
        .outerjoin(newest, sa.true())
        .outerjoin(newest_fired, sa.true())
    )


async def listing(conn: AsyncConnection, cut: Cut) -> Slice:
    """Schedules by id."""
    return await page(conn, _select(), [schedule.c.id], cut)


async def by_id(conn: AsyncConnection, schedule_id: int) -> Record | None:
    """One schedule."""
    return await fetch_one(conn, _select().where(schedule.c.id == schedule_id))


async def slots(conn: AsyncConnection, schedule_id: int, cut: Cut) -> Slice:
    """The slots that a schedule came to, the newest first."""
    query = sa.select(
        schedule_fire.c.slot,
        schedule_fire.c.outcome,
        schedule_fire.c.pipeline_id.label("pipeline"),
        schedule_fire.c.created_at.label("at"),
    ).where(schedule_fire.c.schedule_id == schedule_id)
    # A page's token holds plain numbers, and slots are whole minutes; one schedule keeps few of them.
    seconds = sa.cast(sa.extract("epoch", schedule_fire.c.slot), sa.BigInteger)
    return await page(conn, query, [seconds], cut, descending=True)


async def lock(conn: AsyncConnection, schedule_id: int) -> Record | None:
    """One schedule's own columns, locked until the transaction ends."""
    return await fetch_one(
        conn, sa.select(schedule).where(schedule.c.id == schedule_id).with_for_update(key_share=True)
    )


async def insert(conn: AsyncConnection, values: Mapping[str, Any]) -> int:
    """Add a schedule and answer its id."""
    return int(await conn.scalar(sa.insert(schedule).values(**values).returning(schedule.c.id)) or 0)


async def update(conn: AsyncConnection, schedule_id: int, values: Mapping[str, Any]) -> None:
    """Change a schedule."""
    await conn.execute(sa.update(schedule).where(schedule.c.id == schedule_id).values(**values))


async def delete(conn: AsyncConnection, schedule_id: int) -> None:
    """Remove a schedule; the pipelines that it filed stay."""
    await conn.execute(sa.delete(schedule).where(schedule.c.id == schedule_id))
