"""Gives committed events their position and seals the audit chain; any process may do it, one at a time."""

from __future__ import annotations

from penstock.services import metrics
from penstock.store import outbox
from penstock.store.database import Database


class Sequencer:
    """One round stamps and seals one batch each."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def round(self) -> bool:
        """Returns whether a full batch was found, so that there is more to do at once."""
        stamped = await self._database.run_straight(outbox.TAKE_TURN, outbox.stamp)
        if stamped is None:
            return False
        metrics.events_stamped.inc(stamped.events)
        sealed = await self._database.run(outbox.seal) if stamped.unsealed else 0
        return outbox.BATCH in (stamped.events, sealed)
