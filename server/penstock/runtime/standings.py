"""Asks for the lease and the permit of many tasks in one question: while one is under way, and a moment longer, the
next are gathered.

An answer is never older than the wish to know: who asks while a question is on its way waits for the one after it.
"""

from __future__ import annotations

import asyncio
from typing import Final

from penstock.runtime.metadata import Metadata
from penstock.store import queue, standing

REST: Final = 0.004  # seconds between two questions


class Standings:
    """One per runner."""

    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata
        self._waiting: list[tuple[queue.Claimed, asyncio.Future[standing.Standing]]] = []
        self._asker: asyncio.Task[None] | None = None

    async def ask(self, claimed: queue.Claimed) -> standing.Standing:
        """What the runner may still do about a task now.

        Raises:
            DBAPIError, asyncpg.PostgresError, OSError: the metadata database did not answer.
        """
        answer: asyncio.Future[standing.Standing] = asyncio.get_running_loop().create_future()
        self._waiting.append((claimed, answer))
        if self._asker is None:
            self._asker = asyncio.create_task(self._ask())
        return await answer

    async def _ask(self) -> None:
        try:
            while self._waiting:
                asked, self._waiting = self._waiting, []
                try:
                    found = await self._metadata.standings([claimed for claimed, _ in asked])
                except Exception as error:
                    for _, answer in asked:
                        if not answer.done():
                            answer.set_exception(error)
                else:
                    for claimed, answer in asked:
                        if not answer.done():
                            answer.set_result(found[claimed.lease])
                await asyncio.sleep(REST)
        finally:
            self._asker = None
