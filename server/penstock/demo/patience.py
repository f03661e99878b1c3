"""Waiting for what the runner does, without ever waiting for nothing."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Awaitable, Callable
from typing import Final

import sqlalchemy as sa

from penstock.domain.errors import PenstockError
from penstock.store.credentials import NOW
from penstock.store.database import Database
from penstock.store.tables.pipelines import runner

DEADLINE_SECONDS: Final = 120.0
_POLL_SECONDS: Final = 0.1


class Unfinished(PenstockError):
    """A part of the demo could not be made now."""

    code = "demo_unfinished"


class Patience:
    """Waits while there is a runner that could do the work, and no longer than a deadline.

    Args:
        lease_seconds: a runner that has given no sign of life for this long counts as gone.
    """

    def __init__(self, database: Database, *, lease_seconds: float) -> None:
        self._database = database
        self._lease = dt.timedelta(seconds=lease_seconds)

    async def until(self, what: str, done: Callable[[], Awaitable[bool]]) -> None:
        """Ask again and again until the answer is yes.

        Args:
            what: what is waited for, for messages.
            done: whether it has happened.

        Raises:
            Unfinished: no runner is there, or it takes too long.
        """
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not await done():
            if not await self._runner_lives():
                raise Unfinished(f"{what} needs a runner, and none is running.")
            if time.monotonic() > deadline:
                raise Unfinished(f"{what} took longer than {DEADLINE_SECONDS:g} s.")
            await asyncio.sleep(_POLL_SECONDS)

    async def _runner_lives(self) -> bool:
        async with self._database.connect() as conn:
            lives = sa.exists().where(runner.c.beat_at > NOW - self._lease, ~runner.c.draining)
            return bool(await conn.scalar(sa.select(lives)))
