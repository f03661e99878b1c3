"""Queries on freezes: at most one for an environment, for a project, and for the whole workspace."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.access.decide import Principal
from penstock.store.projects import visible
from penstock.store.rows import Record, fetch, fetch_one, person
from penstock.store.tables.accounts import account, project
from penstock.store.tables.catalog import environment
from penstock.store.tables.gates import freeze


@dataclass(frozen=True, slots=True)
class Place:
    """What is frozen: an environment, a project, or (neither) the whole workspace."""

    environment_id: int | None = None
    project_id: int | None = None

    def condition(self) -> sa.ColumnElement[bool]:
        """Finds its freeze."""
        return sa.and_(
            freeze.c.environment_id.is_not_distinct_from(self.environment_id),
            freeze.c.project_id.is_not_distinct_from(self.project_id),
        )


async def get(conn: AsyncConnection, place: Place) -> Record | None:
    """The freeze of a place, if it has not ended by itself."""
    return await fetch_one(
        conn,
        sa.select(freeze.c.reason, freeze.c.until, freeze.c.created_at, person().label("by"))
        .join(account, account.c.id == freeze.c.account_id)
        .where(
            place.condition(),
            sa.or_(freeze.c.until.is_(None), freeze.c.until > sa.func.statement_timestamp()),
        ),
    )


_MOST = 500


async def listing(conn: AsyncConnection, principal: Principal) -> list[Record]:
    """Every freeze in force that the caller may know of: of the workspace, of environments, of their projects."""
    seen = freeze.c.project_id.is_(None)
    return await fetch(
        conn,
        sa.select(
            environment.c.slug.label("environment"),
            project.c.slug.label("project"),
            freeze.c.reason,
            freeze.c.until,
            freeze.c.created_at,
            person().label("by"),
        )
        .join(account, account.c.id == freeze.c.account_id)
        .outerjoin(environment, environment.c.id == freeze.c.environment_id)
        .outerjoin(project, project.c.id == freeze.c.project_id)
        .where(
            sa.or_(seen, visible(principal, freeze.c.project_id)),
            sa.or_(freeze.c.until.is_(None), freeze.c.until > sa.func.statement_timestamp()),
        )
        .order_by(freeze.c.project_id.nulls_first(), freeze.c.environment_id.nulls_first())
        .limit(_MOST),
    )


async def put(conn: AsyncConnection, place: Place, account_id: int, reason: str, until: dt.datetime | None) -> None:
    """Freeze a place, or say anew why and until when."""
    values: dict[str, Any] = {"reason": reason, "until": until, "account_id": account_id, "created_at": sa.func.now()}
    await conn.execute(
        pg.insert(freeze)
        .values(environment_id=place.environment_id, project_id=place.project_id, **values)
        .on_conflict_do_update(
            index_elements=[
                sa.func.coalesce(freeze.c.environment_id, sa.literal_column("0")),
                sa.func.coalesce(freeze.c.project_id, sa.literal_column("0")),
            ],
            set_=values,
        )
    )


async def delete(conn: AsyncConnection, place: Place) -> bool:
    """End the freeze of a place; answers whether there was one."""
    return bool((await conn.execute(sa.delete(freeze).where(place.condition()))).rowcount)
