"""Writes how attempts ended, in batches: while one transaction is under way the next ends gather, without any delay
added."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass

import structlog
from sqlalchemy.exc import DBAPIError

from penstock.services.attempts import Attempts
from penstock.store import runs

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Waiting:
    end: runs.End
    done: asyncio.Future[bool]


class Completions:
    """One per runner; a pipeline's ends are written by one transaction at a time."""

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts
        self._waiting: dict[int, list[_Waiting]] = defaultdict(list)
        self._writers: dict[int, asyncio.Task[None]] = {}

    async def write(self, end: runs.End) -> bool:
        """Write an end; returns whether it was still ours to say.

        While the metadata database does not answer, writing is tried again: the target's proof outlives us anyway,
        and the
        fence decides whether we may still speak.
        """
        pipeline_id = end.claimed.pipeline_id
        waiting = _Waiting(end, asyncio.get_running_loop().create_future())
        self._waiting[pipeline_id].append(waiting)
        if pipeline_id not in self._writers:
            self._writers[pipeline_id] = asyncio.create_task(self._write(pipeline_id))
        return await waiting.done

    async def _write(self, pipeline_id: int) -> None:
        try:
            while batch := self._waiting.pop(pipeline_id, None):
                written = await self._written(pipeline_id, [w.end for w in batch])
                for w in batch:
                    if not w.done.done():
                        w.done.set_result(w.end.claimed.id in written)
        finally:
            del self._writers[pipeline_id]

    async def _written(self, pipeline_id: int, ends: list[runs.End]) -> set[int]:
        delay = 0.2
        while True:
            try:
                return await self._attempts.end(pipeline_id, ends)
            except (DBAPIError, OSError) as error:
                log.warning("completion_failed", pipeline=pipeline_id, error=repr(error)[:500])
            await asyncio.sleep(delay)
            delay = min(delay * 2, 5.0)
