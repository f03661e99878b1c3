"""Asks gates again when their answer may have changed by itself, or by something outside their pipeline; and goes on
with what was too much for one transaction."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.services import errands
from penstock.services.progress import Progress
from penstock.store import pipelines
from penstock.store.database import Database

BATCH = 100


class Gatekeeper:
    """One round does one errand, and handles the pipelines whose wake-up is due."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def round(self) -> bool:
        """Returns whether there is more to do at once."""
        more = await self._database.run(errands.do_one)
        async with self._database.connect() as conn:
            due = await pipelines.due(conn, BATCH)
        for pipeline_id in due:

            async def work(conn: AsyncConnection, pipeline_id: int = pipeline_id) -> bool:
                progress = await Progress.begin(conn, pipeline_id)
                progress.woken = True
                await pipelines.clear_due(conn, pipeline_id)
                await progress.advance()
                await progress.finish()
                return progress.moves.more

            more |= await self._database.run(work)
        return more or len(due) == BATCH
