"""What is remembered of tasks that make a database, and the database's row in the catalog."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.pipeline.creation import NewDatabase
from penstock.store import queue
from penstock.store.rows import Record, fetch
from penstock.store.tables.catalog import database, instance
from penstock.store.tables.pipelines import task


async def wanted(conn: AsyncConnection, task_id: int) -> tuple[NewDatabase, bool]:
    """What a task is to make, and whether an attempt of it may have sent for it; see `intend`."""
    row = (await conn.execute(sa.select(task.c.options, task.c.intended_at).where(task.c.id == task_id))).one()
    return NewDatabase.of_options(row.options), row.intended_at is not None


async def intend(conn: AsyncConnection, claimed: queue.Claimed, *, intended: bool) -> bool:
    """Remember that an attempt, which holds the lock and saw no such database, sends for it now; or, that what it sent
    for was not made.

    Returns:
        False when the lease is lost, or somebody cancels the task: then nothing may be sent.
    """
    values = {"intended_at": sa.func.statement_timestamp() if intended else None}
    allowed = ("running",) if intended else ("running", "canceling")
    own = (*queue.fence(claimed), task.c.status.in_(allowed))
    return (await conn.execute(sa.update(task).where(*own).values(values))).rowcount == 1


async def forget(conn: AsyncConnection, task_id: int) -> None:
    """Somebody has said what became of a task: what an attempt of it had sent for does not matter any more."""
    await conn.execute(sa.update(task).where(task.c.id == task_id).values(intended_at=None))


# Nothing is known of what it will be: what was expected of another one that had its name does not count.
_EXPECTED: Final = ("expected", "expected_since", "expected_because", "expected_read_at", "expected_reading")
_ADD: Final = sa.text(
    f"""
    INSERT INTO database AS known (instance_id, name, project_id) VALUES (:instance, :name, :project)
    ON CONFLICT (instance_id, name) DO UPDATE
    SET project_id = coalesce(known.project_id, excluded.project_id), vanished_at = NULL,
        fingerprint = CASE WHEN known.vanished_at IS NULL THEN known.fingerprint END,
        tables = CASE WHEN known.vanished_at IS NULL THEN known.tables END,
        {", ".join(f"{c} = CASE WHEN known.vanished_at IS NULL THEN known.{c} END" for c in _EXPECTED)}
    RETURNING project_id
    """
)


async def add(conn: AsyncConnection, instance_id: int, project_id: int | None, name: str) -> bool:
    """Put a database that was made into the catalog, for the task's project.

    Returns:
        False when it belongs to another project: a sync has found it, and somebody was faster.
    """
    given = {"instance": instance_id, "name": name, "project": project_id}
    return bool(await conn.scalar(_ADD, given) == project_id)


async def known(conn: AsyncConnection, names: list[tuple[str, str]]) -> list[Record]:
    """Those of some databases, each an instance and a name, that the catalog has, dropped ones included."""
    if not names:
        return []
    query = (
        sa.select(instance.c.slug, database.c.name, database.c.project_id, database.c.vanished_at)
        .join(instance, instance.c.id == database.c.instance_id)
        .where(sa.tuple_(instance.c.slug, database.c.name).in_(names))
    )
    return await fetch(conn, query)
