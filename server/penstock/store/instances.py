"""Queries on instances and their sealed secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.store.rows import Cut, Record, Slice, fetch_one, page
from penstock.store.tables.catalog import database, environment, instance, secret
from penstock.store.tables.pipelines import task


def _select() -> sa.Select[Any]:
    count = (
        sa.select(sa.func.count())
        .where(database.c.instance_id == instance.c.id, database.c.vanished_at.is_(None))
        .scalar_subquery()
    )
    has_password = sa.exists().where(secret.c.instance_id == instance.c.id, secret.c.name == "password")
    newest_sync = (
        sa.select(sa.func.max(task.c.pipeline_id))
        .where(task.c.instance_id == instance.c.id, task.c.type == "schema.sync")
        .scalar_subquery()
    )
    return sa.select(
        instance,
        environment.c.slug.label("environment"),
        instance.c.synced_at.label("last_synced_at"),
        instance.c.sync_error.label("last_sync_error"),
        count.label("databases"),
        has_password.label("has_password"),
        newest_sync.label("sync_pipeline"),
    ).join(environment, environment.c.id == instance.c.environment_id)


async def listing(conn: AsyncConnection, cut: Cut, environment_slug: str | None = None) -> Slice:
    """Instances by slug, of one environment if given."""
    query = _select()
    if environment_slug is not None:
        query = query.where(environment.c.slug == environment_slug)
    return await page(conn, query, [instance.c.slug], cut)


async def by_slug(conn: AsyncConnection, slug: str) -> Record | None:
    """One instance."""
    return await fetch_one(conn, _select().where(instance.c.slug == slug))


async def by_id(conn: AsyncConnection, instance_id: int) -> Record | None:
    """One instance."""
    return await fetch_one(conn, _select().where(instance.c.id == instance_id))


_CONNECTING: Final = (
    sa.select(
        instance.c.engine,
        instance.c.host,
        instance.c.port,
        instance.c.username,
        instance.c.dsn_env,
        instance.c.tls,
        instance.c.options,
        secret.c.key_id,
        secret.c.wrapped_key,
        secret.c.ciphertext,
    )
    .outerjoin(secret, (secret.c.instance_id == instance.c.id) & (secret.c.name == sa.bindparam("secret")))
    .where(instance.c.id == sa.bindparam("id"))
)


async def connecting(conn: AsyncConnection, instance_id: int, secret_name: str) -> Record | None:
    """What it takes to connect to an instance: its settings, and a sealed secret whose columns are None without one."""
    row = (await conn.execute(_CONNECTING, {"id": instance_id, "secret": secret_name})).one_or_none()
    return dict(row._mapping) if row is not None else None


async def lock(conn: AsyncConnection, slug: str) -> Record | None:
    """One instance's own columns, locked until the transaction ends."""
    return await fetch_one(conn, sa.select(instance).where(instance.c.slug == slug).with_for_update(key_share=True))


async def insert(conn: AsyncConnection, values: Mapping[str, Any]) -> int:
    """Add an instance and answer its id."""
    return int(await conn.scalar(sa.insert(instance).values(**values).returning(instance.c.id)) or 0)


async def update(conn: AsyncConnection, instance_id: int, values: Mapping[str, Any]) -> None:
    """Change an instance's settings; its version goes up."""
    await conn.execute(
        sa.update(instance).where(instance.c.id == instance_id).values(**values, version=instance.c.version + 1)
    )


async def note_server(conn: AsyncConnection, instance_id: int, version: str | None, identity: str | None) -> None:
    """Remember what the server says of itself; not an edit, so the version stays."""
    await conn.execute(
        sa.update(instance)
        .where(instance.c.id == instance_id)
        .values(server_version=sa.func.coalesce(version, instance.c.server_version), identity=identity)
    )


async def has_tasks(conn: AsyncConnection, instance_id: int) -> bool:
    """Tell whether any task was ever filed on an instance."""
    return bool(await conn.scalar(sa.select(sa.exists().where(task.c.instance_id == instance_id))))


async def delete(conn: AsyncConnection, instance_id: int) -> None:
    """Remove an instance, its databases' rows and its secrets.

    Refused by foreign keys while tasks refer to it.
    """
    await conn.execute(sa.delete(database).where(database.c.instance_id == instance_id))
    await conn.execute(sa.delete(instance).where(instance.c.id == instance_id))


async def put_secret(
    conn: AsyncConnection, instance_id: int, name: str, *, key_id: str, wrapped_key: bytes, ciphertext: bytes
) -> None:
    """Store or replace a sealed secret."""
    values = {"key_id": key_id, "wrapped_key": wrapped_key, "ciphertext": ciphertext}
    await conn.execute(
        pg.insert(secret)
        .values(instance_id=instance_id, name=name, **values)
        .on_conflict_do_update(index_elements=["instance_id", "name"], set_={**values, "created_at": sa.func.now()})
    )


async def get_secret(conn: AsyncConnection, instance_id: int, name: str) -> Record | None:
    """A sealed secret: key_id, wrapped_key, ciphertext."""
    return await fetch_one(
        conn,
        sa.select(secret.c.key_id, secret.c.wrapped_key, secret.c.ciphertext).where(
            secret.c.instance_id == instance_id, secret.c.name == name
        ),
    )


async def drop_secret(conn: AsyncConnection, instance_id: int, name: str) -> None:
    """Forget a secret."""
    await conn.execute(sa.delete(secret).where(secret.c.instance_id == instance_id, secret.c.name == name))
