"""What the databases of a pipeline have already, as far as we applied it, beside what they are about to get."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.releases import REPEATABLE
from penstock.store.tables.catalog import database, environment, instance
from penstock.store.tables.changes import change, release_change
from penstock.store.tables.pipelines import pipeline, stage, task, task_change

_GENERATED = "^[0-9a-f]{8}-[0-9a-f]{4}-7"


@dataclass
class History:
    """What concerns the databases of one environment.

    Args:
        coming: versions in the order of their releases, without those that Penstock made up.
        applied: by ``instance/database``, the versions that it has.
    """

    coming: list[str] = field(default_factory=list)
    applied: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


async def of_tasks(conn: AsyncConnection, where: sa.ColumnElement[bool]) -> dict[str, History]:
    """By environment, what some tasks are about to apply and what their databases have.

    Args:
        where: a condition on ``task``; its tasks are of one pipeline.
    """
    here = task.join(stage, stage.c.id == task.c.stage_id).join(environment, environment.c.id == stage.c.environment_id)
    coming = await conn.execute(
        sa.select(environment.c.slug, change.c.version)
        .select_from(
            here.join(release_change, release_change.c.release_id == task.c.release_id).join(
                change, change.c.id == release_change.c.change_id
            )
        )
        .where(
            where,
            change.c.version.regexp_match(_GENERATED).is_(False),
            ~change.c.version.startswith(REPEATABLE, autoescape=True),
            sa.or_(change.c.environments.is_(None), environment.c.slug == sa.any_(change.c.environments)),
        )
        .group_by(environment.c.slug, release_change.c.release_id, release_change.c.position, change.c.version)
        .order_by(environment.c.slug, release_change.c.release_id, release_change.c.position)
    )
    found: dict[str, History] = defaultdict(History)
    for slug, version in coming:
        found[slug].coming.append(version)
    if not found:
        return found
    targets = (
        sa.select(environment.c.slug, task.c.database_id, pipeline.c.project_id)
        .select_from(here.join(pipeline, pipeline.c.id == stage.c.pipeline_id))
        .where(where)
        .distinct()
        .cte("targets")
    )
    earlier, its_stage, its_pipeline = task.alias("earlier"), stage.alias("its_stage"), pipeline.alias("its_pipeline")
    applied = await conn.execute(
        sa.select(targets.c.slug, instance.c.slug, database.c.name, task_change.c.version)
        .select_from(
            targets.join(database, database.c.id == targets.c.database_id)
            .join(instance, instance.c.id == database.c.instance_id)
            .join(earlier, earlier.c.database_id == database.c.id)
            .join(its_stage, its_stage.c.id == earlier.c.stage_id)
            .join(
                its_pipeline,
                sa.and_(
                    its_pipeline.c.id == its_stage.c.pipeline_id,
                    its_pipeline.c.project_id == targets.c.project_id,  # each project has a history of its own
                ),
            )
            .join(task_change, task_change.c.task_id == earlier.c.id)
        )
        .where(
            task_change.c.state.in_(("applied", "already_applied")),
            task_change.c.version.regexp_match(_GENERATED).is_(False),
            ~task_change.c.version.startswith(REPEATABLE, autoescape=True),
        )
        .distinct()
    )
    for slug, on, name, version in applied:
        found[slug].applied[f"{on}/{name}"].add(version)
    return found
