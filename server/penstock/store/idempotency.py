"""Queries on answers that are kept for idempotency keys."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.store.rows import Record, fetch_one
from penstock.store.tables.records import idempotency

_NOW = sa.func.clock_timestamp(type_=sa.DateTime(timezone=True))


async def begin(
    conn: AsyncConnection, account_id: int, key: str, request_hash: bytes, stale: dt.timedelta
) -> dt.datetime | None:
    """Take a key: a new one, or one whose holder began longer ago than ``stale`` and never answered.

    Returns:
        when this attempt began, which proves who holds the key; None if somebody else does or has answered.
    """
    abandoned = sa.and_(idempotency.c.status.is_(None), idempotency.c.started_at < _NOW - stale)
    query = (
        pg.insert(idempotency)
        .values(account_id=account_id, key=key, request_hash=request_hash, started_at=_NOW)
        .on_conflict_do_update(
            index_elements=["account_id", "key"],
            set_={"started_at": _NOW},
            where=sa.and_(abandoned, idempotency.c.request_hash == request_hash),
        )
        .returning(idempotency.c.started_at)
    )
    started_at: dt.datetime | None = await conn.scalar(query)
    return started_at


async def find(conn: AsyncConnection, account_id: int, key: str) -> Record | None:
    """The request hash of a key and, once there is one, its answer."""
    query = sa.select(idempotency.c.request_hash, idempotency.c.status, idempotency.c.body).where(
        idempotency.c.account_id == account_id, idempotency.c.key == key
    )
    return await fetch_one(conn, query)


async def finish(
    conn: AsyncConnection, account_id: int, key: str, started_at: dt.datetime, status: int, body: bytes
) -> None:
    """Keep the answer of whoever holds the key."""
    await conn.execute(
        sa.update(idempotency).where(*_held(account_id, key, started_at)).values(status=status, body=body)
    )


async def release(conn: AsyncConnection, account_id: int, key: str, started_at: dt.datetime) -> None:
    """Forget a key whose request failed: it may be tried again."""
    await conn.execute(sa.delete(idempotency).where(*_held(account_id, key, started_at)))


async def purge(conn: AsyncConnection, older_than: dt.timedelta, limit: int) -> int:
    """Forget keys that nobody will come back for, ``limit`` at most; answers how many."""
    own = sa.tuple_(idempotency.c.account_id, idempotency.c.key)
    late = idempotency.c.started_at < _NOW - older_than
    old = sa.select(idempotency.c.account_id, idempotency.c.key).where(late).limit(limit)
    result = await conn.execute(sa.delete(idempotency).where(own.in_(old)))
    return int(result.rowcount)


def _held(account_id: int, key: str, started_at: dt.datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        idempotency.c.account_id == account_id,
        idempotency.c.key == key,
        idempotency.c.started_at == started_at,
        idempotency.c.status.is_(None),
    )
