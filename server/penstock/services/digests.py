"""Digests of tasks and stages, written anew when what they cover changes: the release, or where a target is."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.pipeline.spec import CREATE
from penstock.services import rewriting
from penstock.services.progress import Progress
from penstock.store import environments, errands, pipelines, queue
from penstock.store.tables.catalog import database, instance
from penstock.store.tables.pipelines import pipeline, stage, task

AT_ONCE: Final = 20  # pipelines that the transaction looks after in which an instance moves


async def write(conn: AsyncConnection, pipeline_id: int, *, old: int | None = None, new: int | None = None) -> None:
    """Have the digests of a locked pipeline's tasks that have not started worked out, and those of their stages: the
    caller's `Progress.advance` begins with it.

    A stage whose digest changes loses its permit and has to be run again where somebody must; approvals of the old
    digest are stale by themselves.

    Args:
        old, new: give the tasks that apply one release another one.
    """
    await rewriting.begin(conn, stage.c.pipeline_id == pipeline_id, old=old, new=new)


async def instance_moved(conn: AsyncConnection, instance_id: int) -> None:
    """An instance is somewhere else now: what was approved for the old place has to be approved for the new one.

    Where that concerns more than a few tasks, nothing starts in its environment until all their digests are written.
    """
    environment_id = await conn.scalar(sa.select(instance.c.environment_id).where(instance.c.id == instance_id))
    assert environment_id is not None
    # All locks of a kind before those of the next: whoever ends a task of the second pipeline has its lock, and waits
    # for the instance's place, which the first one's tasks may give back here.
    await environments.lock(conn, environment_id)
    await queue.lock_pipelines(conn, await _first_concerned(conn, instance_id))
    after, room = 0, rewriting.ROWS
    for _ in range(AT_ONCE):
        found = await next_concerned(conn, instance_id, after)
        if found is None:
            return
        room -= await begin(conn, found, instance_id, room)
        after = found
        if room <= 0:
            break
    await errands.leave(conn, "instance", [instance_id], after=after, environment_id=environment_id)
    await pipelines.environments_changed(conn, [environment_id])


async def next_concerned(conn: AsyncConnection, instance_id: int, after: int) -> int | None:
    """The next pipeline with a task on an instance that has not started."""
    found: int | None = await conn.scalar(
        sa.select(sa.func.min(task.c.pipeline_id))
        .join(pipeline, pipeline.c.id == task.c.pipeline_id)
        .where(*_concerned(instance_id), pipeline.c.id > after)
    )
    return found


async def _first_concerned(conn: AsyncConnection, instance_id: int) -> set[int]:
    """As many pipelines with such a task as one transaction looks after."""
    query = sa.select(task.c.pipeline_id).join(pipeline, pipeline.c.id == task.c.pipeline_id)
    first = query.where(*_concerned(instance_id)).distinct().order_by(task.c.pipeline_id).limit(AT_ONCE)
    return set(await conn.scalars(first))


def _concerned(instance_id: int) -> tuple[sa.ColumnElement[bool], ...]:
    not_started = task.c.status.in_(rewriting.NOT_STARTED)
    return (_there(instance_id), not_started, pipeline.c.status == "open", pipeline.c.started)


def _there(instance_id: int) -> sa.ColumnElement[bool]:
    own = task.c.database_id.in_(sa.select(database.c.id).where(database.c.instance_id == instance_id))
    return own | ((task.c.instance_id == instance_id) & (task.c.type == CREATE))


async def begin(conn: AsyncConnection, pipeline_id: int, instance_id: int, room: int = rewriting.ROWS) -> int:
    """Begin to write a pipeline's digests; answers how many rows that took now."""
    progress = await Progress.begin(conn, pipeline_id)
    progress.moves.room = room
    progress.woken = True  # no release has come anywhere by this
    concerned = sa.exists().where(task.c.stage_id == stage.c.id, _there(instance_id))
    await rewriting.begin(conn, (stage.c.pipeline_id == pipeline_id) & concerned)
    await progress.advance()
    await progress.finish()
    return room - progress.moves.room
