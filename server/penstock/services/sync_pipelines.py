"""Pipelines without an issue that read the schema of one instance: filed by schedules and by "Sync now"."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import digest, events
from penstock.domain.errors import NotFound
from penstock.domain.pipeline.spec import SYNC
from penstock.services import filing
from penstock.services.progress import Progress
from penstock.store.tables.catalog import environment, instance
from penstock.store.tables.pipelines import pipeline, task
from penstock.store.tasks import instance_slot


def sync_digest(instance_id: int, engine: str, host: str, port: int) -> str:
    """Digest of a task that reads an instance."""
    target = {"engine": engine, "host": host, "port": port, "instance": instance_slot(instance_id)}
    return digest.of_task(SYNC, None, {}, target)


async def file_sync_pipeline(conn: AsyncConnection, instance_id: int, actor_id: int | None) -> tuple[int, bool]:
    """File a pipeline with one ``schema.sync`` task bound to the instance and to no database.

    Returns:
        (pipeline id, whether it is one that was under way already: then nothing was filed).
    """
    found = (
        await conn.execute(
            sa.select(
                instance.c.slug,
                instance.c.engine,
                instance.c.host,
                instance.c.port,
                instance.c.environment_id,
                environment.c.slug.label("environment"),
            )
            .join(environment, environment.c.id == instance.c.environment_id)
            .where(instance.c.id == instance_id)
            .with_for_update(of=instance, key_share=True)
        )
    ).one_or_none()
    if found is None:
        raise NotFound(f"There is no instance {instance_id}.")
    under_way = await conn.scalar(
        sa.select(task.c.pipeline_id)
        .join(pipeline, pipeline.c.id == task.c.pipeline_id)
        .where(
            task.c.instance_id == instance_id,
            task.c.type == SYNC,
            task.c.status.not_in(("succeeded", "failed", "canceled", "skipped")),
        )
        .order_by(task.c.id.desc())
        .limit(1)
    )
    if under_way is not None:
        return under_way, True
    new = filing.NewTask(
        name=found.slug,
        type=SYNC,
        instance_id=instance_id,
        database_id=None,
        release_id=None,
        digest=sync_digest(instance_id, found.engine, found.host, found.port),
    )
    stage = filing.NewStage(name=found.environment, environment_id=found.environment_id, tasks=[new])
    pipeline_id = await filing.insert_pipeline(conn, None, [stage])
    progress = await Progress.begin(conn, pipeline_id)
    progress.event(events.PIPELINE_START, actor_id=actor_id, attempt=1, instance=found.slug)
    await progress.advance()
    await progress.finish()
    return pipeline_id, False
