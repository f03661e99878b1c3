"""Takes tasks back from runners that were lost, and repairs what must not need repair."""

from __future__ import annotations

import time

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.services import metrics
from penstock.services.progress import Progress
from penstock.store import queue, tasks
from penstock.store.database import Database

log = structlog.get_logger(__name__)

BATCH = 100


class Reaper:
    """One round rescues a batch of tasks whose lease ran out.

    Args:
        lease_seconds: after an outage of the metadata database nothing is rescued for one full lease, so that living
            runners can heartbeat first.
    """

    def __init__(self, database: Database, *, lease_seconds: float) -> None:
        self._database = database
        self._lease_seconds = lease_seconds
        self._not_before = time.monotonic() + lease_seconds
        self._last_round = time.monotonic()
        self._swept: tasks.Swept | None = None

    async def round(self) -> bool:
        """Returns whether a full batch was found."""
        now = time.monotonic()
        await self._sweep()
        if now - self._last_round > self._lease_seconds:
            self._not_before = now + self._lease_seconds
        async with self._database.connect() as conn:
            found = await queue.expired(conn, BATCH)
        self._last_round = time.monotonic()
        if time.monotonic() < self._not_before:
            return False
        for pipeline_id, task_ids in found.items():

            async def work(conn: AsyncConnection, pipeline_id: int = pipeline_id, ids: list[int] = task_ids) -> int:
                progress = await Progress.lock(conn, pipeline_id)
                moved = await queue.rescue(conn, ids)
                if moved:
                    await progress.advance()  # a gate may have closed while it was at work
                await progress.finish(touched=bool(moved))
                return len(moved)

            rescued = await self._database.run(work)
            metrics.rescued.inc(rescued)
            if rescued:
                log.warning("tasks_rescued", pipeline=pipeline_id, tasks=rescued)
        return sum(map(len, found.values())) == BATCH

    async def _sweep(self) -> None:
        before, self._swept = self._swept, await self._database.run(tasks.sweep)
        if repaired := self._swept.forgotten(before):
            metrics.slot_repairs.inc(repaired)
            log.error("slots_repaired", instances=repaired)
