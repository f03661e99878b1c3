"""What the sessions of a task wait for on a PostgreSQL server: who blocks whom, and which locks they hold or want."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import asyncpg

from penstock.engines.base import Lock, Session, Target, TargetUnavailable, Wait
from penstock.engines.postgres import activity
from penstock.engines.postgres.connect import OWN_SECONDS, connect_failure, open_connection
from penstock.engines.postgres.line import BROKEN

MOST_SESSIONS: Final = 50
_LOCKS: Final = f"""
    SELECT l.pid, l.granted, l.mode,
           CASE WHEN l.locktype = 'advisory' AND l.classid = {activity.LOCK_CLASS}::oid AND l.objsubid = 2
                THEN 'penstock' ELSE l.locktype END AS kind,
           CASE WHEN l.relation IS NOT NULL THEN l.relation::pg_catalog.regclass::text
                WHEN l.transactionid IS NOT NULL THEN 'transaction ' || l.transactionid::text END AS object
    FROM pg_catalog.pg_locks l
    WHERE l.pid = ANY ($1) AND l.locktype <> 'virtualxid'
      AND (NOT l.granted OR l.relation IS NULL OR l.relation >= 16384)
      AND (l.database IS NULL OR l.database IN (0,
           (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())))
    ORDER BY l.granted, l.pid, l.locktype, l.relation LIMIT 200
"""


async def waits(target: Target, application_name: str) -> list[Wait]:
    """See `penstock.engines.base.Engine.waits`."""
    connection = await open_connection(target)
    try:
        named = await activity.by_name(connection, application_name)
        own = [s for s in named if s.application_name == application_name]
        holders = [s for s in await activity.lock_holders(connection) if s.pid not in {o.pid for o in own}]
        blockers = await _behind(connection, [*own, *holders])
        locks = await _locks(connection, [s.pid for s in (*own, *holders, *blockers)])
    except BROKEN as error:
        raise TargetUnavailable(connect_failure(target, error)) from error
    finally:
        connection.terminate()
    found = [Wait(s, "own", locks=locks.get(s.pid, ())) for s in own]
    found += [Wait(s, "holder", locks=locks.get(s.pid, ())) for s in holders]
    return found + [Wait(s, "blocker", locks=locks.get(s.pid, ())) for s in blockers]


async def _behind(connection: asyncpg.Connection, waiting: Sequence[Session]) -> list[Session]:
    """Everybody whom these sessions wait for, and whom those wait for in turn."""
    seen = {s.pid for s in waiting}
    found: list[Session] = []
    ahead = [s for s in waiting if s.blocked_by]
    while ahead and len(found) < MOST_SESSIONS:
        for blocker in await activity.blockers(connection, ahead.pop(0).pid):
            if blocker.pid not in seen:
                seen.add(blocker.pid)
                found.append(blocker)
                if blocker.blocked_by:
                    ahead.append(blocker)
    return found


async def _locks(connection: asyncpg.Connection, pids: Sequence[int]) -> dict[int, list[Lock]]:
    found: dict[int, list[Lock]] = {}
    for row in await connection.fetch(_LOCKS, list(pids), timeout=OWN_SECONDS):
        lock = Lock(kind=row["kind"], object=row["object"], mode=row["mode"], granted=row["granted"])
        found.setdefault(row["pid"], []).append(lock)
    return found
