"""Looks at the target's other sessions: who holds our lock, who blocks us; and ends those that are ours to
end."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import asyncpg

from penstock.domain import clock
from penstock.engines.attempts import describe as describe
from penstock.engines.attempts import is_older_attempt as is_older_attempt
from penstock.engines.base import Session
from penstock.engines.postgres.connect import OWN_SECONDS, Link

# "PENS": advisory locks with two keys have a space of their own, and belong to one database.
LOCK_CLASS: Final = 0x50454E53
LOCK_OBJECT: Final = 1
# Answers by its command tag, so that it can travel in one message with BEGIN.
TRY_LOCK: Final = f"SELECT 1 WHERE pg_catalog.pg_try_advisory_xact_lock({LOCK_CLASS}, {LOCK_OBJECT})"
TRY_SESSION_LOCK: Final = f"SELECT 1 WHERE pg_catalog.pg_try_advisory_lock({LOCK_CLASS}, {LOCK_OBJECT})"
HOLDS_LOCK: Final = f"""
    SELECT EXISTS (SELECT FROM pg_catalog.pg_locks l
                   WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
                     AND l.classid = {LOCK_CLASS}::oid AND l.objid = {LOCK_OBJECT}::oid
                     AND l.pid = pg_catalog.pg_backend_pid())
"""
LOCKED: Final = "SELECT 1"

_SESSION: Final = """
    SELECT a.pid, a.usename, a.datname, a.application_name, a.client_addr::text AS client, a.state,
           a.backend_start, a.xact_start, pg_catalog.left(a.query, 500) AS query,
           CASE WHEN a.wait_event_type = 'Lock' THEN pg_catalog.pg_blocking_pids(a.pid) ELSE '{}' END AS
           blocked_by, CASE WHEN a.wait_event_type = 'Lock' THEN coalesce(
               (SELECT 'Lock: ' || l.locktype || coalesce(' ' || l.relation::pg_catalog.regclass::text, '')
                       || ' (' || l.mode || ')'
                FROM pg_catalog.pg_locks l WHERE l.pid = a.pid AND NOT l.granted LIMIT 1), 'Lock: ' ||
           a.wait_event) WHEN a.state = 'active' THEN a.wait_event_type || ': ' || a.wait_event END AS
           waits_for
    FROM pg_catalog.pg_stat_activity a
"""
_BY_NAME: Final = _SESSION + " WHERE a.application_name = $1 ORDER BY a.backend_start"
_BLOCKERS: Final = _SESSION + " WHERE a.pid = ANY (pg_catalog.pg_blocking_pids($1)) ORDER BY a.backend_start"
_HOLDERS: Final = (
    _SESSION
    + f"""
    WHERE a.pid IN (
        SELECT l.pid FROM pg_catalog.pg_locks l
        WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
          AND l.classid = {LOCK_CLASS}::oid AND l.objid = {LOCK_OBJECT}::oid
          AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
    ORDER BY a.backend_start
"""
)
_STATE: Final = "SELECT a.state FROM pg_catalog.pg_stat_activity a WHERE a.pid = $1 AND a.backend_start = $2"
_SAME: Final = " FROM pg_catalog.pg_stat_activity a WHERE a.pid = $1 AND a.backend_start = $2"
# Whoever had this pid when we were let in is us, and nobody else: it must have been there by then. A second for clocks.
_STARTED: Final = """
    SELECT a.backend_start FROM pg_catalog.pg_stat_activity a
    WHERE a.pid = $1 AND a.backend_start <= pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => $2)
"""
_CANCEL: Final = "SELECT pg_catalog.pg_cancel_backend(a.pid)" + _SAME
_TERMINATE: Final = "SELECT pg_catalog.pg_terminate_backend(a.pid)" + _SAME


async def by_name(connection: asyncpg.Connection, application_name: str) -> list[Session]:
    """Sessions of that name, followed by those that they wait for."""
    named = await _sessions(connection, _BY_NAME, application_name)
    blocking = [
        blocker for session in named if session.blocked_by for blocker in await blockers(connection, session.pid)
    ]
    return list({session.pid: session for session in [*named, *blocking]}.values())


async def blockers(connection: asyncpg.Connection, pid: int) -> list[Session]:
    """Sessions that the session ``pid`` waits for right now."""
    return await _sessions(connection, _BLOCKERS, pid)


async def lock_holders(connection: asyncpg.Connection) -> list[Session]:
    """Sessions that hold our lock on this database."""
    return await _sessions(connection, _HOLDERS)


async def started_at(connection: asyncpg.Connection, session: Session | Link) -> datetime | None:
    """When that very session began on the server, which a link may not know yet; None when it is gone."""
    if isinstance(session, Link) and session.started_at is None:
        age = clock.monotonic() - session.opened - 1.0
        session.started_at = await connection.fetchval(_STARTED, session.pid, age, timeout=OWN_SECONDS)
    return session.started_at


async def is_busy(connection: asyncpg.Connection, link: Link) -> bool:
    """Whether that very session is at work; when it is not, its answer is on the way, or lost."""
    started = await started_at(connection, link)
    state = await connection.fetchval(_STATE, link.pid, started, timeout=OWN_SECONDS)
    return state in ("active", "fastpath function call")


async def cancel(connection: asyncpg.Connection, session: Session | Link) -> bool:
    """Cancel what that very session runs, not what a later session with its pid does."""
    started = await started_at(connection, session)
    return bool(await connection.fetchval(_CANCEL, session.pid, started, timeout=OWN_SECONDS))


async def terminate(connection: asyncpg.Connection, session: Session | Link) -> bool:
    """End that very session; False when it is gone already."""
    started = await started_at(connection, session)
    return bool(await connection.fetchval(_TERMINATE, session.pid, started, timeout=OWN_SECONDS))


async def _sessions(connection: asyncpg.Connection, query: str, *args: Any) -> list[Session]:
    rows = await connection.fetch(query, *args, timeout=OWN_SECONDS)
    return [
        Session(
            pid=row["pid"],
            username=row["usename"],
            database=row["datname"],
            application_name=row["application_name"] or "",
            client=row["client"],
            state=row["state"],
            started_at=row["backend_start"],
            transaction_started_at=row["xact_start"],
            waits_for=row["waits_for"],
            blocked_by=tuple(row["blocked_by"]),
            query=row["query"] or "",
        )
        for row in rows
    ]
