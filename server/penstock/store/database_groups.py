"""Queries on database groups: their rows, and the databases that a selector chooses."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.selector import Requirement, Selector
from penstock.store import databases
from penstock.store.rows import Cut, Record, Slice, fetch, fetch_one, page
from penstock.store.tables.accounts import project
from penstock.store.tables.catalog import database, database_group, environment, instance


def chosen(selector: Selector) -> sa.ColumnElement[bool]:
    """The condition that a database's labels meet a selector, the same as `Selector.matches`."""
    return sa.and_(sa.true(), *(_meets(r) for r in selector.requirements))


def _meets(requirement: Requirement) -> sa.ColumnElement[bool]:
    has: sa.ColumnElement[bool] = database.c.labels.has_key(requirement.key)
    if requirement.operator in ("exists", "absent"):
        return has if requirement.operator == "exists" else ~has
    inside = sa.or_(*(database.c.labels.contains({requirement.key: value}) for value in requirement.values))
    return inside if requirement.operator == "in" else ~inside


async def listing(conn: AsyncConnection, project_id: int, cut: Cut) -> Slice:
    """A project's groups by slug."""
    return await page(conn, _select().where(database_group.c.project_id == project_id), [database_group.c.slug], cut)


async def by_slug(conn: AsyncConnection, project_id: int, slug: str) -> Record | None:
    """One group of a project."""
    return await fetch_one(
        conn, _select().where(database_group.c.project_id == project_id, database_group.c.slug == slug)
    )


def _select() -> sa.Select[Any]:
    return sa.select(database_group, project.c.slug.label("project")).join(
        project, project.c.id == database_group.c.project_id
    )


async def by_id(conn: AsyncConnection, group_id: int) -> Record | None:
    """One group."""
    return await fetch_one(conn, _select().where(database_group.c.id == group_id))


async def lock(conn: AsyncConnection, project_id: int, slug: str) -> Record | None:
    """One group's own columns, locked until the transaction ends."""
    return await fetch_one(
        conn,
        sa.select(database_group)
        .where(database_group.c.project_id == project_id, database_group.c.slug == slug)
        .with_for_update(key_share=True),
    )


async def insert(conn: AsyncConnection, values: Mapping[str, Any]) -> int:
    """Add a group and answer its id."""
    return int(await conn.scalar(sa.insert(database_group).values(**values).returning(database_group.c.id)) or 0)


async def update(conn: AsyncConnection, group_id: int, values: Mapping[str, Any]) -> None:
    """Change a group; its version goes up."""
    await conn.execute(
        sa.update(database_group)
        .where(database_group.c.id == group_id)
        .values(**values, version=database_group.c.version + 1)
    )


async def delete(conn: AsyncConnection, group_id: int) -> None:
    """Remove a group; issues that were filed for it keep their databases."""
    await conn.execute(sa.delete(database_group).where(database_group.c.id == group_id))


def in_group(project_id: int, selector: Selector) -> sa.ColumnElement[bool]:
    """The databases of a project that a selector chooses now."""
    return sa.and_(database.c.project_id == project_id, database.c.vanished_at.is_(None), chosen(selector))


async def counts(conn: AsyncConnection, project_id: int, selectors: Collection[Selector]) -> list[int]:
    """How many databases of a project each of some selectors chooses: one query, however many there are."""
    if not selectors:
        return []
    columns = [sa.func.count().filter(in_group(project_id, s)).label(f"n{n}") for n, s in enumerate(selectors)]
    row = (await conn.execute(sa.select(*columns).where(database.c.project_id == project_id))).one()
    return list(row)


async def members(conn: AsyncConnection, project_id: int, selector: Selector, cut: Cut) -> Slice:
    """The databases that a selector chooses now, by instance and name."""
    query = databases.selected().where(in_group(project_id, selector))
    return await page(conn, query, [instance.c.slug, database.c.name], cut)


async def joined(
    conn: AsyncConnection, project_id: int, selector: Selector, there: Collection[int], limit: int
) -> tuple[int, list[Record]]:
    """How many databases a selector chooses that are not among those of an issue, and the first of them."""
    query = (
        sa.select(
            database.c.id,
            database.c.name,
            instance.c.slug.label("instance"),
            environment.c.slug.label("environment"),
            sa.func.count().over().label("total"),
        )
        .join(instance, instance.c.id == database.c.instance_id)
        .join(environment, environment.c.id == instance.c.environment_id)
        .where(in_group(project_id, selector), database.c.id.not_in(sorted(there)))
        .order_by(environment.c.position, instance.c.slug, database.c.name)
        .limit(limit)
    )
    found = await fetch(conn, query)
    return (found[0]["total"] if found else 0), found
