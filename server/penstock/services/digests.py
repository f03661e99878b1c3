"""Digests of tasks and stages, written anew when what they cover changes: the release, or where a target is."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import digest
from penstock.services import filing
from penstock.services.progress import Progress
from penstock.store import issues
from penstock.store.tables.catalog import database
from penstock.store.tables.changes import release
from penstock.store.tables.pipelines import pipeline, stage, task

# What has started keeps the digest under which it did.
_NOT_STARTED = ("waiting", "ready", "failed", "canceled", "skipped")


async def write(conn: AsyncConnection, pipeline_id: int) -> None:
    """Work out the digests of a locked pipeline's tasks that have not started, and of their stages.

    A stage whose digest changes loses its permit and has to be run again where somebody must; approvals of the old
    digest are stale by themselves.
    """
    rows = (
        await conn.execute(
            sa.select(task, release.c.digest.label("release_digest"))
            .outerjoin(release, release.c.id == task.c.release_id)
            .where(task.c.pipeline_id == pipeline_id)
            .order_by(task.c.stage_id, task.c.position)
        )
    ).all()
    ids = {r.database_id for r in rows if r.database_id is not None}
    known = {t.id: t for t, _ in await issues.targets(conn, database.c.id.in_(ids))}
    stages: dict[int, list[str]] = {}
    changed = []
    for row in rows:
        new = row.digest
        if row.status in _NOT_STARTED and row.database_id in known:
            new = filing.task_digest(row.type, row.release_digest, row.options, known[row.database_id])
        if new != row.digest:
            changed.append({"task": row.id, "new_digest": new})
        stages.setdefault(row.stage_id, []).append(new)
    if not changed:
        return
    await conn.execute(
        sa.update(task).where(task.c.id == sa.bindparam("task")).values(digest=sa.bindparam("new_digest")), changed
    )
    for stage_id, digests in stages.items():
        new = digest.of_stage(digests)
        await conn.execute(
            sa.update(stage)
            .where(stage.c.id == stage_id, stage.c.digest != new)
            .values(
                digest=new,
                findings=await filing.stage_findings(conn, stage_id),
                advanced_at=None,
                advanced_by=None,
            )
        )


async def instance_moved(conn: AsyncConnection, instance_id: int) -> None:
    """An instance is somewhere else now: what was approved for the old place has to be approved for the new one."""
    ids = await conn.scalars(
        sa.select(task.c.pipeline_id)
        .join(pipeline, pipeline.c.id == task.c.pipeline_id)
        .where(task.c.instance_id == instance_id, task.c.status.in_(_NOT_STARTED), pipeline.c.status == "open")
        .distinct()
        .order_by(task.c.pipeline_id)
    )
    for pipeline_id in ids.all():
        progress = await Progress.begin(conn, pipeline_id)
        await write(conn, pipeline_id)
        await progress.advance()
        await progress.finish()
