"""Tells whether this process can work: the metadata database answers, with the schema of this version."""

from __future__ import annotations

import asyncio
from typing import Final

import sqlalchemy as sa

from penstock.domain.errors import Unavailable
from penstock.store import migrate
from penstock.store.database import Database

_SECONDS: Final = 3.0


class Readiness:
    """Asked often by whoever balances the load, so what cannot change back is asked once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._migrated = False

    async def check(self) -> None:
        """Return when the process can work.

        Raises:
            Unavailable: migrations are missing.
            SchemaIsNewer: the database belongs to a newer version.
            DBAPIError, OSError, TimeoutError: it does not answer.
        """
        async with asyncio.timeout(_SECONDS):
            async with self._database.connect() as conn:
                await conn.execute(sa.text("SELECT 1"))
            if not self._migrated:
                if missing := await migrate.check(self._database.url):
                    raise Unavailable(f"The metadata database lacks migrations: {', '.join(missing)}.")
                self._migrated = True
