"""Takes tasks back from runners that were lost, and repairs what must not need repair."""

from __future__ import annotations

import structlog

from penstock.domain import clock
from penstock.runtime.metadata import Metadata
from penstock.services import metrics
from penstock.store import tasks

log = structlog.get_logger(__name__)

BATCH = 100
# A round must not wait for the transactions that lost runners left open, one after the other, until the server ends
# each.  Longer than what others do to a pipeline takes, and all waiting of one transaction together within a lease.
PATIENCE = 1.0  # seconds
PATIENCE_OF_LEASE = 0.1
LEAST_PATIENCE = 0.1
SILENCE_OF_LEASE = 1 / 3  # after which a session that keeps its locks is ended, as the server does with idle ones


class Reaper:
    """One round rescues a batch of tasks whose lease ran out.

    Args:
        lease_seconds: after an outage of the metadata database nothing is rescued for one full lease, so that living
            runners can heartbeat first.
    """

    def __init__(self, metadata: Metadata, *, lease_seconds: float) -> None:
        self._metadata = metadata
        self._lease_seconds = lease_seconds
        self._patience = max(LEAST_PATIENCE, min(PATIENCE, PATIENCE_OF_LEASE * lease_seconds))
        self._not_before = clock.monotonic() + lease_seconds
        self._answered_at = clock.monotonic()
        self._swept: tasks.Swept | None = None

    async def round(self) -> bool:
        """Returns whether a full batch was found."""
        if ended := await self._metadata.end_stalled(max(1.0, SILENCE_OF_LEASE * self._lease_seconds)):
            log.warning("stalled_sessions_ended", sessions=ended)
        await self._sweep()
        self._answered()
        found = await self._metadata.expired(BATCH)
        self._answered()
        for pipeline_id, task_ids in found.items():
            if clock.monotonic() < self._not_before:
                return False
            rescued = await self._metadata.rescue(pipeline_id, task_ids, self._patience)
            self._answered()
            metrics.rescued.inc(rescued)
            if rescued:
                log.warning("tasks_rescued", pipeline=pipeline_id, tasks=rescued)
        return sum(map(len, found.values())) == BATCH

    def _answered(self) -> None:
        """Between two answers of the metadata database lies less than a lease, or there was an outage."""
        now = clock.monotonic()
        if now - self._answered_at > self._lease_seconds:
            self._not_before = now + self._lease_seconds
        self._answered_at = now

    async def _sweep(self) -> None:
        swept = await self._metadata.sweep(self._patience)
        if swept is None:
            return
        before, self._swept = self._swept, swept
        if repaired := self._swept.forgotten(before):
            metrics.slot_repairs.inc(repaired)
            log.error("slots_repaired", instances=repaired)
