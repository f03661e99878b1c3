"""What the catalogs of its databases say about a stage, as it is stored for its gates and its readers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.pipeline.spec import CHANGE
from penstock.review.in_catalog import Look, Reviewed, asks, findings
from penstock.review.rule import MYSQL
from penstock.store.rows import Record
from penstock.store.tables.catalog import database, environment, instance
from penstock.store.tables.changes import change, release_change
from penstock.store.tables.pipelines import stage, task

NOBODY: Final = "nobody has looked yet."


@dataclass(frozen=True, slots=True)
class Place:
    """A database that a stage's tasks change."""

    id: int
    name: str
    instance_id: int
    instance: str
    engine: str

    def __str__(self) -> str:
        return f"{self.instance}/{self.name}"


async def findings_of(conn: AsyncConnection, stage_id: int, looks: Sequence[Look] | None) -> list[Record]:
    """What follows from the catalogs, with the version of the change, as it is stored.

    Args:
        looks: of every database of the stage on which something depends; None when nobody has looked.
    """
    changes = await changes_of(conn, stage_id)
    if looks is None:
        if not any(asks(changes, engine) for engine in MYSQL):
            return []
        looks = [Look(str(p), p.engine, None, NOBODY) for p in await places_of(conn, stage_id, MYSQL)]
    found = findings(changes, looks)
    return [{"change": version, **msgspec.to_builtins(finding)} for version, finding in found]


async def changes_of(conn: AsyncConnection, stage_id: int) -> list[Reviewed]:
    """The changes that a stage's tasks apply in its environment, each once."""
    applied = (
        sa.select(task.c.release_id)
        .where(task.c.stage_id == stage_id, task.c.type == CHANGE, task.c.release_id.is_not(None))
        .distinct()
    )
    slug = (
        sa.select(environment.c.slug)
        .join(stage, stage.c.environment_id == environment.c.id)
        .where(stage.c.id == stage_id)
        .scalar_subquery()
    )
    rows = await conn.execute(
        sa.select(change.c.id, change.c.version, change.c.engine, change.c.steps)
        .join(release_change, release_change.c.change_id == change.c.id)
        .where(
            release_change.c.release_id.in_(applied),
            sa.or_(change.c.environments.is_(None), slug == sa.any_(change.c.environments)),
        )
        .order_by(release_change.c.release_id, release_change.c.position)
    )
    return list({r.id: Reviewed(r.version, r.engine, r.steps) for r in rows}.values())


async def places_of(conn: AsyncConnection, stage_id: int, engines: Collection[str] | None = None) -> list[Place]:
    """The databases that a stage's tasks change.

    Args:
        engines: only those of these engines.
    """
    wanted = [database.c.id.in_(_changed(stage_id))]
    if engines is not None:
        wanted.append(instance.c.engine.in_(sorted(engines)))
    rows = await conn.execute(
        sa.select(database.c.id, database.c.name, instance.c.id.label("on"), instance.c.slug, instance.c.engine)
        .join(instance, instance.c.id == database.c.instance_id)
        .where(*wanted)
        .order_by(instance.c.slug, database.c.name)
    )
    return [Place(r.id, r.name, r.on, r.slug, r.engine) for r in rows]


def _changed(stage_id: int) -> sa.Select[tuple[int]]:
    return sa.select(task.c.database_id).where(task.c.stage_id == stage_id, task.c.type == CHANGE)


async def stored(conn: AsyncConnection, pipeline_id: int) -> list[Record]:
    """The findings that are stored with a pipeline's stages, in their order."""
    rows = await conn.execute(
        sa.select(stage.c.catalog_findings).where(stage.c.pipeline_id == pipeline_id).order_by(stage.c.position)
    )
    return [finding for (found,) in rows for finding in found]
