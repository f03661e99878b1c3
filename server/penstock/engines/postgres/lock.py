"""Takes Penstock's lock on a target database, inside a transaction on the connection that will do the work.

The lock belongs to the executing connection: a zombie holds it exactly as long as it can do harm. It is
    polled, never
waited for in the server: a blocked pg_advisory_xact_lock holds a snapshot and deadlocks with CREATE INDEX
    CONCURRENTLY.
"""

from __future__ import annotations

from collections.abc import Sequence

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
    abandoned: Sequence[tuple[int, object]] = (),
    *,
    settings: str = "",
) -> None:
    """Begin a transaction that holds the lock.

    Args:
        application_name: our session's name; sessions of older attempts of the same task are ended.
        abandoned: (pid, started_at) of earlier connections of this very attempt, which are ended too.
        settings: ``SET LOCAL …`` statements to send along with BEGIN.

    Raises:
        Interrupted: the patience ended first; it carries who holds the lock.
        asyncpg.PostgresError, OSError: as the server and the network do.
    """
    connection = link.connection
    if link.search_path is not None:
        settings = f"SET LOCAL search_path = {link.search_path}; {settings}"
    begin = f"BEGIN ISOLATION LEVEL READ COMMITTED; {settings}; {activity.TRY_LOCK}"
    shown: set[int] = set()
    tries = 0
    while True:
        if await connection.execute(begin, timeout=OWN_SECONDS) == activity.LOCKED:
            if shown:
                patience.waiting_on([])
            return
        await connection.execute("ROLLBACK", timeout=OWN_SECONDS)
        holders = await activity.lock_holders(connection)
        if holders and {holder.pid for holder in holders} != shown:
            shown = {holder.pid for holder in holders}
            patience.log("info", f"Waiting for this database: {activity.describe(holders)}")
            patience.waiting_on(holders)
        for holder in holders:
            if activity.is_older_attempt(holder.application_name, application_name) or (
                (holder.pid, holder.started_at) in abandoned
            ):
                await _take_over(connection, holder, patience)
        await patience.pause(backoff(tries), holders)
        tries += 1


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
