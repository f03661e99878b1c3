"""Queries on accounts: people, service accounts, and the principal that a credential stands for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.access.decide import Principal
from penstock.store.rows import Cut, Record, Slice, fetch, fetch_one, page
from penstock.store.tables.accounts import account, member, user_group, user_group_member

_DISABLED = account.c.disabled_at.is_not(None).label("disabled")


def principal_columns() -> list[sa.ColumnElement[Any]]:
    """What `principal_of` needs of a row of ``account``, to be selected together with a credential."""
    roles = (
        sa.select(sa.func.jsonb_object_agg(member.c.project_id, member.c.role, type_=pg.JSONB))
        .where(member.c.account_id == account.c.id)
        .scalar_subquery()
    )
    groups = groups_of(account.c.id)
    columns = (account.c.id, account.c.kind, account.c.name, account.c.email, account.c.workspace_role)
    own = (c.label(f"account_{c.name}") for c in columns)
    return [*own, roles.label("account_projects"), groups.label("account_groups")]


def groups_of(account_id: sa.ColumnElement[int]) -> sa.ScalarSelect[Any]:
    """The slugs of the groups that an account of the enclosing query belongs to."""
    slugs = sa.func.array_agg(user_group.c.slug, type_=pg.ARRAY(sa.Text))
    return (
        sa.select(sa.func.coalesce(slugs, sa.text("'{}'::text[]"), type_=pg.ARRAY(sa.Text)))
        .join(user_group_member, user_group_member.c.group_id == user_group.c.id)
        .where(user_group_member.c.account_id == account_id)
        .scalar_subquery()
    )


def principal_of(record: Record) -> Principal:
    """The principal of a row that selected `principal_columns`."""
    return Principal(
        id=record["account_id"],
        kind=record["account_kind"],
        name=record["account_name"],
        email=record["account_email"],
        workspace_role=record["account_workspace_role"],
        projects={int(project): role for project, role in (record["account_projects"] or {}).items()},
        groups=frozenset(record["account_groups"]),
    )


async def principal(conn: AsyncConnection, account_id: int) -> Principal | None:
    """An enabled account as a principal."""
    query = sa.select(*principal_columns()).where(account.c.id == account_id, account.c.disabled_at.is_(None))
    record = await fetch_one(conn, query)
    return None if record is None else principal_of(record)


async def by_id(conn: AsyncConnection, account_id: int) -> Record | None:
    """One account with ``disabled``."""
    return await fetch_one(conn, sa.select(account, _DISABLED).where(account.c.id == account_id))


async def by_email(conn: AsyncConnection, email: str) -> Record | None:
    """One person by e-mail, whatever its case."""
    return await fetch_one(conn, sa.select(account, _DISABLED).where(sa.func.lower(account.c.email) == email.lower()))


async def active_emails(conn: AsyncConnection, emails: Collection[str]) -> set[str]:
    """Which of these e-mails, in lower case, belong to people who can sign in."""
    if not emails:
        return set()
    lower = sa.func.lower(account.c.email)
    wanted = lower.in_(sorted({email.lower() for email in emails}))
    return set(await conn.scalars(sa.select(lower).where(wanted, account.c.disabled_at.is_(None))))


async def people_by_email(conn: AsyncConnection, emails: Collection[str]) -> dict[str, int]:
    """The ids of people by their e-mail in lower case, those that there are."""
    lower = sa.func.lower(account.c.email)
    wanted = lower.in_(sorted({email.lower() for email in emails}))
    found = await conn.execute(sa.select(lower.label("email"), account.c.id).where(wanted))
    return {row.email: row.id for row in found}


async def lock(conn: AsyncConnection, account_id: int) -> Record | None:
    """One account, locked until the transaction ends."""
    return await fetch_one(
        conn, sa.select(account, _DISABLED).where(account.c.id == account_id).with_for_update(key_share=True)
    )


async def listing(conn: AsyncConnection, cut: Cut, kind: str) -> Slice:
    """People or service accounts by id."""
    return await page(conn, sa.select(account, _DISABLED).where(account.c.kind == kind), [account.c.id], cut)


async def insert(conn: AsyncConnection, values: Mapping[str, Any]) -> int:
    """Add an account and answer its id."""
    return int(await conn.scalar(sa.insert(account).values(**values).returning(account.c.id)) or 0)


async def update(conn: AsyncConnection, account_id: int, values: Mapping[str, Any]) -> None:
    """Change an account."""
    await conn.execute(sa.update(account).where(account.c.id == account_id).values(**values))


async def lock_admins(conn: AsyncConnection) -> list[int]:
    """Ids of the enabled admins, locked: two of them cannot demote each other at the same time."""
    query = (
        sa.select(account.c.id)
        .where(account.c.workspace_role == "admin", account.c.disabled_at.is_(None))
        .order_by(account.c.id)
        .with_for_update(key_share=True)
    )
    return [row["id"] for row in await fetch(conn, query)]


async def any_person(conn: AsyncConnection) -> bool:
    """Tell whether anybody could sign in at all."""
    return bool(await conn.scalar(sa.select(sa.exists().where(account.c.kind == "person"))))
