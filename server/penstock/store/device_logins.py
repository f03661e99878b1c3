"""Queries on logins of command lines that a person allows in a browser."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.store.credentials import NOW
from penstock.store.rows import Record, fetch_one
from penstock.store.tables.device_logins import device_login

_START_LOCK: Final = 0x70656E_6C6F67  # "penlog"


async def count_open(conn: AsyncConnection) -> int:
    """How many there are that have not expired; starting one waits for others that start at the same time."""
    await conn.execute(sa.select(sa.func.pg_advisory_xact_lock(_START_LOCK)))
    query = sa.select(sa.func.count()).select_from(device_login).where(device_login.c.expires_at > NOW)
    return int(await conn.scalar(query) or 0)


async def insert(conn: AsyncConnection, values: Mapping[str, Any], lifetime: dt.timedelta) -> int | None:
    """Add one and answer its id; None when its user code is taken."""
    query = (
        pg.insert(device_login)
        .values(**values, expires_at=NOW + lifetime)
        .on_conflict_do_nothing(index_elements=["user_code"])
        .returning(device_login.c.id)
    )
    found = await conn.scalar(query)
    return None if found is None else int(found)


async def living(conn: AsyncConnection, user_code: str) -> Record | None:
    """The one of a user code that still waits for a decision."""
    return await fetch_one(conn, _waiting(user_code))


async def lock_living(conn: AsyncConnection, user_code: str) -> Record | None:
    """The same, locked."""
    return await fetch_one(conn, _waiting(user_code).with_for_update())


async def lock(conn: AsyncConnection, login_id: int, interval: dt.timedelta) -> Record | None:
    """One, locked, with ``expired`` and ``hasty``: whether it was asked for less than ``interval`` ago."""
    query = (
        sa.select(
            device_login,
            (device_login.c.expires_at <= NOW).label("expired"),
            sa.func.coalesce(device_login.c.polled_at > NOW - interval, sa.false()).label("hasty"),
        )
        .where(device_login.c.id == login_id)
        .with_for_update()
    )
    return await fetch_one(conn, query)


async def polled(conn: AsyncConnection, login_id: int) -> None:
    """Remember that it was asked for."""
    await conn.execute(sa.update(device_login).where(device_login.c.id == login_id).values(polled_at=NOW))


async def update(conn: AsyncConnection, login_id: int, values: Mapping[str, Any]) -> None:
    """Change one that the caller has locked."""
    await conn.execute(sa.update(device_login).where(device_login.c.id == login_id).values(**values))


async def forget(conn: AsyncConnection, limit: int) -> int:
    """Delete those that have expired, ``limit`` at most; answers how many."""
    old = sa.select(device_login.c.id).where(device_login.c.expires_at <= NOW).limit(limit)
    return (await conn.execute(sa.delete(device_login).where(device_login.c.id.in_(old)))).rowcount


def _waiting(user_code: str) -> sa.Select[Any]:
    return sa.select(
        device_login.c.id,
        device_login.c.user_code,
        device_login.c.name,
        device_login.c.address,
        device_login.c.created_at,
        device_login.c.expires_at,
    ).where(
        device_login.c.user_code == user_code,
        device_login.c.status == "pending",
        device_login.c.expires_at > NOW,
    )
