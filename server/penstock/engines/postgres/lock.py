"""Takes Penstock's lock on a target database, on the connection that will do the work: for a transaction, or for a
session.

The lock belongs to the executing connection: a zombie holds it exactly as long as it can do harm. It is
    polled, never
waited for in the server: a blocked pg_advisory_xact_lock holds a snapshot and deadlocks with CREATE INDEX
    CONCURRENTLY.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import asyncpg

from penstock.engines.base import Session
from penstock.engines.patience import Patience, backoff
from penstock.engines.postgres import activity
from penstock.engines.postgres.connect import OWN_SECONDS, Link
from penstock.engines.postgres.sqlstates import INSUFFICIENT_PRIVILEGE


async def begin_locked(
    link: Link,
    patience: Patience,
    application_name: str,
    abandoned: Sequence[Link] = (),
    *,
    settings: str = "",
) -> None:
    """Begin a transaction that holds the lock.

    Args:
        application_name: our session's name; sessions of older attempts of the same task are ended.
        abandoned: earlier connections of this very attempt; their sessions are ended, too.
        settings: ``SET LOCAL …`` statements to send along with BEGIN.

    Raises:
        Interrupted: the patience ended first; it carries who holds the lock.
        asyncpg.PostgresError, OSError: as the server and the network do.
    """
    connection = link.connection
    begin = begin_with(link, settings)

    async def locked() -> bool:
        if await connection.execute(begin, timeout=OWN_SECONDS) == activity.LOCKED:
            return True
        await connection.execute("ROLLBACK", timeout=OWN_SECONDS)
        return False

    await _poll(link, locked, patience, application_name, abandoned)


def begin_with(link: Link, settings: str) -> str:
    """BEGIN, settings and one try for the lock, which the answer's tag tells of."""
    if link.search_path is not None:
        settings = f"SET LOCAL search_path = {link.search_path}; {settings}"
    return f"BEGIN ISOLATION LEVEL READ COMMITTED; {settings}; {activity.TRY_LOCK}"


async def lock_session(link: Link, patience: Patience, application_name: str, abandoned: Sequence[Link] = ()) -> None:
    """Take the lock for as long as the session lives, or until it is let go. As `begin_locked` otherwise."""

    async def locked() -> bool:
        return bool(await link.connection.execute(activity.TRY_SESSION_LOCK, timeout=OWN_SECONDS) == activity.LOCKED)

    if link.search_path is not None:
        await link.connection.execute(f"SET search_path = {link.search_path}", timeout=OWN_SECONDS)
    await _poll(link, locked, patience, application_name, abandoned)


async def _poll(
    link: Link,
    locked: Callable[[], Awaitable[bool]],
    patience: Patience,
    application_name: str,
    abandoned: Sequence[Link],
) -> None:
    connection = link.connection
    shown: set[int] = set()
    tries = 0
    while True:
        if await locked():
            if shown:
                patience.waiting_on([])
            return
        holders = await activity.lock_holders(connection)
        if holders and {holder.pid for holder in holders} != shown:
            shown = {holder.pid for holder in holders}
            patience.log("info", f"Waiting for this database: {activity.describe(holders)}")
            patience.waiting_on(holders)
        for holder in holders:
            older = activity.is_older_attempt(holder.application_name, application_name)
            if older or await _is_one_of(connection, holder, abandoned):
                await _take_over(connection, holder, patience)
        await patience.pause(backoff(tries), holders)
        tries += 1


async def _is_one_of(connection: asyncpg.Connection, holder: Session, links: Sequence[Link]) -> bool:
    for link in links:
        if link.pid == holder.pid and await activity.started_at(connection, link) == holder.started_at:
            return True
    return False


async def _take_over(connection: asyncpg.Connection, holder: Session, patience: Patience) -> None:
    try:
        ended = await activity.terminate(connection, holder)
    except asyncpg.PostgresError as error:
        if error.sqlstate != INSUFFICIENT_PRIVILEGE:
            raise
        patience.log("warning", f"May not end the session of an older attempt: {activity.describe([holder])}")
        return
    if ended:
        patience.log("warning", f"Ended the session of an older attempt: {activity.describe([holder])}")
