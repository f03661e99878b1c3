"""Statements that add databases to a stored pipeline, or take some away.  Under the pipeline's lock."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.store import tasks
from penstock.store.tables.catalog import database, environment
from penstock.store.tables.gates import gate_bypass
from penstock.store.tables.pipelines import approval, stage, task

_UNTOUCHED: Final = sa.and_(task.c.attempt == 0, task.c.status.in_(("waiting", "ready", "skipped", "canceled")))


@dataclass(frozen=True, slots=True)
class Untouched:
    """A task on which nothing has started."""

    id: int
    name: str
    stage_id: int


async def databases(conn: AsyncConnection, pipeline_id: int) -> set[int]:
    """The databases that a pipeline has a task for."""
    query = sa.select(task.c.database_id).where(task.c.pipeline_id == pipeline_id, task.c.database_id.is_not(None))
    return set(await conn.scalars(query.distinct()))


async def count_outside(conn: AsyncConnection, pipeline_id: int, inside: sa.ColumnElement[bool]) -> int:
    """How many databases a pipeline has untouched tasks for that a condition on ``database`` does not choose."""
    query = (
        sa.select(sa.func.count(sa.distinct(task.c.database_id)))
        .join(database, database.c.id == task.c.database_id)
        .where(task.c.pipeline_id == pipeline_id, _UNTOUCHED, ~inside)
    )
    return int(await conn.scalar(query) or 0)


async def untouched_outside(
    conn: AsyncConnection, pipeline_id: int, inside: Collection[int], limit: int
) -> list[Untouched]:
    """Tasks on other databases than these, on which nothing has started."""
    rows = await conn.execute(
        sa.select(task.c.id, task.c.name, task.c.stage_id)
        .where(task.c.pipeline_id == pipeline_id, _UNTOUCHED, task.c.database_id.not_in(sorted(inside)))
        .order_by(task.c.id)
        .limit(limit)
    )
    return [Untouched(r.id, r.name, r.stage_id) for r in rows]


async def remove(conn: AsyncConnection, ids: Sequence[int]) -> None:
    """Delete tasks on which nothing has started."""
    if not ids:
        return
    await tasks.move(conn, "waiting", task.c.id.in_(ids), sources=("ready",))  # gives their places back
    await tasks.forget(conn, task.c.id.in_(ids), _UNTOUCHED)


async def last_position(conn: AsyncConnection, pipeline_id: int) -> int:
    """The position of a pipeline's last stage."""
    query = sa.select(sa.func.max(stage.c.position)).where(stage.c.pipeline_id == pipeline_id)
    return int(await conn.scalar(query) or 0)


async def remove_empty_stages(conn: AsyncConnection, pipeline_id: int) -> None:
    """Delete the stages that have no task any more, with what was decided on them; the audit log keeps that."""
    empty = (
        await conn.scalars(
            sa.select(stage.c.id).where(
                stage.c.pipeline_id == pipeline_id, ~sa.exists().where(task.c.stage_id == stage.c.id)
            )
        )
    ).all()
    if empty:
        await conn.execute(sa.delete(approval).where(approval.c.stage_id.in_(empty)))
        await conn.execute(sa.delete(gate_bypass).where(gate_bypass.c.stage_id.in_(empty)))
        await conn.execute(sa.delete(stage).where(stage.c.id.in_(empty)))


async def chain(conn: AsyncConnection, pipeline_id: int) -> None:
    """Put stages in the order of their environments, each needing the one before."""
    ids = (
        await conn.scalars(
            sa.select(stage.c.id)
            .join(environment, environment.c.id == stage.c.environment_id)
            .where(stage.c.pipeline_id == pipeline_id)
            .order_by(environment.c.position)
        )
    ).all()
    # Two stages never have one position, not even between two statements.
    beyond = await last_position(conn, pipeline_id) + 1
    for start in (beyond, 0):
        for n, stage_id in enumerate(ids):
            values = {"position": start + n, "needs": [ids[n - 1]] if n else []}
            await conn.execute(sa.update(stage).where(stage.c.id == stage_id).values(values))


async def stages_of(conn: AsyncConnection, pipeline_id: int, database_ids: Collection[int]) -> set[int]:
    """The stages that have tasks on some databases."""
    query = sa.select(task.c.stage_id).where(task.c.pipeline_id == pipeline_id, task.c.database_id.in_(database_ids))
    return set(await conn.scalars(query.distinct()))


async def task_digests(conn: AsyncConnection, stage_ids: Collection[int]) -> dict[int, list[str]]:
    """The digests of stages' tasks in order; a stage that is gone has none."""
    rows = await conn.execute(
        sa.select(task.c.stage_id, task.c.digest)
        .where(task.c.stage_id.in_(sorted(stage_ids)))
        .order_by(task.c.stage_id, task.c.position)
    )
    found: dict[int, list[str]] = {}
    for row in rows:
        found.setdefault(row.stage_id, []).append(row.digest)
    return found


async def set_digest(conn: AsyncConnection, stage_id: int, digest: str) -> None:
    """Give a stage another digest: whoever ran it has to run it again."""
    values = {"digest": digest, "advanced_at": None, "advanced_by": None}
    await conn.execute(sa.update(stage).where(stage.c.id == stage_id).values(values))
