"""Fires schedules: files the pipeline of every slot that is due.  The database is the scheduler; any process may run
this."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import schedule
from penstock.services.sync_pipelines import file_sync_pipeline
from penstock.store import firing
from penstock.store.database import Database


class Scheduler:
    """One round fires one schedule."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def round(self) -> bool:
        """Returns whether a schedule was due."""

        async def work(conn: AsyncConnection) -> bool:
            due = await firing.next_due(conn)
            if due is None:
                return False
            # After downtime only the latest missed slot fires.
            latest = schedule.latest_slot(due.cron, due.time_zone, due.now)
            slot = max(due.slot or latest, latest)
            pipeline_id, under_way = await file_sync_pipeline(conn, due.instance_id, None)
            await firing.fire(
                conn, due.id, slot, None if under_way else pipeline_id, "skipped" if under_way else "fired"
            )
            following = schedule.next_slot(due.cron, due.time_zone, due.now)
            await firing.set_next(conn, due.id, following, following + dt.timedelta(seconds=due.jitter_seconds))
            return True

        return await self._database.run(work)
