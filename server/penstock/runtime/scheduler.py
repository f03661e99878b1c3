"""Fires schedules: files the pipeline of every slot that is due.  The database is the scheduler; any process may run
this."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import schedule
from penstock.services.sync_pipelines import file_sync_pipeline
from penstock.store import firing
from penstock.store.database import Database


class Scheduler:
    """One round fires one schedule.

    Args:
        now: tells the time; None: the metadata database does.
    """

    def __init__(self, database: Database, now: Callable[[], dt.datetime] | None = None) -> None:
        self._database = database
        self._now = now

    async def round(self) -> bool:
        """Returns whether a schedule was due."""

        async def work(conn: AsyncConnection) -> bool:
            due = await firing.next_due(conn, self._now() if self._now is not None else None)
            if due is None:
                return False
            jitter = dt.timedelta(seconds=due.jitter_seconds)
            turn = schedule.turn(due.cron, due.time_zone, jitter, due.slot, due.now)
            # The slot is taken first: whoever finds it taken files nothing.
            if await firing.take(conn, due.id, turn.slot):
                pipeline_id, under_way = await file_sync_pipeline(conn, due.instance_id, None)
                if not under_way:
                    await firing.fired(conn, due.id, turn.slot, pipeline_id)
            await firing.set_next(conn, due.id, turn.next_slot, turn.next_at)
            return True

        return await self._database.run(work)
