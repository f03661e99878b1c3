"""Hands out the tasks of a stage whose limits do not let all of them begin at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.pipeline.fan_out import FanOut, batches, may_begin_next, reach, room
from penstock.domain.pipeline.status import ACTIVE, Counts, total
from penstock.store import tasks
from penstock.store.tables.pipelines import stage, task


async def hand_out(
    conn: AsyncConnection,
    stage_id: int,
    fan_out: FanOut,
    counts: Counts,
    current: int,
    most: int,
    values: Mapping[str, Any],
) -> list[tasks.Moved]:
    """Make as many waiting tasks of an open stage ready as its limits allow, in their order.

    Args:
        counts: the stage's counters as they are now.
        current: the batch that is under way, from 1.
        most: how many at most now, whatever the limits say.
        values: columns of those that become ready.
    """
    size = total(counts)
    if may_begin_next(fan_out, counts, current):
        last, before = batches(fan_out, size), current
        while current < last and await _passes(conn, stage_id, counts, reach(fan_out, size, current)):
            current += 1
        if current != before:
            await conn.execute(sa.update(stage).where(stage.c.id == stage_id).values(batch_current=current))
    places = min(room(fan_out, counts), most)
    if places <= 0:
        return []
    reached = task.c.position < reach(fan_out, size, current)
    return await tasks.move_some(conn, "ready", stage_id, reached, sources=("waiting",), limit=places, values=values)


# What does not pass, by counter: each is one look into an index, and none where its counter is 0.
_NOT_PASSING: Final[Mapping[str, sa.ColumnElement[bool]]] = {
    **{name: tasks.has_status((name,)) for name in ("waiting", "ready", *ACTIVE, "canceled")},
    "failed": tasks.has_status(("failed",)) & ~task.c.allow_failure,
    "error": tasks.has_status(("failed",)) & (task.c.failure_class == "error"),
    "skipped": tasks.has_status(("skipped",)) & task.c.skip_reason.not_in(("manual", "condition")),
}


async def _passes(conn: AsyncConnection, stage_id: int, counts: Counts, upto: int) -> bool:
    """Whether every task before a place passes."""
    before = (task.c.stage_id == stage_id, task.c.position < upto)
    left = [sa.exists().where(*before, wrong) for name, wrong in _NOT_PASSING.items() if counts[name]]
    return not left or not await conn.scalar(sa.select(sa.or_(*left)))
