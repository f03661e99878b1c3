"""Queries on what proves an identity: sessions, tokens, and counts of failed logins."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.store.accounts import principal_columns
from penstock.store.rows import Cut, Record, Slice, fetch_one, page, person
from penstock.store.tables.accounts import account, login_attempt, session, token

# The wall clock, not the transaction's beginning: what has expired meanwhile must not pass.
NOW = sa.func.clock_timestamp(type_=sa.DateTime(timezone=True))


async def insert_session(conn: AsyncConnection, values: Mapping[str, Any], lifetime: dt.timedelta) -> None:
    """Add a session that begins now."""
    await conn.execute(sa.insert(session).values(**values, last_seen_at=NOW, rotated_at=NOW, expires_at=NOW + lifetime))


async def find_session(
    conn: AsyncConnection, digest: bytes, *, idle: dt.timedelta, grace: dt.timedelta
) -> Record | None:
    """The living session of a hash, current or rotated away less than ``grace`` ago, with its principal.

    ``unseen`` and ``unrotated`` are how long ago it was last seen and rotated; ``current`` tells which hash
    it was.
    """
    query = (
        sa.select(
            session.c.token_hash,
            session.c.csrf_token,
            (session.c.token_hash == digest).label("current"),
            (NOW - session.c.last_seen_at).label("unseen"),
            (NOW - session.c.rotated_at).label("unrotated"),
            *principal_columns(),
        )
        .join(account, account.c.id == session.c.account_id)
        .where(
            sa.or_(
                session.c.token_hash == digest,
                sa.and_(session.c.previous_hash == digest, session.c.rotated_at > NOW - grace),
            ),
            session.c.expires_at > NOW,
            session.c.last_seen_at > NOW - idle,
            account.c.disabled_at.is_(None),
        )
    )
    return await fetch_one(conn, query)


async def session_lives(conn: AsyncConnection, account_id: int, csrf_token: str) -> bool:
    """Tell whether a session still exists; its CSRF token names it across rotations."""
    query = sa.exists().where(
        session.c.account_id == account_id, session.c.csrf_token == csrf_token, session.c.expires_at > NOW
    )
    return bool(await conn.scalar(sa.select(query)))


async def touch_session(conn: AsyncConnection, digest: bytes) -> None:
    """Remember that a session was used."""
    await conn.execute(sa.update(session).where(session.c.token_hash == digest).values(last_seen_at=NOW))


async def rotate_session(conn: AsyncConnection, old: bytes, new: bytes) -> bool:
    """Give a session a new hash; False when somebody else just did."""
    result = await conn.execute(
        sa.update(session)
        .where(session.c.token_hash == old)
        .values(token_hash=new, previous_hash=old, rotated_at=NOW, last_seen_at=NOW)
    )
    return bool(result.rowcount)


async def delete_session(conn: AsyncConnection, digest: bytes) -> None:
    """End the session of a hash, current or previous."""
    await conn.execute(
        sa.delete(session).where(sa.or_(session.c.token_hash == digest, session.c.previous_hash == digest))
    )


async def delete_sessions(conn: AsyncConnection, account_id: int, *, except_csrf: str | None = None) -> None:
    """End all sessions of an account, but for one if its CSRF token is given."""
    query = sa.delete(session).where(session.c.account_id == account_id)
    if except_csrf is not None:
        query = query.where(session.c.csrf_token != except_csrf)
    await conn.execute(query)


async def insert_token(conn: AsyncConnection, values: Mapping[str, Any], days: int | None) -> int:
    """Add a token and answer its id."""
    expires_at = None if days is None else NOW + dt.timedelta(days=days)
    query = sa.insert(token).values(**values, expires_at=expires_at).returning(token.c.id)
    return int(await conn.scalar(query) or 0)


async def find_token(conn: AsyncConnection, digest: bytes) -> Record | None:
    """The living token of a hash with its principal; ``unused`` is how long ago it was used, null if
    never."""
    query = (
        sa.select(
            token.c.id.label("token_id"),
            (NOW - token.c.last_used_at).label("unused"),
            *principal_columns(),
        )
        .join(account, account.c.id == token.c.account_id)
        .where(token.c.token_hash == digest, _alive(), account.c.disabled_at.is_(None))
    )
    return await fetch_one(conn, query)


async def token_lives(conn: AsyncConnection, token_id: int) -> bool:
    """Tell whether a token is neither revoked nor expired."""
    return bool(await conn.scalar(sa.select(sa.exists().where(token.c.id == token_id, _alive()))))


async def touch_token(conn: AsyncConnection, token_id: int) -> None:
    """Remember that a token was used."""
    await conn.execute(sa.update(token).where(token.c.id == token_id).values(last_used_at=NOW))


async def tokens(conn: AsyncConnection, cut: Cut, *, account_id: int | None, service_accounts: bool) -> Slice:
    """Tokens that are not revoked: of one account, and those of all service accounts if asked for."""
    owners = account.c.id == account_id
    if service_accounts:
        owners = sa.or_(owners, account.c.kind == "service_account")
    query = _token_query().where(token.c.revoked_at.is_(None), owners)
    return await page(conn, query, [token.c.id], cut, descending=True)


async def token_by_id(conn: AsyncConnection, token_id: int) -> Record | None:
    """One token that is not revoked, with ``account_id`` and ``owner``."""
    return await fetch_one(conn, _token_query().where(token.c.id == token_id, token.c.revoked_at.is_(None)))


async def revoke_token(conn: AsyncConnection, token_id: int) -> None:
    """End a token; its row stays for the audit."""
    await conn.execute(sa.update(token).where(token.c.id == token_id).values(revoked_at=NOW))


async def revoke_tokens(conn: AsyncConnection, account_id: int) -> None:
    """End all tokens of an account."""
    await conn.execute(
        sa.update(token).where(token.c.account_id == account_id, token.c.revoked_at.is_(None)).values(revoked_at=NOW)
    )


async def count_attempt(conn: AsyncConnection, key: str, window: dt.timedelta) -> tuple[int, dt.timedelta]:
    """Count one login attempt before it is tried, so that attempts at the same time all count.

    Returns:
        attempts in this window, and how long it still lasts.
    """
    expired = login_attempt.c.first_at < NOW - window
    query = (
        pg.insert(login_attempt)
        .values(key=key, failures=1, first_at=NOW)
        .on_conflict_do_update(
            index_elements=["key"],
            set_={
                "failures": sa.case((expired, 1), else_=login_attempt.c.failures + 1),
                "first_at": sa.case((expired, NOW), else_=login_attempt.c.first_at),
            },
        )
        .returning(login_attempt.c.failures, (login_attempt.c.first_at + window - NOW).label("left"))
    )
    row = (await conn.execute(query)).one()
    return row.failures, row.left


async def forget_attempts(conn: AsyncConnection, key: str) -> None:
    """A login succeeded: what failed before it no longer counts."""
    await conn.execute(sa.delete(login_attempt).where(login_attempt.c.key == key))


async def forget_old_attempts(conn: AsyncConnection, older: dt.timedelta, limit: int) -> int:
    """Forget what failed before any window that still counts, ``limit`` keys at most; answers how many.

    Args:
        older: longer than every window.
    """
    old = sa.select(login_attempt.c.key).where(login_attempt.c.first_at < NOW - older).limit(limit)
    return (await conn.execute(sa.delete(login_attempt).where(login_attempt.c.key.in_(old)))).rowcount


async def uncount_attempt(conn: AsyncConnection, key: str) -> None:
    """Take back one counted attempt, and no more: one good login must not hide many bad ones."""
    await conn.execute(
        sa.update(login_attempt)
        .where(login_attempt.c.key == key, login_attempt.c.failures > 0)
        .values(failures=login_attempt.c.failures - 1)
    )


def _alive() -> sa.ColumnElement[bool]:
    unexpired = sa.or_(token.c.expires_at.is_(None), token.c.expires_at > NOW)
    return sa.and_(token.c.revoked_at.is_(None), unexpired)


def _token_query() -> sa.Select[Any]:
    return sa.select(
        token.c.id,
        token.c.account_id,
        token.c.name,
        token.c.prefix,
        token.c.created_at,
        token.c.expires_at,
        token.c.last_used_at,
        person().label("owner"),
    ).join(account, account.c.id == token.c.account_id)


async def delete_expired_sessions(conn: AsyncConnection, limit: int) -> int:
    """Forget sessions that have ended, ``limit`` at most; answers how many."""
    old = sa.select(session.c.token_hash).where(session.c.expires_at <= NOW).limit(limit)
    return (await conn.execute(sa.delete(session).where(session.c.token_hash.in_(old)))).rowcount
