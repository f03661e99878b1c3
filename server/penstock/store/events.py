"""Reading events in the order of their positions, the only cursor; writing them is
`penstock.store.records`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.access.decide import Principal
from penstock.domain.events import ACCESS_CHANGED, FROZEN, THAWED
from penstock.store.rows import Record, fetch, person
from penstock.store.tables.accounts import account, project
from penstock.store.tables.pipelines import pipeline
from penstock.store.tables.records import event


def _select() -> sa.Select[Any]:
    return (
        sa.select(
            event.c.position,
            event.c.type,
            event.c.created_at.label("at"),
            person().label("actor"),
            event.c.project_id,
            project.c.slug.label("project"),
            event.c.issue_id.label("issue"),
            event.c.pipeline_id.label("pipeline"),
            event.c.version,
            event.c.data,
        )
        .outerjoin(account, account.c.id == event.c.actor_id)
        .outerjoin(project, project.c.id == event.c.project_id)
    )


# Of an environment or the whole workspace.
_EVERYBODYS: Final = (FROZEN, THAWED)


def may_see(principal: Principal, record: Record) -> bool:
    """Tell whether the caller may see an event: those of their projects, what concerns everybody, and changes of their
    own access.

    The same rule as the condition of `page`, for events that were read once for everybody.
    """
    if principal.sees_all_projects:
        return True
    if record["project_id"] is not None:
        return record["project_id"] in principal.projects
    if record["type"] in _EVERYBODYS:
        return True
    return bool(record["type"] == ACCESS_CHANGED and principal.id in record["data"].get("accounts", ()))


async def page(
    conn: AsyncConnection,
    principal: Principal,
    *,
    after: int,
    limit: int,
    project_id: int | None = None,
    types: Sequence[str] = (),
) -> list[Record]:
    """Events after a position that the caller may see, oldest first.

    Args:
        after: a position; 0 for the beginning.
        limit: events at most.
        project_id: only those of one project.
        types: only those of these types; all if empty.
    """
    query = _select().where(event.c.position > after).order_by(event.c.position).limit(limit)
    if not principal.sees_all_projects:
        mine = pg.array([principal.id], type_=sa.BigInteger)
        own_access = sa.and_(
            event.c.type == ACCESS_CHANGED,
            event.c.data["accounts"].contains(sa.func.to_jsonb(mine)),
        )
        everybodys = sa.and_(event.c.type.in_(_EVERYBODYS), event.c.project_id.is_(None))
        query = query.where(sa.or_(event.c.project_id.in_(list(principal.projects)), own_access, everybodys))
    if project_id is not None:
        query = query.where(event.c.project_id == project_id)
    if types:
        query = query.where(event.c.type.in_(list(types)))
    return await fetch(conn, query)


async def between(conn: AsyncConnection, after: int, limit: int) -> list[Record]:
    """All events after a position, for the hub, which filters them for each subscriber."""
    return await fetch(conn, _select().where(event.c.position > after).order_by(event.c.position).limit(limit))


async def last_position(conn: AsyncConnection) -> int:
    """The newest position that is visible; 0 when nothing has happened yet."""
    return int(await conn.scalar(sa.select(sa.func.max(event.c.position))) or 0)


async def project_of_pipeline(conn: AsyncConnection, pipeline_id: int) -> int | None:
    """The project of a pipeline; None for a sync."""
    return await conn.scalar(sa.select(pipeline.c.project_id).where(pipeline.c.id == pipeline_id))
