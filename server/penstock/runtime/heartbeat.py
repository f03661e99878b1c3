"""Keeps a runner's leases alive, from a thread with its own event loop and connection.

A driver that decodes a million rows in pure Python blocks the runner's loop; it must not cost the runner its leases.
"""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Callable, Mapping

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.services import metrics
from penstock.store import queue
from penstock.store.database import TROUBLE, Database

log = structlog.get_logger(__name__)

Answer = Callable[[float, Mapping[int, bool], Mapping[int, bytes]], None]


class Heartbeat:
    """One per runner.

    Args:
        url: of the metadata database.
        held: returns task id -> lease of everything the runner works on; called from the thread.
        answer: called in the thread with (monotonic time before the beat, task id -> cancel asked, the leases that
            were asked for).
    """

    def __init__(
        self,
        url: str,
        runner_id: uuid.UUID,
        *,
        lease_seconds: float,
        beat_seconds: float,
        held: Callable[[], Mapping[int, bytes]],
        answer: Answer,
    ) -> None:
        self._url = url
        self._runner_id = runner_id
        self._lease_seconds = lease_seconds
        self._beat_seconds = beat_seconds
        self._held = held
        self._answer = answer
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="heartbeat", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread after the beat that is under way; leases are not given up by this."""
        self._stop.set()
        self._thread.join(timeout=self._beat_seconds)

    async def _run(self) -> None:
        database = Database(self._url, pool_size=1)
        last = time.monotonic()
        try:
            while not self._stop.is_set():
                began = time.monotonic()
                held = dict(self._held())
                try:

                    async def work(conn: AsyncConnection, held: dict[int, bytes] = held) -> dict[int, bool]:
                        return await queue.beat(conn, self._runner_id, held, self._lease_seconds)

                    async with asyncio.timeout(self._beat_seconds):
                        ours = await database.run(work)
                    self._answer(began, ours, held)
                    last = time.monotonic()
                except TROUBLE as error:
                    log.warning("heartbeat_failed", error=type(error).__name__)
                metrics.heartbeat_age.set(time.monotonic() - last)
                await asyncio.to_thread(self._stop.wait, self._beat_seconds)
        finally:
            await database.close()
