"""Queries on groups of people."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.store.rows import Cut, Record, Slice, fetch, fetch_one, page, person
from penstock.store.tables.accounts import account, user_group, user_group_member
from penstock.store.tables.catalog import approval_tier


def _select() -> sa.Select[Any]:
    members = sa.select(sa.func.count()).where(user_group_member.c.group_id == user_group.c.id).scalar_subquery()
    return sa.select(user_group, members.label("members"))


async def listing(conn: AsyncConnection, cut: Cut) -> Slice:
    """Groups by slug."""
    return await page(conn, _select(), [user_group.c.slug], cut)


async def by_slug(conn: AsyncConnection, slug: str) -> Record | None:
    """One group."""
    return await fetch_one(conn, _select().where(user_group.c.slug == slug))


async def known(conn: AsyncConnection, slugs: Collection[str]) -> set[str]:
    """Which of these groups exist."""
    if not slugs:
        return set()
    return set(await conn.scalars(sa.select(user_group.c.slug).where(user_group.c.slug.in_(sorted(slugs)))))


async def lock(conn: AsyncConnection, slug: str) -> Record | None:
    """One group's own columns, locked until the transaction ends."""
    return await fetch_one(conn, sa.select(user_group).where(user_group.c.slug == slug).with_for_update(key_share=True))


async def insert(conn: AsyncConnection, values: Mapping[str, Any]) -> int:
    """Add a group and answer its id."""
    return int(await conn.scalar(sa.insert(user_group).values(**values).returning(user_group.c.id)) or 0)


async def update(conn: AsyncConnection, group_id: int, values: Mapping[str, Any]) -> None:
    """Change a group; its version goes up."""
    await conn.execute(
        sa.update(user_group).where(user_group.c.id == group_id).values(**values, version=user_group.c.version + 1)
    )


async def delete(conn: AsyncConnection, group_id: int) -> None:
    """Remove a group with its memberships."""
    await conn.execute(sa.delete(user_group).where(user_group.c.id == group_id))


async def members(conn: AsyncConnection, group_id: int) -> list[Record]:
    """The people of a group by name: account_id, person."""
    return await fetch(
        conn,
        sa.select(user_group_member.c.account_id, person().label("person"))
        .join(account, account.c.id == user_group_member.c.account_id)
        .where(user_group_member.c.group_id == group_id)
        .order_by(account.c.name, account.c.id),
    )


async def put_members(conn: AsyncConnection, group_id: int, account_ids: Collection[int]) -> None:
    """Replace the people of a group."""
    await conn.execute(sa.delete(user_group_member).where(user_group_member.c.group_id == group_id))
    if account_ids:
        rows = [{"group_id": group_id, "account_id": a} for a in sorted(account_ids)]
        await conn.execute(sa.insert(user_group_member), rows)


async def tiers_naming(conn: AsyncConnection, slug: str) -> list[str]:
    """Approval tiers of which some step asks for a group."""
    path = sa.cast("$.**.group ? (@ == $slug)", pg.JSONPATH)
    names = sa.func.jsonb_path_exists(approval_tier.c.rules, path, sa.func.jsonb_build_object("slug", slug))
    return list(await conn.scalars(sa.select(approval_tier.c.slug).where(names).order_by(approval_tier.c.slug)))
