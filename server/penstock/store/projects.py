"""Queries on projects and their members."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.access.decide import Principal
from penstock.store.rows import Cut, Record, Slice, fetch, fetch_one, page, person
from penstock.store.tables.accounts import account, member, project
from penstock.store.tables.catalog import database
from penstock.store.tables.changes import issue


def visible(principal: Principal, project_id: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """The condition that rows of a project are ones that the caller may see."""
    if principal.sees_all_projects:
        return sa.true()
    return project_id.in_(list(principal.projects))


def _select(principal: Principal) -> sa.Select[Any]:
    databases = (
        sa.select(sa.func.count())
        .where(database.c.project_id == project.c.id, database.c.vanished_at.is_(None))
        .scalar_subquery()
    )
    open_issues = (
        sa.select(sa.func.count()).where(issue.c.project_id == project.c.id, issue.c.status == "open").scalar_subquery()
    )
    my_role = (
        sa.select(member.c.role)
        .where(member.c.project_id == project.c.id, member.c.account_id == principal.id)
        .scalar_subquery()
    )
    return sa.select(
        project,
        databases.label("databases"),
        open_issues.label("open_issues"),
        my_role.label("my_role"),
    )


async def listing(conn: AsyncConnection, principal: Principal, cut: Cut) -> Slice:
    """The projects that the caller may see, by slug."""
    return await page(conn, _select(principal).where(visible(principal, project.c.id)), [project.c.slug], cut)


async def by_slug(conn: AsyncConnection, principal: Principal, slug: str) -> Record | None:
    """One project, whether or not the caller may see it."""
    return await fetch_one(conn, _select(principal).where(project.c.slug == slug))


async def id_of(conn: AsyncConnection, slug: str) -> int | None:
    """The id of a project."""
    return await conn.scalar(sa.select(project.c.id).where(project.c.slug == slug))


async def slugs_of(conn: AsyncConnection, ids: Iterable[int]) -> dict[int, str]:
    """The slugs of projects by id."""
    rows = await fetch(conn, sa.select(project.c.id, project.c.slug).where(project.c.id.in_(list(ids))))
    return {row["id"]: row["slug"] for row in rows}


async def lock(conn: AsyncConnection, slug: str) -> Record | None:
    """One project's own columns, locked until the transaction ends."""
    return await fetch_one(conn, sa.select(project).where(project.c.slug == slug).with_for_update(key_share=True))


async def insert(conn: AsyncConnection, values: Mapping[str, Any]) -> int:
    """Add a project and answer its id."""
    return int(await conn.scalar(sa.insert(project).values(**values).returning(project.c.id)) or 0)


async def update(conn: AsyncConnection, project_id: int, values: Mapping[str, Any]) -> None:
    """Change a project; its version goes up."""
    await conn.execute(
        sa.update(project).where(project.c.id == project_id).values(**values, version=project.c.version + 1)
    )


async def delete(conn: AsyncConnection, project_id: int) -> None:
    """Remove a project; refused by foreign keys while anything refers to it."""
    await conn.execute(sa.delete(project).where(project.c.id == project_id))


async def members(conn: AsyncConnection, project_id: int) -> list[Record]:
    """A project's members: account_id, role, person."""
    query = (
        sa.select(member.c.account_id, member.c.role, person().label("person"))
        .join(account, account.c.id == member.c.account_id)
        .where(member.c.project_id == project_id)
        .order_by(account.c.name, account.c.id)
    )
    return await fetch(conn, query)


async def put_members(conn: AsyncConnection, project_id: int, roles: Mapping[int, str]) -> None:
    """Replace a project's members: account id -> role."""
    await conn.execute(sa.delete(member).where(member.c.project_id == project_id))
    if roles:
        rows = [{"project_id": project_id, "account_id": a, "role": role} for a, role in sorted(roles.items())]
        await conn.execute(sa.insert(member), rows)
