"""Throws away what nobody can use any more: expired sessions, and answers kept for old idempotency keys."""

from __future__ import annotations

import time
from typing import Final

from penstock.services.idempotency import KEEP
from penstock.store import credentials, idempotency
from penstock.store.database import Database

EVERY_SECONDS: Final = 600.0


class Janitor:
    """One round cleans at most once in ten minutes; any process may do it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._next = 0.0

    async def round(self) -> bool:
        """Returns False: there is never more to do at once."""
        if time.monotonic() >= self._next:
            await self._database.run(lambda conn: idempotency.purge(conn, KEEP))
            await self._database.run(credentials.delete_expired_sessions)
            self._next = time.monotonic() + EVERY_SECONDS
        return False
