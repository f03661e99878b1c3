"""Throws away what nobody can use any more: expired sessions and logins by browser, failed logins of yesterday, answers
kept for old idempotency keys, messages that plugins got long ago, syncs and drifts of long ago, schemas that nothing
refers to, and what a process that died has left of a pipeline that it was storing."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Awaitable, Callable
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.services import submission
from penstock.services.idempotency import KEEP
from penstock.store import (
    credentials,
    device_logins,
    idempotency,
    plugins,
    repositories,
    retention,
    snapshots,
    unfinished,
)
from penstock.store.database import Database

EVERY_SECONDS: Final = 600.0
ATTEMPTS_KEPT: Final = dt.timedelta(days=1)  # to log in; those of the last quarter of an hour count
DELIVERIES_KEPT: Final = dt.timedelta(days=30)
HOOKS_KEPT: Final = dt.timedelta(days=90)  # a replay is known for that long
SLOTS_KEPT: Final = dt.timedelta(days=30)
SLOTS_KEPT_ALWAYS: Final = 20  # of each schedule, however old
DRIFTS_KEPT: Final = dt.timedelta(days=365)  # since they ended
UNFINISHED_KEPT: Final = dt.timedelta(hours=1)  # since the last part of a pipeline was stored
BATCH: Final = 900  # rows that go in one transaction


class Janitor:
    """One round cleans at most once in ten minutes; any process may do it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._next = 0.0

    async def round(self) -> bool:
        """Returns False: there is never more to do at once."""
        if time.monotonic() >= self._next:
            await self._all(lambda conn: idempotency.purge(conn, KEEP, BATCH))
            await self._all(lambda conn: credentials.delete_expired_sessions(conn, BATCH))
            await self._all(lambda conn: credentials.forget_old_attempts(conn, ATTEMPTS_KEPT, BATCH))
            await self._all(lambda conn: device_logins.forget(conn, BATCH))
            await self._all(lambda conn: plugins.forget(conn, DELIVERIES_KEPT, BATCH))
            await self._all(lambda conn: repositories.forget(conn, HOOKS_KEPT, BATCH))
            await self._all(lambda conn: retention.forget_slots(conn, SLOTS_KEPT, SLOTS_KEPT_ALWAYS, BATCH))
            while await self._database.run(lambda conn: retention.forget_pipelines(conn, SLOTS_KEPT)):
                pass
            await self._all(lambda conn: snapshots.forget_drifts(conn, DRIFTS_KEPT, BATCH))
            await self._all(lambda conn: snapshots.forget_contents(conn, BATCH))
            await self._unfinished()
            self._next = time.monotonic() + EVERY_SECONDS
        return False

    async def _all(self, some: Callable[[AsyncConnection], Awaitable[int]]) -> None:
        while await self._database.run(some) == BATCH:
            pass

    async def _unfinished(self) -> None:
        async with self._database.connect() as conn:
            left = await unfinished.leftovers(conn, UNFINISHED_KEPT, BATCH)
        for pipeline_id in left:
            await submission.discard(self._database, pipeline_id)
