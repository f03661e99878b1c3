"""What tasks are told of those before them when they become ready, and whether their conditions on outputs hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.pipeline.context import before, content, in_sequence, merged
from penstock.domain.pipeline.query import Condition, Scalar
from penstock.store import contexts, pipelines, sequences


class Told:
    """What comes before the tasks of one stage of a locked pipeline.

    Args:
        pipeline: as it was loaded last; None where nothing of it but this stage has changed since somebody looked.
    """

    def __init__(self, conn: AsyncConnection, stage_id: int, pipeline: pipelines.Pipeline | None = None) -> None:
        self._conn = conn
        self._stage_id = stage_id
        self._pipeline = pipeline
        self._found: contexts.Context | None = None

    async def values(self) -> dict[str, Any]:
        """The columns that tasks of a parallel stage get when they become ready."""
        found = await self._context()
        return {"context_id": found.id} if found.id is not None else {}

    async def values_in_order(self, ready: int) -> dict[str, Any]:
        """The columns that the next task of a sequential stage gets when it becomes ready."""
        found = await self._context()
        own = await contexts.earlier(self._conn, ready)
        if not own.tasks:
            return {"context_id": found.id} if found.id is not None else {}
        told = in_sequence(found.content, own.name, own.phase, own.counts, own.tasks)
        told["outputs"] = merged([told["outputs"], *own.outputs])
        return {"context_id": await contexts.keep(self._conn, self._stage_id, f"task:{ready}", told)}

    async def unmet(self) -> list[int]:
        """Waiting tasks of a parallel stage that is open, whose conditions do not hold."""
        asked = await contexts.conditions(self._conn, self._stage_id)
        if not asked:
            return []
        given = (await self._context()).content["outputs"]
        return [task_id for task_id, written in asked if not hold(written, given)]

    async def judged(self, rows: Sequence[sequences.InOrder]) -> Sequence[sequences.InOrder]:
        """Tasks of a sequential stage, each with whether its conditions hold as things stand."""
        if not any(row.only_if for row in rows):
            return rows
        given = (await self._context()).content["outputs"]
        found = []
        for row in rows:
            if row.only_if:
                own = await contexts.earlier(self._conn, row.id)
                row = replace(row, met=hold(row.only_if, merged([given, *own.outputs])))
            found.append(row)
        return found

    async def _context(self) -> contexts.Context:
        if self._found is None:
            self._found = await self._look()
        return self._found

    async def _look(self) -> contexts.Context:
        if self._pipeline is None:
            return await contexts.latest(self._conn, self._stage_id)
        stages = self._pipeline.stages
        follows = before(next(s for s in stages if s.id == self._stage_id), stages)
        if not follows.told:
            return contexts.Context(None, contexts.NOTHING)
        seen = follows.seen()
        known = await contexts.known(self._conn, self._stage_id, seen)
        if known is None:
            tasks = await contexts.states(self._conn, [s.id for s, _ in follows.told])
            told = content(follows, tasks, await contexts.outputs(self._conn, follows.heard))
            known = contexts.Context(await contexts.keep(self._conn, self._stage_id, seen, told), told)
        return known


def hold(written: Sequence[Mapping[str, Any]], given: Mapping[str, Scalar]) -> bool:
    """Whether all conditions of a task hold."""
    return all(msgspec.convert(one, Condition).holds(given) for one in written)
