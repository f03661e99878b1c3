"""Reading pipelines, stages, tasks, runs and logs as one caller may see them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.access.decide import Principal, allowed
from penstock.domain.errors import NotFound
from penstock.services import views
from penstock.services.rollout import require_pipeline
from penstock.store import pipelines, releases, task_reads
from penstock.store.database import Database
from penstock.store.rows import Cut, Record, Slice, page
from penstock.store.tables.catalog import instance
from penstock.store.tables.pipelines import pipeline, task


class Pipelines:
    """The execution side of issues, and pipelines without one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, principal: Principal, pipeline_id: int) -> Record:
        """A pipeline with its stages and the gates' live answer."""
        async with self._database.connect() as conn:
            return await views.pipeline(conn, principal, await self._visible(conn, principal, pipeline_id))

    async def stage(self, principal: Principal, pipeline_id: int, name: str) -> Record:
        """One stage of a pipeline."""
        shown = await self.get(principal, pipeline_id)
        for stage in shown["stages"]:
            if stage["name"] == name:
                found: Record = stage
                return found
        raise NotFound(f"Pipeline {pipeline_id} has no stage {name}.")

    async def of_instance(self, principal: Principal, slug: str, cut: Cut) -> Slice:
        """The pipelines without an issue that worked on an instance, newest first."""
        require_pipeline(principal, None, "pipeline.read")
        async with self._database.connect() as conn:
            worked = sa.exists(
                sa.select(task.c.id)
                .join(instance, instance.c.id == task.c.instance_id)
                .where(task.c.pipeline_id == pipeline.c.id, instance.c.slug == slug)
            )
            query = sa.select(pipeline.c.id).where(pipeline.c.project_id.is_(None), pipeline.c.started, worked)
            found = await page(conn, query, [pipeline.c.id], cut, descending=True)
            loaded = await pipelines.load(conn, [r["id"] for r in found.records], for_gates=False)
        return Slice([views.pipeline_summary(loaded[r["id"]]) for r in found.records], found.next_key)

    async def tasks(
        self, principal: Principal, pipeline_id: int, cut: Cut, *, stage: str | None, status: str | None
    ) -> Slice:
        """Tasks of a pipeline, failed ones first."""
        async with self._database.connect() as conn:
            await self._visible(conn, principal, pipeline_id)
            found = await task_reads.listing(conn, cut, pipeline_id=pipeline_id, stage_name=stage, status=status)
        return Slice([views.task_summary(principal, r) for r in found.records], found.next_key)

    async def task(self, principal: Principal, task_id: int) -> Record:
        """One task: why it waits, what became of each change, its runs."""
        async with self._database.connect() as conn:
            found = await task_reads.by_id(conn, task_id)
            if found is None or not self._sees(principal, found["project_id"]):
                raise NotFound(f"There is no task {task_id}.")
            changes = await releases.headers_of(conn, found["release_id"]) if found["release_id"] is not None else []
            return await views.task(conn, principal, found, changes)

    async def run(self, principal: Principal, run_id: int) -> Record:
        """One run of a task."""
        async with self._database.connect() as conn:
            found = await task_reads.run(conn, run_id)
        if found is None or not self._sees(principal, found.pop("project_id")):
            raise NotFound(f"There is no run {run_id}.")
        return found

    async def log(self, principal: Principal, run_id: int, *, after: int, limit: int) -> Record:
        """Lines of a run's log after a sequence number; ``ended`` when no more will come."""
        run = await self.run(principal, run_id)
        async with self._database.connect() as conn:
            lines = await task_reads.log(conn, run_id, after, limit)
        return {
            "items": lines,
            "next_after": lines[-1]["seq"] if lines else after,
            "ended": run["ended_at"] is not None and (not lines or lines[-1]["seq"] >= run["last_seq"]),
        }

    def _sees(self, principal: Principal, project_id: int | None) -> bool:
        if project_id is None:
            return allowed(principal, "instance.read")
        return allowed(principal, "pipeline.read", project_id)

    async def _visible(self, conn: AsyncConnection, principal: Principal, pipeline_id: int) -> pipelines.Pipeline:
        found = (await pipelines.load(conn, [pipeline_id])).get(pipeline_id)
        if found is None or not self._sees(principal, found.project_id):
            raise NotFound(f"There is no pipeline {pipeline_id}.")
        return found
