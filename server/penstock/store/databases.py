"""Queries on the databases of instances, their labels and their newest schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.access.decide import Principal
from penstock.domain.pipeline.status import ENDED
from penstock.store.projects import visible
from penstock.store.rows import Cut, Record, Slice, contains, fetch_one, page
from penstock.store.tables.accounts import project
from penstock.store.tables.catalog import database, database_snapshot, environment, instance, schema_snapshot
from penstock.store.tables.pipelines import pipeline, task


def selected() -> sa.Select[Any]:
    """Databases as pages show them, for a query that narrows them."""
    return placed(sa.select(database))


def placed(query: sa.Select[Any]) -> sa.Select[Any]:
    """A query about databases, with where each of them is and whose it is."""
    return (
        query.add_columns(
            instance.c.slug.label("instance"),
            instance.c.engine,
            environment.c.slug.label("environment"),
            project.c.slug.label("project"),
        )
        .join(instance, instance.c.id == database.c.instance_id)
        .join(environment, environment.c.id == instance.c.environment_id)
        .outerjoin(project, project.c.id == database.c.project_id)
    )


async def listing(
    conn: AsyncConnection,
    principal: Principal,
    cut: Cut,
    *,
    project_slug: str | None = None,
    environment_slug: str | None = None,
    instance_slug: str | None = None,
    label: tuple[str, str | None] | None = None,
    text: str | None = None,
) -> Slice:
    """The databases that the caller may see, by instance and name.

    Args:
        label: a key and its value, or the key alone for any value.
        text: part of the name.
    """
    query = selected().where(visible(principal, database.c.project_id))
    wanted = (
        (project.c.slug, project_slug),
        (environment.c.slug, environment_slug),
        (instance.c.slug, instance_slug),
    )
    query = query.where(*(column == value for column, value in wanted if value is not None))
    if label is not None:
        key, value = label
        has = database.c.labels.has_key(key) if value is None else database.c.labels.contains({key: value})
        query = query.where(has)
    if text:
        query = query.where(contains(database.c.name, text))
    return await page(conn, query, [instance.c.slug, database.c.name], cut)


async def find(conn: AsyncConnection, principal: Principal, ref: int | tuple[str, str]) -> Record | None:
    """One database that the caller may see, by id or by instance and name."""
    query = selected().where(visible(principal, database.c.project_id))
    if isinstance(ref, int):
        return await fetch_one(conn, query.where(database.c.id == ref))
    return await fetch_one(conn, query.where(instance.c.slug == ref[0], database.c.name == ref[1]))


async def lock(conn: AsyncConnection, database_id: int) -> Record | None:
    """One database's own columns, locked until the transaction ends; whoever files something for it is waited for."""
    return await fetch_one(conn, sa.select(database).where(database.c.id == database_id).with_for_update())


async def update(conn: AsyncConnection, database_id: int, values: Mapping[str, Any]) -> None:
    """Change what people set on a database; its version goes up."""
    await conn.execute(
        sa.update(database).where(database.c.id == database_id).values(**values, version=database.c.version + 1)
    )


async def unfinished_task(conn: AsyncConnection, database_id: int) -> int | None:
    """The pipeline of a task on a database that has not ended, if there is one."""
    query = (
        sa.select(task.c.pipeline_id)
        .join(pipeline, pipeline.c.id == task.c.pipeline_id)
        .where(task.c.database_id == database_id, task.c.status.not_in(ENDED), pipeline.c.status == "open")
        .limit(1)
    )
    return await conn.scalar(query)


async def visible_snapshot(conn: AsyncConnection, principal: Principal, fingerprint: str) -> bytes | None:
    """The stored content of a schema that a database which the caller may see has, or is known to have had."""
    seen = visible(principal, database.c.project_id)
    has = sa.select(database.c.id).where(database.c.fingerprint == fingerprint, seen)
    had = (
        sa.select(database.c.id)
        .join(database_snapshot, database_snapshot.c.database_id == database.c.id)
        .where(database_snapshot.c.fingerprint == fingerprint, seen)
    )
    if await conn.scalar(sa.select(sa.or_(has.exists(), had.exists()))):
        return await snapshot(conn, fingerprint)
    return None


async def snapshot(conn: AsyncConnection, fingerprint: str) -> bytes | None:
    """The stored content of a schema: zstd-compressed canonical JSON."""
    query = sa.select(schema_snapshot.c.content).where(schema_snapshot.c.fingerprint == fingerprint)
    content = await conn.scalar(query)
    return None if content is None else bytes(content)
