"""The facts on which an approval tier's escalations decide: of the latest review of a stage, stored with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.pipeline.spec import CHANGE
from penstock.review.reach import Reach, Size, facts, reach
from penstock.review.rules.unparsable import RULE as UNPARSABLE
from penstock.store.rows import Record
from penstock.store.tables.catalog import environment
from penstock.store.tables.changes import change, release_change
from penstock.store.tables.pipelines import stage, task

_UNPARSED: Final = [{"rule": UNPARSABLE.id}]
Sizes = Mapping[str, Mapping[str, Size | None]]  # database -> table -> its size, None when there is none


async def of_stage(conn: AsyncConnection, stage_id: int, sizes: Sizes | None = None) -> Record:
    """What is known of a stage's changes, as it is stored in ``stage.review_facts``.

    Args:
        sizes: of the tables that ``reached`` names, in every database of the stage; None when nobody measured.
    """
    found = facts(await reached(conn, stage_id), sizes)
    unparsed = await conn.scalar(_changes(stage_id).where(change.c.findings.contains(_UNPARSED)).limit(1))
    stored: Record = msgspec.to_builtins(msgspec.structs.replace(found, unparsed=unparsed))
    return stored


async def reached(conn: AsyncConnection, stage_id: int) -> Reach:
    """What the changes reach that a stage's tasks apply in its environment."""
    rows = await conn.execute(_changes(stage_id).add_columns(change.c.statements, change.c.steps))
    return reach([(r.version, r.statements, r.steps) for r in rows])


def _changes(stage_id: int) -> sa.Select[tuple[str]]:
    """The versions of the changes that a stage's tasks apply in its environment, in order."""
    applied = (
        sa.select(task.c.release_id)
        .where(task.c.stage_id == stage_id, task.c.type == CHANGE, task.c.release_id.is_not(None))
        .distinct()
    )
    place = (
        sa.select(environment.c.slug)
        .join(stage, stage.c.environment_id == environment.c.id)
        .where(stage.c.id == stage_id)
        .scalar_subquery()
    )
    return (
        sa.select(change.c.version)
        .join(release_change, release_change.c.change_id == change.c.id)
        .where(
            release_change.c.release_id.in_(applied),
            sa.or_(change.c.environments.is_(None), place == sa.any_(change.c.environments)),
        )
        .order_by(release_change.c.release_id, release_change.c.position)
    )


async def write(conn: AsyncConnection, stage_id: int, sizes: Sizes | None = None) -> None:
    """Store what is known of a stage's changes; under the pipeline's lock, before its gates are asked again."""
    values = {"review_facts": await of_stage(conn, stage_id, sizes)}
    await conn.execute(sa.update(stage).where(stage.c.id == stage_id).values(values))
