"""What people said of tasks whose outcome nobody could know."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.store.rows import Record, fetch, person
from penstock.store.tables.accounts import account
from penstock.store.tables.pipelines import settlement, task, task_change
from penstock.store.tasks import IN_DOUBT

_LOCK_CLASS: Final = 0x70656E53  # "penS"


async def take(conn: AsyncConnection, task_id: int) -> bool:
    """Reserve the settling of a task for this transaction; False when another one has it."""
    key = sa.cast(sa.func.hashint8(task_id), sa.Integer)
    return bool(await conn.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(_LOCK_CLASS, key))))


async def in_doubt(conn: AsyncConnection, task_id: int) -> bool:
    """Whether the task's next attempt has to find out how its last one ended."""
    return await conn.scalar(sa.select(task.c.id).where(task.c.id == task_id, IN_DOUBT)) is not None


async def unreachable_since(conn: AsyncConnection, task_id: int) -> tuple[dt.datetime, dt.datetime]:
    """Since when the task's target is known to be away, as far as anybody noted, from now on otherwise; and now."""
    known = sa.func.coalesce(task.c.failure["since"].astext, task.c.failure["unreachable_since"].astext)
    now = sa.func.statement_timestamp()
    since = sa.func.coalesce(sa.cast(known, sa.TIMESTAMP(timezone=True)), now)
    noted = sa.func.coalesce(task.c.failure, sa.text("'{}'::jsonb")).op("||")(
        sa.func.jsonb_build_object("unreachable_since", since)
    )
    moved = await conn.execute(
        sa.update(task)
        .where(task.c.id == task_id, task.c.failure.is_not(None))
        .values(failure=noted)
        .returning(since.label("since"), now.label("now"))
    )
    row = moved.one_or_none()
    if row is None:
        row = (await conn.execute(sa.select(now.label("since"), now.label("now")))).one()
    return row.since, row.now


async def reached(conn: AsyncConnection, task_id: int) -> None:
    """The target answers: forget since when it was away."""
    known = task.c.failure.has_key("unreachable_since")
    left = task.c.failure.op("-")("unreachable_since")
    await conn.execute(sa.update(task).where(task.c.id == task_id, known).values(failure=left))


async def set_waiting(conn: AsyncConnection, task_id: int, attempt: int, values: Mapping[str, Any]) -> bool:
    """Change what is known of a task that waits already; False when it does not any more."""
    same = (task.c.id == task_id, task.c.attempt == attempt, task.c.status == "waiting")
    return (await conn.execute(sa.update(task).where(*same).values(**values))).rowcount == 1


async def add(conn: AsyncConnection, **values: Any) -> None:
    """Keep what somebody said, and why."""
    await conn.execute(sa.insert(settlement).values(**values))


async def set_change(conn: AsyncConnection, task_id: int, version: str, *, applied: bool) -> None:
    """Record what a change is now taken for; one that is not applied counts as not run, or as begun where its first
    statements stay."""
    own = (task_change.c.task_id == task_id, task_change.c.version == version)
    if applied:
        await conn.execute(sa.update(task_change).where(*own).values(state="applied"))
    else:
        await conn.execute(sa.delete(task_change).where(*own, task_change.c.kept == 0))
        await conn.execute(sa.update(task_change).where(*own).values(state="failed"))


async def of_task(conn: AsyncConnection, task_id: int) -> list[Record]:
    """What was said of a task, oldest first."""
    return await fetch(
        conn,
        sa.select(
            settlement.c.version,
            settlement.c.outcome,
            settlement.c.reason,
            settlement.c.unseen,
            person().label("person"),
            settlement.c.created_at.label("at"),
        )
        .join(account, account.c.id == settlement.c.account_id)
        .where(settlement.c.task_id == task_id)
        .order_by(settlement.c.id),
    )
