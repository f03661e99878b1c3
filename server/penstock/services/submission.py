"""Files a pipeline whole, however large it is: in one transaction, or where it is too large for one, in many.

The first transaction checks everything, so that nothing is left of bad input.  Then stages and tasks are stored, a part
in each transaction, while nobody sees the pipeline; the last one makes it visible with its issue.  Of a process that
dies on the way, what it stored is removed by the janitor.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.errors import Conflict
from penstock.services import filing
from penstock.store import environments, issues, tasks, unfinished
from penstock.store.database import TROUBLE, Database
from penstock.store.tables.catalog import instance
from penstock.store.tables.pipelines import pipeline

T = TypeVar("T")

log = structlog.get_logger(__name__)

ROWS: Final = 900  # that one transaction stores at most: tasks with their slots, or stages
_PER_TASK: Final = 3  # itself, its slot, and its instance's
_REVIEWS: Final = 100  # stages


@dataclass(frozen=True, slots=True)
class Filing(Generic[T]):
    """A pipeline that is checked and can be stored.

    Args:
        publish: with the pipeline's id, when it is stored: what makes it somebody's, in the last transaction.
        recheck: what ``prepare`` locked and looked at, in the same order and before anything else is locked: the last
            transaction of a large one asks again, for the first has let go of it.
    """

    project_id: int | None
    stages: Sequence[filing.NewStage]
    publish: Callable[[AsyncConnection, int], Awaitable[T]]
    order: str = "sequential"
    fail_fast: bool = False
    recheck: Callable[[AsyncConnection], Awaitable[None]] | None = None

    @property
    def small(self) -> bool:
        """One transaction may store all of it."""
        return len(self.stages) + _PER_TASK * sum(len(s.tasks) for s in self.stages) <= ROWS


async def submit(database: Database, prepare: Callable[[AsyncConnection], Awaitable[Filing[T]]]) -> T:
    """File a pipeline.

    Args:
        prepare: checks a request, and stores what is no part of the pipeline: the releases that it brings.

    Returns:
        What ``publish`` answered.

    Raises:
        Conflict: a target was moved or removed while a large pipeline was being stored; then nothing is left of it.
    """

    async def first(conn: AsyncConnection) -> tuple[Filing[T], T | None, _Places]:
        new = await prepare(conn)
        if not new.small:
            return new, None, await _places(conn, new.stages)
        made = await filing.insert_pipeline(conn, new.project_id, new.stages, order=new.order, fail_fast=new.fail_fast)
        return new, await new.publish(conn, made), {}

    new, published, places = await database.run(first)
    if new.small:
        assert published is not None
        return published
    return await _in_parts(database, new, places)


_Places = Mapping[int, Any]  # instance -> where it is, as the digests of its tasks say it


async def _places(conn: AsyncConnection, stages: Sequence[filing.NewStage]) -> _Places:
    ids = sorted({t.instance_id for s in stages for t in s.tasks})
    where = (instance.c.environment_id, instance.c.engine, instance.c.host, instance.c.port, instance.c.identity)
    rows = await conn.execute(
        sa.select(instance.c.id, *where).where(instance.c.id == sa.any_(sa.cast(ids, pg.ARRAY(sa.BigInteger))))
    )
    return {row.id: tuple(row) for row in rows}


async def _in_parts(database: Database, new: Filing[T], places: _Places) -> T:
    head = {"project_id": new.project_id, "order": new.order, "fail_fast": new.fail_fast}
    pipeline_id = await database.run(lambda conn: unfinished.begin(conn, head))
    try:
        ids = await _stages(database, pipeline_id, new)
        await _slots(database, new)
        await _tasks(database, pipeline_id, ids, new)
        await _reviews(database, pipeline_id, ids, new)

        async def last(conn: AsyncConnection) -> T:
            await unfinished.hold(conn, pipeline_id)
            if new.recheck is not None:
                await new.recheck(conn)
            await environments.hold(conn, {s.environment_id for s in new.stages})
            if await _places(conn, new.stages) != places:
                raise Conflict("The instance of a target was moved while this was being filed: file it again.")
            if new.project_id is not None and await issues.moved_away(conn, pipeline_id, new.project_id):
                raise Conflict("A target was given to another project while this was being filed: file it again.")
            await conn.execute(
                sa.update(pipeline).where(pipeline.c.id == pipeline_id).values(status="open", started=True)
            )
            return await new.publish(conn, pipeline_id)

        return await database.run(last)
    except IntegrityError as error:
        await _discard(database, pipeline_id)
        raise Conflict("A target was removed while this was being filed: file it again.") from error
    except Exception:
        await _discard(database, pipeline_id)
        raise


async def _discard(database: Database, pipeline_id: int) -> None:
    try:
        await discard(database, pipeline_id)
    except TROUBLE as error:  # the janitor will
        log.warning("unfinished_pipeline_left", pipeline=pipeline_id, error=repr(error)[:200])


async def discard(database: Database, pipeline_id: int) -> None:
    """Remove what is stored of a pipeline that nobody has seen, a part in each transaction."""
    while await database.run(lambda conn: unfinished.remove_some(conn, pipeline_id, ROWS)):
        pass


async def _stages(database: Database, pipeline_id: int, new: Filing[Any]) -> list[int]:
    ids: list[int] = []
    for start in range(0, len(new.stages), ROWS):
        part = new.stages[start : start + ROWS]

        async def store(conn: AsyncConnection, part: Sequence[filing.NewStage] = part, first: int = start) -> list[int]:
            await unfinished.hold(conn, pipeline_id)
            return [await filing.add_stage_row(conn, pipeline_id, first + n, s) for n, s in enumerate(part)]

        ids += await database.run(store)
    return ids


async def _slots(database: Database, new: Filing[Any]) -> None:
    """Make the slots first, and have the server look at how many there are now: it would go on checking each task's
    reference to its slot as it did while there were a few, by reading all of them.
    """
    keys = sorted({key for s in new.stages for key in filing.slots_of(s.tasks)})
    made = 0
    for start in range(0, len(keys), ROWS):
        part = keys[start : start + ROWS]

        async def store(conn: AsyncConnection, part: Sequence[str] = part) -> int:
            return await tasks.ensure_slots(conn, part)

        made += await database.run(store)
    if made:
        await database.run(tasks.analyze_slots)


async def _tasks(database: Database, pipeline_id: int, ids: Sequence[int], new: Filing[Any]) -> None:
    size = ROWS // 2  # each with its stage, if every task has one of its own; slots are there
    parts: list[list[tuple[int, Sequence[filing.NewTask]]]] = [[]]
    room = size
    for stage_id, stage in zip(ids, new.stages, strict=True):
        done = 0
        while done < len(stage.tasks):
            taken = stage.tasks[done : done + room]
            parts[-1].append((stage_id, taken))
            done, room = done + len(taken), room - len(taken)
            if not room:
                parts.append([])
                room = size
    for part in filter(None, parts):

        async def store(conn: AsyncConnection, part: Sequence[tuple[int, Sequence[filing.NewTask]]] = part) -> None:
            await unfinished.hold(conn, pipeline_id)
            for stage_id, taken in part:
                await filing.add_tasks(conn, pipeline_id, stage_id, taken)

        await database.run(store)


async def _reviews(database: Database, pipeline_id: int, ids: Sequence[int], new: Filing[Any]) -> None:
    for start in range(0, len(ids), _REVIEWS):
        part = list(zip(ids, new.stages, strict=True))[start : start + _REVIEWS]

        async def store(conn: AsyncConnection, part: Sequence[tuple[int, filing.NewStage]] = part) -> None:
            await unfinished.hold(conn, pipeline_id)
            for stage_id, stage in part:
                await filing.connect_stage(conn, stage_id, stage, ids)

        await database.run(store)
