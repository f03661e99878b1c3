"""Gives tasks another release, or the digest of where their target is now, a part of a stage in each transaction.

While a stage is being rewritten its review is unfinished, so nothing of it starts.  Its own digest is written with
the last part: until then, what somebody approves is stale when it is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.pipeline.spec import CHANGE, CREATE
from penstock.services import creations, filing
from penstock.store import issues, pipelines, tasks
from penstock.store.tables.catalog import database, instance
from penstock.store.tables.changes import release
from penstock.store.tables.pipelines import stage, task

ROWS: Final = 450  # tasks that one transaction writes
# What has started keeps the digest under which it did.
NOT_STARTED: Final = ("waiting", "ready", "failed", "canceled", "skipped")


async def begin(
    conn: AsyncConnection,
    condition: sa.ColumnElement[bool],
    *,
    old: int | None = None,
    new: int | None = None,
    task_id: int | None = None,
) -> None:
    """Mark stages: their tasks are to be written anew, from the first on.

    Args:
        condition: which stages; all of one pipeline whose lock the caller has.
        old, new: the release that is replaced, and by which.
        task_id: replace that task's release alone, whichever it is.
    """
    mark = {"after": -1, "old": old, "new": new, "task": task_id}
    await conn.execute(sa.update(stage).where(condition).values(rewriting=mark))


async def some(conn: AsyncConnection, found: pipelines.Stage, limit: int) -> tuple[int, bool]:
    """Write a part of a stage's tasks.

    Returns:
        How many were looked at, and whether that was the last part.
    """
    mark = found.rewriting
    assert mark is not None
    rows = (
        await conn.execute(
            sa.select(task.c.id, task.c.position, task.c.type, task.c.status, task.c.options, task.c.digest)
            .add_columns(task.c.database_id, task.c.release_id, release.c.digest.label("release_digest"))
            .add_columns(task.c.instance_id)
            .add_columns(instance.c.engine, instance.c.host, instance.c.port, instance.c.identity)
            .join(instance, instance.c.id == task.c.instance_id)
            .outerjoin(release, release.c.id == task.c.release_id)
            .where(task.c.stage_id == found.id, task.c.position > mark["after"])
            .order_by(task.c.position)
            .limit(limit)
        )
    ).all()
    await _write(conn, rows, mark)
    if len(rows) == limit:
        await pipelines.set_marks(conn, found.id, rewriting={**mark, "after": rows[-1].position})
        return len(rows), False
    await _end(conn, found)
    return len(rows), True


async def _write(conn: AsyncConnection, rows: Any, mark: Mapping[str, Any]) -> None:
    ids = {r.database_id for r in rows if r.database_id is not None}
    some = database.c.id == sa.any_(sa.cast(sorted(ids), pg.ARRAY(sa.BigInteger)))
    targets = {t.id: t for t, _ in await issues.targets(conn, some)}
    new_digest = None
    if mark["new"] is not None:
        new_digest = await conn.scalar(sa.select(release.c.digest).where(release.c.id == mark["new"]))
    changed: list[tuple[int, int | None, str]] = []
    for row in rows:
        if row.status not in NOT_STARTED or (row.database_id not in targets and row.type != CREATE):
            continue
        release_id, release_digest = row.release_id, row.release_digest
        meant = row.id == mark["task"] if mark.get("task") else release_id == mark["old"]
        if mark["new"] is not None and meant and row.type == CHANGE:
            release_id, release_digest = mark["new"], new_digest
        if row.type == CREATE:
            digest = creations.task_digest(row.options, row._mapping)
        else:
            digest = filing.task_digest(row.type, release_digest, row.options, targets[row.database_id])
        if (release_id, digest) != (row.release_id, row.digest):
            changed.append((row.id, release_id, digest))
    if changed:
        # Slots come before tasks: who has an instance's may be about to make one of these claimable, and a stage whose
        # digest changes takes its ready tasks back, which needs the slots.
        await tasks.lock_slots(conn, {row.instance_id for row in rows if row.status == "ready"})
        columns = list(zip(*changed, strict=True))
        given = sa.func.unnest(
            sa.cast(list(columns[0]), pg.ARRAY(sa.BigInteger)),
            sa.cast(list(columns[1]), pg.ARRAY(sa.BigInteger)),
            sa.cast(list(columns[2]), pg.ARRAY(sa.Text)),
        )
        names = (sa.column("id", sa.BigInteger), sa.column("release_id", sa.BigInteger), sa.column("digest", sa.Text))
        source = given.table_valued(*names, name="given").render_derived()
        await conn.execute(
            sa.update(task)
            .where(task.c.id == source.c.id)
            .values(release_id=source.c.release_id, digest=source.c.digest)
        )


async def _end(conn: AsyncConnection, found: pipelines.Stage) -> None:
    """The stage's own digest; when it is another one, somebody has to approve and run the stage anew."""
    await pipelines.set_marks(conn, found.id, rewriting=None)
    digest = await filing.stage_digest(conn, found.id)
    if digest != found.digest:
        values = {"digest": digest, "advanced_at": None, "advanced_by": None}
        await conn.execute(sa.update(stage).where(stage.c.id == found.id).values(values))
        await filing.review_stage(conn, found.id)
