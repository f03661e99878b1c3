"""What is forgotten of schedules in time: slots, and the pipelines of instances that nothing refers to any more.

Each call does one part of a thousand rows or fewer.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.store.tables.catalog import schedule_fire
from penstock.store.tables.changes import issue
from penstock.store.tables.pipelines import context, pipeline, run_log, stage, task, task_change, task_run
from penstock.store.tables.plugins import delivery
from penstock.store.tables.records import event

LINES: Final = 900
PIPELINES: Final = 25  # each has a handful of rows, and one message for each of them and each plugin

_SLOTS: Final = sa.text("""
DELETE FROM schedule_fire USING (
    SELECT old.schedule_id, old.slot
    FROM schedule s
    CROSS JOIN LATERAL (
        SELECT slot FROM schedule_fire WHERE schedule_id = s.id ORDER BY slot DESC OFFSET :keep - 1 LIMIT 1
    ) last_kept
    JOIN schedule_fire old
        ON old.schedule_id = s.id AND old.slot < least(last_kept.slot, statement_timestamp() - :age)
    LIMIT :rows
) AS doomed
WHERE schedule_fire.schedule_id = doomed.schedule_id AND schedule_fire.slot = doomed.slot
""").bindparams(sa.bindparam("age", type_=sa.Interval), sa.bindparam("keep", type_=sa.Integer))


async def forget_slots(conn: AsyncConnection, older: dt.timedelta, keep: int, limit: int) -> int:
    """Forget slots of schedules; answers how many.

    Args:
        older: those that lie back further …
        keep: … but never the newest so many of a schedule.
    """
    return (await conn.execute(_SLOTS, {"age": older, "keep": keep, "rows": limit})).rowcount


_SLOT: Final = sa.exists().where(schedule_fire.c.pipeline_id == pipeline.c.id)
_ISSUE: Final = sa.exists().where(issue.c.pipeline_id == pipeline.c.id)


async def forget_pipelines(conn: AsyncConnection, older: dt.timedelta) -> bool:
    """Forget pipelines of instances that ended, are older than that, and that no slot refers to; answers whether there
    may be more."""
    chosen = (
        sa.select(pipeline.c.id)
        .where(
            pipeline.c.project_id.is_(None),
            pipeline.c.created_at < sa.func.statement_timestamp() - older,
            pipeline.c.ended,
            ~_SLOT,
            ~_ISSUE,
        )
        .order_by(pipeline.c.created_at)
        .limit(PIPELINES)
        .with_for_update(skip_locked=True)
    )
    ids = list(await conn.scalars(chosen))
    if not ids:
        return False
    own = sa.cast(ids, pg.ARRAY(sa.BigInteger))
    tasks = sa.select(task.c.id).where(task.c.pipeline_id == sa.any_(own))
    runs = sa.select(task_run.c.id).where(task_run.c.task_id.in_(tasks))
    # A log may be long, so it goes first and by itself.
    lines = sa.select(run_log.c.run_id, run_log.c.seq).where(run_log.c.run_id.in_(runs)).limit(LINES)
    logged = await conn.execute(sa.delete(run_log).where(sa.tuple_(run_log.c.run_id, run_log.c.seq).in_(lines)))
    if logged.rowcount:
        return True
    positions = sa.select(event.c.position).where(event.c.pipeline_id == sa.any_(own))
    await conn.execute(sa.delete(delivery).where(delivery.c.position.in_(positions)))
    await conn.execute(sa.delete(event).where(event.c.pipeline_id == sa.any_(own)))
    await conn.execute(sa.delete(task_change).where(task_change.c.task_id.in_(tasks)))
    await conn.execute(sa.delete(task_run).where(task_run.c.task_id.in_(tasks)))
    await conn.execute(sa.delete(task).where(task.c.pipeline_id == sa.any_(own)))
    stages = sa.select(stage.c.id).where(stage.c.pipeline_id == sa.any_(own))
    await conn.execute(sa.delete(context).where(context.c.stage_id.in_(stages)))
    await conn.execute(sa.delete(stage).where(stage.c.pipeline_id == sa.any_(own)))
    await conn.execute(sa.delete(pipeline).where(pipeline.c.id == sa.any_(own)))
    return True
