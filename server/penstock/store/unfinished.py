"""Pipelines that are being stored, a part in each transaction, and that nobody sees yet."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.errors import Conflict
from penstock.store.tables.pipelines import pipeline, stage, task


async def begin(conn: AsyncConnection, head: Mapping[str, Any]) -> int:
    """Store the row of a pipeline; it counts as canceled until it is whole, so nothing of it can start."""
    made: int = (
        await conn.execute(
            sa.insert(pipeline).values(**head, started=False, status="canceled").returning(pipeline.c.id)
        )
    ).scalar_one()
    return made


async def hold(conn: AsyncConnection, pipeline_id: int) -> None:
    """Lock it, and say that somebody is about it.

    Raises:
        Conflict: it was removed as a leftover.
    """
    held = (
        await conn.execute(
            sa.update(pipeline)
            .where(pipeline.c.id == pipeline_id, ~pipeline.c.started)
            .values(updated_at=sa.func.statement_timestamp())
            .returning(pipeline.c.id)
        )
    ).one_or_none()
    if held is None:
        raise Conflict("Filing this took so long that it was given up: file it again.")


async def leftovers(conn: AsyncConnection, older_than: dt.timedelta, limit: int) -> list[int]:
    """Those about which nobody has been for a while: their process has died."""
    late = pipeline.c.updated_at < sa.func.statement_timestamp() - older_than
    rows = await conn.scalars(
        sa.select(pipeline.c.id).where(~pipeline.c.started, late).order_by(pipeline.c.updated_at).limit(limit)
    )
    return list(rows)


async def remove_some(conn: AsyncConnection, pipeline_id: int, limit: int) -> bool:
    """Remove a part: tasks, then stages, then the pipeline; answers whether more is left."""
    own = sa.select(pipeline.c.id).where(pipeline.c.id == pipeline_id, ~pipeline.c.started).with_for_update()
    if await conn.scalar(own) is None:
        return False
    for table in (task, stage):
        some = sa.select(table.c.id).where(table.c.pipeline_id == pipeline_id).limit(limit)
        if (await conn.execute(sa.delete(table).where(table.c.id.in_(some)))).rowcount:
            return True
    await conn.execute(sa.delete(pipeline).where(pipeline.c.id == pipeline_id))
    return False
