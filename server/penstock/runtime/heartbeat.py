"""Keeps a runner's leases alive, from a thread with its own event loop and connection.

A driver that decodes a million rows in pure Python blocks the runner's loop; it must not cost the runner its leases.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Callable, Mapping

import structlog

from penstock.domain import clock
from penstock.runtime.beside import Beside
from penstock.runtime.metadata import Metadata
from penstock.services import metrics
from penstock.store.database import TROUBLE

log = structlog.get_logger(__name__)

Answer = Callable[[float, Mapping[int, bool], Mapping[int, bytes]], None]


class Heartbeat:
    """One per runner.

    Args:
        beside: the thread, or what takes its place.
        held: returns task id -> lease of everything the runner works on; called from the thread.
        answer: called in the thread with (`clock.monotonic` before the beat, task id -> cancel asked, the leases that
            were asked for).
    """

    def __init__(
        self,
        metadata: Metadata,
        runner_id: uuid.UUID,
        *,
        lease_seconds: float,
        beat_seconds: float,
        beside: Beside,
        held: Callable[[], Mapping[int, bytes]],
        answer: Answer,
    ) -> None:
        self._metadata = metadata
        self._runner_id = runner_id
        self._lease_seconds = lease_seconds
        self._beat_seconds = beat_seconds
        self._beside = beside
        self._held = held
        self._answer = answer

    def start(self) -> None:
        """Start to beat."""
        self._beside.start(self._run)

    def stop(self) -> None:
        """Stop after the beat that is under way; leases are not given up by this."""
        self._beside.stop(self._beat_seconds)

    async def _run(self, stopped: asyncio.Event) -> None:
        async with self._metadata.apart() as metadata:
            last = clock.monotonic()
            while not stopped.is_set():
                began = clock.monotonic()
                held = dict(self._held())
                try:
                    async with asyncio.timeout(self._beat_seconds):
                        ours = await metadata.beat(self._runner_id, held, self._lease_seconds)
                    self._answer(began, ours, held)
                    last = clock.monotonic()
                except TROUBLE as error:
                    log.warning("heartbeat_failed", error=type(error).__name__)
                metrics.heartbeat_age.set(clock.monotonic() - last)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._beat_seconds):
                        await stopped.wait()
