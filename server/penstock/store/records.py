"""Writing what happened, in the transaction that makes it happen: events (the outbox) and the audit log.

Reading events is `penstock.store.events`; stamping their positions is the sequencer's.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.store import outbox
from penstock.store.rows import Cut, Slice, page, person
from penstock.store.tables.accounts import account
from penstock.store.tables.records import audit as audit_table


async def emit(
    conn: AsyncConnection, type: str, *, actor_id: int | None = None, data: Mapping[str, Any] | None = None
) -> None:
    """Write one event that belongs to no pipeline; the sequencer stamps it once this transaction has committed.

    Args:
        type: a name from `penstock.domain.events`.
        actor_id: who did it; None for the service itself.
        data: facts for readers, never secrets.
    """
    await outbox.append(conn, [outbox.NewEvent(type, actor_id=actor_id, data=dict(data or {}))])


async def audit(
    conn: AsyncConnection,
    actor_id: int | None,
    action: str,
    resource: str,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Add a row to the audit log, which nobody can change afterwards.

    Args:
        actor_id: who did it; None for the service itself.
        action: ``resource.verb``, for example ``instance.update``.
        resource: what it was done to, for example ``instance:pg-main``.
        data: what changed, never secrets.
    """
    await conn.execute(
        sa.insert(audit_table).values(actor_id=actor_id, action=action, resource=resource, data=dict(data or {}))
    )


async def audit_page(
    conn: AsyncConnection,
    cut: Cut,
    *,
    actor_id: int | None = None,
    action: str | None = None,
    resource: str | None = None,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
) -> Slice:
    """The audit log, newest first.

    Args:
        since, until: the first instant that counts, and the first that no longer does.
    """
    query = sa.select(
        audit_table.c.id,
        audit_table.c.created_at.label("at"),
        person().label("actor"),
        audit_table.c.action,
        audit_table.c.resource,
        audit_table.c.data,
    ).select_from(audit_table.outerjoin(account, account.c.id == audit_table.c.actor_id))
    if actor_id is not None:
        query = query.where(audit_table.c.actor_id == actor_id)
    if action is not None:
        query = query.where(audit_table.c.action == action)
    if resource is not None:
        query = query.where(audit_table.c.resource == resource)
    if since is not None:
        query = query.where(audit_table.c.created_at >= since)
    if until is not None:
        query = query.where(audit_table.c.created_at < until)
    return await page(conn, query, [audit_table.c.id], cut, descending=True)


async def audit_sealed(conn: AsyncConnection, after: int, limit: int) -> Sequence[sa.Row[Any]]:
    """Sealed audit rows in the order of their seals, after a number."""
    query = sa.select(audit_table).where(audit_table.c.sealed_as > after).order_by(audit_table.c.sealed_as).limit(limit)
    return (await conn.execute(query)).all()


async def audit_counts(conn: AsyncConnection) -> tuple[int, int]:
    """How many audit rows there are, and how many of them are sealed."""
    count = sa.select(sa.func.count(), sa.func.count(audit_table.c.sealed_as)).select_from(audit_table)
    rows, sealed = (await conn.execute(count)).one()
    return rows, sealed
