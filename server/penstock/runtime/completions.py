"""Writes how attempts ended, in batches: the first at once; while its transaction is under way, and a moment longer,
the next ends gather.  The transaction that writes them also takes up what comes next.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Final

import asyncpg
import structlog
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError

from penstock.runtime.metadata import Metadata
from penstock.services.attempts import Ended, Taker
from penstock.store import runs
from penstock.store.database import TROUBLE

log = structlog.get_logger(__name__)

# The metadata database answered, and will say the same next time.
REFUSED = (
    DataError,
    IntegrityError,
    ProgrammingError,
    asyncpg.DataError,
    asyncpg.exceptions.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.SyntaxOrAccessError,
)
REST: Final = 0.025  # seconds between two transactions of one pipeline: what they have in common is paid for once


@dataclass(slots=True)
class _Waiting:
    end: runs.End
    done: asyncio.Future[bool]


class Completions:
    """One per runner; a pipeline's ends are written by one transaction at a time.

    Args:
        taking: how many ends are about to be written -> the runner with its room, theirs included, kept for us until
            ``taken`` is called.
        taken: that, how many ends they were, and what was written and comes next, or None when nothing could be.
    """

    def __init__(
        self, metadata: Metadata, taking: Callable[[int], Taker], taken: Callable[[Taker, int, Ended | None], None]
    ) -> None:
        self._metadata = metadata
        self._taking, self._taken = taking, taken
        self._waiting: dict[int, list[_Waiting]] = defaultdict(list)
        self._writers: dict[int, asyncio.Task[None]] = {}

    async def write(self, end: runs.End) -> bool:
        """Write an end; returns whether it was still ours to say.

        While the metadata database does not answer, writing is tried again: the target's proof outlives us anyway, and
        the fence decides whether we may still speak.

        Raises:
            DBAPIError: the end is nothing that can be stored; its lease runs out, and the next attempt reads the proof.
        """
        pipeline_id = end.claimed.pipeline_id
        waiting = _Waiting(end, asyncio.get_running_loop().create_future())
        self._waiting[pipeline_id].append(waiting)
        if pipeline_id not in self._writers:
            self._writers[pipeline_id] = asyncio.create_task(self._write(pipeline_id), context=Context())
        return await waiting.done

    async def _write(self, pipeline_id: int) -> None:
        try:
            while batch := self._waiting.pop(pipeline_id, None):
                await self._write_batch(pipeline_id, batch)
                await asyncio.sleep(REST)
        finally:
            del self._writers[pipeline_id]

    async def _write_batch(self, pipeline_id: int, batch: Sequence[_Waiting]) -> None:
        try:
            written = await self._written(pipeline_id, [w.end for w in batch])
        except Exception as error:
            if len(batch) > 1:  # one end that cannot be stored must not take the others with it
                for waiting in batch:
                    await self._write_batch(pipeline_id, [waiting])
            elif not batch[0].done.done():
                batch[0].done.set_exception(error)
            return
        for waiting in batch:
            if not waiting.done.done():
                waiting.done.set_result(waiting.end.claimed.lease in written)

    async def _written(self, pipeline_id: int, ends: list[runs.End]) -> set[bytes]:
        delay = 0.2
        while True:
            taker, ended = self._taking(len(ends)), None
            try:
                ended = await self._metadata.end(pipeline_id, ends, taker)
                return {claimed.lease for claimed in ended.written}
            except REFUSED:
                raise
            except TROUBLE as error:
                log.warning("completion_failed", pipeline=pipeline_id, error=repr(error)[:500])
            finally:
                self._taken(taker, len(ends), ended)
            await asyncio.sleep(delay)
            delay = min(delay * 2, 5.0)
