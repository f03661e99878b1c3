"""What a runner tells about tasks: started, given back, ended.  Each is one transaction for a whole batch of one
pipeline."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import events
from penstock.services.progress import Progress, task_ended
from penstock.store import pipelines, queue, runs
from penstock.store.database import Database


class Attempts:
    """The lives of attempts, as the metadata database sees them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def start(self, pipeline_id: int, claims: Sequence[queue.Claimed]) -> set[int]:
        """Move claimed tasks to running where lease and permit stand; give the others back to their gates.

        Returns:
            Ids of the tasks that run now.
        """

        async def work(conn: AsyncConnection) -> set[int]:
            return await self._start(await Progress.lock(conn, pipeline_id), claims)

        return await self._database.run(work)

    async def take(self, runner_id: uuid.UUID, limit: int, lease_seconds: float) -> list[queue.Claimed]:
        """Claim what could run now and start it, in one transaction, so that nothing comes between.

        Returns:
            Tasks that run now, ``limit`` at most.
        """

        async def work(conn: AsyncConnection) -> list[queue.Claimed]:
            by_pipeline: dict[int, list[queue.Claimed]] = {}
            for claimed in await queue.claim(conn, runner_id, limit, lease_seconds):
                by_pipeline.setdefault(claimed.pipeline_id, []).append(claimed)
            taken: list[queue.Claimed] = []
            for pipeline_id, claims in sorted(by_pipeline.items()):
                # Claiming has locked the pipeline, and found it open.
                head = pipelines.Head(pipeline_id, claims[0].project_id, claims[0].issue_id, "open")
                started = await self._start(Progress(conn, head), claims)
                taken += [c for c in claims if c.id in started]
            return taken

        return await self._database.run(work)

    async def _start(self, progress: Progress, claims: Sequence[queue.Claimed]) -> set[int]:
        conn = progress.conn
        moved = await runs.start(conn, claims)
        started = {m.id for m in moved}
        left = [c for c in claims if c.id not in started]
        given_back = await runs.give_back(conn, left) if left else []
        canceled = await runs.cancel_unsent(conn, left) if left else []
        for m in moved:
            progress.event(events.TASK_START, task=m.id, name=m.name, attempt=m.attempt)
        task_ended(progress, canceled, outcome="canceled")
        if given_back or canceled:
            await progress.advance()
        await progress.finish()
        return started

    async def end(self, pipeline_id: int, ends: Sequence[runs.End]) -> set[int]:
        """Write how attempts ended, announce it, and let the pipeline go on.

        The cost of one finished task does not depend on how many tasks its pipeline has: only the end of a stage, a
        task of a sequential one, or an attempt that is to be made again, has the gates asked again.

        Returns:
            Ids of the tasks about which we had the right to say so.
        """

        async def work(conn: AsyncConnection) -> set[int]:
            progress = await Progress.lock(conn, pipeline_id)
            written = await runs.end(conn, ends)
            for end, moved in written:
                if end.to != "ready":
                    data: dict[str, Any] = {"failure": end.failure} if end.failure else {}
                    task_ended(progress, [moved], outcome=end.to, **data)
            again = any(e.to == "ready" for e, _ in written)
            touched = await runs.stages_touched(conn, sorted({m.stage_id for _, m in written}))
            if again or any(s.over or s.sequential for s in touched):
                await progress.advance()
            await progress.finish()
            return {m.id for _, m in written}

        return await self._database.run(work)
