"""What tasks are told of those before them, stored when they become ready, and what a query task is to ask."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.pipeline.context import MOST_EARLIER, MOST_TASKS, TaskState, merged
from penstock.domain.pipeline.query import Scalar
from penstock.domain.pipeline.status import COUNTED, TASK_STATUSES
from penstock.store.tables.pipelines import context, stage, task
from penstock.store.tasks import has_status

NOTHING: dict[str, Any] = {"stages": [], "omitted_stages": 0, "outputs": {}}
_MOST_GIVERS = 1_000

_PASSES = (task.c.status == "succeeded") | (
    (task.c.status == "skipped") & task.c.skip_reason.in_(("manual", "condition"))
)


@dataclass(frozen=True, slots=True)
class Context:
    """What the tasks of a stage are told; without an id where nothing comes before."""

    id: int | None
    content: Mapping[str, Any]


async def known(conn: AsyncConnection, stage_id: int, seen: str) -> Context | None:
    """The context that was stored when everything before a stage stood as it does now."""
    query = sa.select(context.c.id, context.c.content).where(context.c.stage_id == stage_id, context.c.seen == seen)
    row = (await conn.execute(query)).one_or_none()
    return Context(row.id, row.content) if row is not None else None


async def latest(conn: AsyncConnection, stage_id: int) -> Context:
    """The context that was stored last for a stage as a whole."""
    query = (
        sa.select(context.c.id, context.c.content)
        .where(context.c.stage_id == stage_id, context.c.seen.not_like("task:%"))
        .order_by(context.c.id.desc())
        .limit(1)
    )
    row = (await conn.execute(query)).one_or_none()
    return Context(row.id, row.content) if row is not None else Context(None, NOTHING)


async def keep(conn: AsyncConnection, stage_id: int, seen: str, content: Mapping[str, Any]) -> int:
    """Store a context; the caller holds the pipeline's lock, so nobody stores the same."""
    made: int = (
        await conn.execute(
            postgresql.insert(context)
            .values(stage_id=stage_id, seen=seen, content=dict(content))
            .on_conflict_do_update(index_elements=["stage_id", "seen"], set_={"content": dict(content)})
            .returning(context.c.id)
        )
    ).scalar_one()
    return made


async def states(conn: AsyncConnection, stage_ids: Collection[int]) -> list[TaskState]:
    """How the tasks of stages stand, those first that do not pass."""
    if not stage_ids:
        return []
    rows = await conn.execute(
        sa.select(task.c.stage_id, task.c.name, task.c.status, task.c.skip_reason, task.c.failure_class)
        .where(task.c.stage_id.in_(sorted(stage_ids)))
        .order_by(_PASSES, task.c.stage_id, task.c.position)
        .limit(MOST_TASKS)
    )
    return [TaskState(r.stage_id, r.name, r.status, r.skip_reason, r.failure_class) for r in rows]


@dataclass(frozen=True, slots=True)
class Earlier:
    """What stands before a task in its sequential stage.

    Args:
        name, phase, counts: of the stage.
        tasks: the last `MOST_EARLIER`, in order.
        outputs: of all that gave some, in order.
    """

    name: str
    phase: int
    counts: Mapping[str, int]
    tasks: Sequence[TaskState]
    outputs: Sequence[Mapping[str, Scalar]]


async def earlier(conn: AsyncConnection, task_id: int) -> Earlier:
    """What stands before a task in its stage; both looks are into an index, however long the stage is."""
    place = sa.select(stage, task.c.position.label("place")).join(task, task.c.stage_id == stage.c.id)
    head = (await conn.execute(place.where(task.c.id == task_id))).one()
    near = head.place - MOST_EARLIER
    told = sa.select(
        task.c.position, task.c.name, task.c.status, task.c.skip_reason, task.c.failure_class, task.c.outputs
    ).where(task.c.stage_id == head.id)
    last = told.where(has_status(TASK_STATUSES), task.c.position >= near, task.c.position < head.place)
    givers = told.where(task.c.outputs.is_not(None), task.c.position < near)
    first = sa.select(givers.order_by(task.c.position).limit(_MOST_GIVERS).subquery())
    rows = sorted(await conn.execute(sa.union_all(last, first)), key=lambda r: r.position)
    states = [TaskState(head.id, r.name, r.status, r.skip_reason, r.failure_class) for r in rows if r.position >= near]
    counts = {c: getattr(head, f"n_{c}") for c in COUNTED}
    return Earlier(head.name, head.phase, counts, states, [r.outputs for r in rows if r.outputs][:_MOST_GIVERS])


async def outputs(conn: AsyncConnection, stage_ids: Collection[int]) -> dict[str, Scalar]:
    """The outputs of the tasks of stages, in the order of the stages and tasks."""
    if not stage_ids:
        return {}
    rows = await conn.scalars(
        sa.select(task.c.outputs)
        .join(stage, stage.c.id == task.c.stage_id)
        .where(task.c.stage_id.in_(sorted(stage_ids)), task.c.outputs.is_not(None))
        .order_by(stage.c.phase, stage.c.position, task.c.position)
        .limit(_MOST_GIVERS)
    )
    return merged(rows.all())


async def conditions(conn: AsyncConnection, stage_id: int) -> list[tuple[int, Sequence[Mapping[str, Any]]]]:
    """Waiting tasks of a stage that depend on outputs: id and conditions."""
    asked = task.c.options["only_if"]
    rows = await conn.execute(
        sa.select(task.c.id, asked.label("only_if")).where(
            task.c.stage_id == stage_id, task.c.status == "waiting", asked.is_not(None)
        )
    )
    return [(r.id, r.only_if) for r in rows]


@dataclass(frozen=True, slots=True)
class Briefing:
    """What a task is to do beyond its claim.

    Args:
        content: what it is told of those before it.
    """

    options: Mapping[str, Any]
    content: Mapping[str, Any]


async def of_task(conn: AsyncConnection, task_id: int) -> Briefing:
    """The options and the context of a task that is known to exist."""
    row = (
        await conn.execute(
            sa.select(task.c.options, context.c.content)
            .outerjoin(context, context.c.id == task.c.context_id)
            .where(task.c.id == task_id)
        )
    ).one()
    return Briefing(row.options, row.content if row.content is not None else NOTHING)


async def keep_outputs(conn: AsyncConnection, given: Mapping[int, Mapping[str, Scalar]]) -> None:
    """Store what tasks gave that have just succeeded."""
    rows = [{"task": task_id, "given": dict(found)} for task_id, found in sorted(given.items())]
    statement = sa.update(task).where(task.c.id == sa.bindparam("task"))
    await conn.execute(statement.values(outputs=sa.bindparam("given")), rows)
