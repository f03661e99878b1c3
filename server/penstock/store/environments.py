"""Queries on environments and approval tiers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.store import pipelines
from penstock.store.rows import Cut, Record, Slice, fetch, fetch_one, page
from penstock.store.tables.catalog import approval_tier, database, environment, instance

_ORDER_LOCK: Final = 0x70656E_656E76  # "penenv"


def _environments() -> sa.Select[Any]:
    instances = sa.select(sa.func.count()).where(instance.c.environment_id == environment.c.id).scalar_subquery()
    databases = (
        sa.select(sa.func.count())
        .select_from(database.join(instance, instance.c.id == database.c.instance_id))
        .where(instance.c.environment_id == environment.c.id, database.c.vanished_at.is_(None))
        .scalar_subquery()
    )
    return sa.select(
        environment,
        approval_tier.c.slug.label("tier"),
        instances.label("instances"),
        databases.label("databases"),
    ).join(approval_tier, approval_tier.c.id == environment.c.tier_id)


async def listing(conn: AsyncConnection, cut: Cut) -> Slice:
    """Environments in their order."""
    return await page(conn, _environments(), [environment.c.position], cut)


async def by_slug(conn: AsyncConnection, slug: str) -> Record | None:
    """One environment."""
    return await fetch_one(conn, _environments().where(environment.c.slug == slug))


async def id_of(conn: AsyncConnection, slug: str) -> int | None:
    """The id of an environment."""
    return await conn.scalar(sa.select(environment.c.id).where(environment.c.slug == slug))


async def rules_of(conn: AsyncConnection, ids: Collection[int]) -> dict[int, Any]:
    """Environment id -> the stored rules of its tier."""
    rows = await conn.execute(
        sa.select(environment.c.id, approval_tier.c.rules)
        .join(approval_tier, approval_tier.c.id == environment.c.tier_id)
        .where(environment.c.id.in_(ids))
    )
    return {row.id: row.rules for row in rows}


async def requiring_lower(conn: AsyncConnection) -> dict[str, frozenset[str]]:
    """Environment -> the lower ones that its tier wants a release to be applied in first."""
    rows = await fetch(
        conn,
        sa.select(environment.c.slug, approval_tier.c.rules)
        .join(approval_tier, approval_tier.c.id == environment.c.tier_id)
        .order_by(environment.c.position),
    )
    slugs = [row["slug"] for row in rows]
    return {
        row["slug"]: frozenset(slugs[:place])
        for place, row in enumerate(rows)
        if row["rules"].get("requires_lower_environments")
    }


async def lock_order(conn: AsyncConnection, *, moving: bool) -> list[Record]:
    """Every environment in order, under a lock that lets one edit of environments in at a time.

    Args:
        moving: positions may change, or one goes.
    """
    # A lock on the rows alone would not keep a new one from being added, and one on the table would wait for whoever
    # has locked a row and is about to write it, as freezes do, while that one waits for the table.
    await conn.execute(sa.select(sa.func.pg_advisory_xact_lock(_ORDER_LOCK)))
    if moving:
        # A position is unique, so whoever writes one locks out those, too, who only refer to the environment.
        await conn.execute(sa.select(environment.c.id).order_by(environment.c.id).with_for_update())
    return await fetch(conn, sa.select(environment).order_by(environment.c.position))


async def lock(conn: AsyncConnection, environment_id: int) -> None:
    """Lock one environment, as `pipelines.environments_changed` does."""
    own = sa.select(environment.c.id).where(environment.c.id == environment_id)
    await conn.execute(own.with_for_update(key_share=True))


async def hold(conn: AsyncConnection, ids: Iterable[int] | None = None) -> None:
    """Keep the gates of environments, all or some, from changing until this transaction has stored stages there.

    `pipelines.environments_changed` asks every stage again that it sees.  One that is being stored it does not see; so
    it waits for whoever stores it, or the other way round.
    """
    own = sa.true() if ids is None else environment.c.id.in_(sorted(set(ids)))
    await conn.execute(sa.select(environment.c.id).where(own).order_by(environment.c.id).with_for_update(read=True))


async def renumber(conn: AsyncConnection, ids: Sequence[int]) -> None:
    """Give environments the positions 0, 1, 2 … in this order; only those that move are written."""
    order = sa.values(sa.column("id", sa.BigInteger), sa.column("position", sa.Integer), name="wanted_order").data(
        [(environment_id, position) for position, environment_id in enumerate(ids)]
    )
    await conn.execute(
        sa.update(environment)
        .where(environment.c.id == order.c.id, environment.c.position != order.c.position)
        .values(position=order.c.position)
    )


async def insert(conn: AsyncConnection, values: Mapping[str, Any]) -> int:
    """Add an environment and answer its id."""
    return int(await conn.scalar(sa.insert(environment).values(**values).returning(environment.c.id)) or 0)


async def update(conn: AsyncConnection, environment_id: int, values: Mapping[str, Any]) -> None:
    """Change an environment; its version goes up."""
    await conn.execute(
        sa.update(environment)
        .where(environment.c.id == environment_id)
        .values(**values, version=environment.c.version + 1)
    )


async def instances(conn: AsyncConnection, environment_id: int) -> Sequence[int]:
    """The ids of an environment's instances."""
    return (await conn.scalars(sa.select(instance.c.id).where(instance.c.environment_id == environment_id))).all()


async def bump_generation(conn: AsyncConnection, condition: sa.ColumnElement[bool]) -> None:
    """Make the permits of environments void, and have the gates of every stage there asked again."""
    ids = (await conn.scalars(sa.select(environment.c.id).where(condition))).all()
    await pipelines.environments_changed(conn, ids)


async def delete(conn: AsyncConnection, environment_id: int) -> None:
    """Remove an environment; refused by foreign keys while instances or stages refer to it."""
    await conn.execute(sa.delete(environment).where(environment.c.id == environment_id))


def _tiers() -> sa.Select[Any]:
    slugs = sa.func.array_agg(pg.aggregate_order_by(environment.c.slug, environment.c.position))
    used_by = sa.select(slugs).where(environment.c.tier_id == approval_tier.c.id).scalar_subquery()
    return sa.select(approval_tier, sa.func.coalesce(used_by, sa.cast([], pg.ARRAY(sa.Text))).label("environments"))


async def tiers(conn: AsyncConnection, cut: Cut) -> Slice:
    """Approval tiers by slug."""
    return await page(conn, _tiers(), [approval_tier.c.slug], cut)


async def tier_by_slug(conn: AsyncConnection, slug: str) -> Record | None:
    """One approval tier."""
    return await fetch_one(conn, _tiers().where(approval_tier.c.slug == slug))


async def lock_tier(conn: AsyncConnection, slug: str) -> Record | None:
    """One tier's own columns, locked until the transaction ends."""
    return await fetch_one(
        conn, sa.select(approval_tier).where(approval_tier.c.slug == slug).with_for_update(key_share=True)
    )


async def insert_tier(conn: AsyncConnection, values: Mapping[str, Any]) -> int:
    """Add a tier and answer its id."""
    return int(await conn.scalar(sa.insert(approval_tier).values(**values).returning(approval_tier.c.id)) or 0)


async def update_tier(conn: AsyncConnection, tier_id: int, values: Mapping[str, Any]) -> None:
    """Change a tier; its version goes up, and every environment that uses it gets a new generation."""
    await conn.execute(
        sa.update(approval_tier)
        .where(approval_tier.c.id == tier_id)
        .values(**values, version=approval_tier.c.version + 1)
    )
    await bump_generation(conn, environment.c.tier_id == tier_id)


async def delete_tier(conn: AsyncConnection, tier_id: int) -> None:
    """Remove a tier; refused by foreign keys while environments use it."""
    await conn.execute(sa.delete(approval_tier).where(approval_tier.c.id == tier_id))
