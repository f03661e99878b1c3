"""Looks at the server's other sessions: who holds our lock, who blocks us; and ends those that are ours to end."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final

import pymysql

from penstock.engines.base import Session
from penstock.engines.mysql.driver import Connection, code_of, text

_PROCESSES: Final = """
    SELECT p.ID, p.USER, p.DB, p.HOST, p.COMMAND, p.STATE, LEFT(p.INFO, 500),
           (SELECT h.application_name FROM penstock.holder h WHERE h.connection_id = p.ID LIMIT 1)
    FROM information_schema.PROCESSLIST p WHERE p.ID IN ({pids}) ORDER BY p.ID
"""
_PLAIN_PROCESSES: Final = """
    SELECT p.ID, p.USER, p.DB, p.HOST, p.COMMAND, p.STATE, LEFT(p.INFO, 500), NULL
    FROM information_schema.PROCESSLIST p WHERE p.ID IN ({pids}) ORDER BY p.ID
"""
_ROW_LOCKS: Final = {
    "mariadb": """
        SELECT DISTINCT b.trx_mysql_thread_id FROM information_schema.INNODB_LOCK_WAITS w
        JOIN information_schema.INNODB_TRX r ON r.trx_id = w.requesting_trx_id
        JOIN information_schema.INNODB_TRX b ON b.trx_id = w.blocking_trx_id
        WHERE r.trx_mysql_thread_id = {pid}
    """,
    # Experimental: no suite has run on a MySQL server yet.
    "mysql": """
        SELECT b.PROCESSLIST_ID FROM performance_schema.data_lock_waits w
        JOIN performance_schema.threads r ON r.THREAD_ID = w.REQUESTING_THREAD_ID
        JOIN performance_schema.threads b ON b.THREAD_ID = w.BLOCKING_THREAD_ID
        WHERE r.PROCESSLIST_ID = {pid}
        UNION SELECT blocking_pid FROM sys.schema_table_lock_waits WHERE waiting_pid = {pid} AND blocking_pid <> {pid}
    """,
}
_OPEN_TRANSACTIONS: Final = """
    SELECT trx_mysql_thread_id FROM information_schema.INNODB_TRX
    WHERE trx_mysql_thread_id NOT IN (0, {pid}) AND trx_mysql_thread_id <> CONNECTION_ID()
"""
METADATA_WAIT: Final = "metadata lock"
_NO_SUCH_TABLE: Final = frozenset({1049, 1109, 1142, 1146, 1227, 1044})


def row_lock_waits(flavour: str, pid: int) -> str:
    """The query for the sessions whose locks a session waits for."""
    return _ROW_LOCKS[flavour].format(pid=int(pid))


def lock_name(database: str) -> str:
    """The name of our lock on a database; servers allow 64 characters and do not tell cases apart."""
    return "penstock:" + sha256(database.encode()).hexdigest()[:32]


async def holder(connection: Connection, database: str) -> Session | None:
    """The session that holds our lock on a database."""
    pid = await connection.value(f"SELECT IS_USED_LOCK('{lock_name(database)}')")
    found = await sessions(connection, [pid]) if pid else []
    return found[0] if found else None


async def by_name(connection: Connection, application_name: str, flavour: str) -> list[Session]:
    """Sessions of that name that hold a lock of ours, followed by those that they wait for."""
    try:
        rows = await connection.fetch(
            "SELECT database_name, connection_id FROM penstock.holder"
            f" WHERE application_name = {text(application_name)}"
        )
    except pymysql.err.MySQLError as error:
        if code_of(error) in _NO_SUCH_TABLE:
            return []
        raise
    named = [pid for database, pid in rows if await holds(connection, database, pid)]
    waits = {pid: await blockers(connection, pid, flavour) for pid in named}
    found = await sessions(connection, named, {pid: [s.pid for s in by] for pid, by in waits.items()})
    return list({s.pid: s for s in [*found, *(s for by in waits.values() for s in by)]}.values())


async def holds(connection: Connection, database: str, pid: int) -> bool:
    """Whether that session holds our lock on the database: what nobody else's later session does."""
    return bool(await connection.value(f"SELECT IS_USED_LOCK('{lock_name(database)}') = {pid}"))


async def blockers(connection: Connection, pid: int, flavour: str) -> list[Session]:
    """Sessions that the session ``pid`` waits for right now, as far as the server tells.

    MariaDB does not say who holds a metadata lock: then these are the sessions that have a transaction open.
    """
    try:
        pids = [row[0] for row in await connection.fetch(row_lock_waits(flavour, pid))]
        if not pids and flavour == "mariadb" and METADATA_WAIT in (await state_of(connection, pid))[1]:
            pids = [row[0] for row in await connection.fetch(_OPEN_TRANSACTIONS.format(pid=pid))]
    except pymysql.err.MySQLError as error:
        if code_of(error) in _NO_SUCH_TABLE:
            return []  # not allowed to look
        raise
    return await sessions(connection, pids)


async def state_of(connection: Connection, pid: int) -> tuple[str, str]:
    """The session's command and state; empty when it is gone."""
    rows = await connection.fetch(f"SELECT COMMAND, STATE FROM information_schema.PROCESSLIST WHERE ID = {pid}")
    return (rows[0][0] or "", rows[0][1] or "") if rows else ("", "")


async def cancel(connection: Connection, database: str, pid: int) -> bool:
    """Cancel what the session runs, if it is the one that holds our lock."""
    return await _kill(connection, database, pid, "KILL QUERY")


async def terminate(connection: Connection, database: str, pid: int) -> bool:
    """End the session, if it is the one that holds our lock."""
    return await _kill(connection, database, pid, "KILL CONNECTION")


async def _kill(connection: Connection, database: str, pid: int, order: str) -> bool:
    if not await holds(connection, database, pid):
        return False
    try:
        await connection.run(f"{order} {pid}")
    except pymysql.err.MySQLError as error:
        if code_of(error) != 1094:  # no such thread: it has just ended
            raise
        return False
    return True


async def sessions(
    connection: Connection, pids: Sequence[int], blocked_by: dict[int, list[int]] | None = None
) -> list[Session]:
    """What the server shows of some sessions."""
    if not pids:
        return []
    wanted = ", ".join(str(int(pid)) for pid in pids)
    try:
        rows = await connection.fetch(_PROCESSES.format(pids=wanted))
    except pymysql.err.MySQLError as error:
        if code_of(error) not in _NO_SUCH_TABLE:
            raise
        rows = await connection.fetch(_PLAIN_PROCESSES.format(pids=wanted))
    return [_session(row, (blocked_by or {}).get(row[0], [])) for row in rows]


def _session(row: tuple[Any, ...], blocked_by: list[int]) -> Session:
    pid, user, database, client, command, state, query, application_name = row
    waits = state if state and "lock" in state.lower() else "Row lock" if blocked_by else None
    return Session(
        pid=pid,
        username=user,
        database=database,
        application_name=application_name or "",
        client=client,
        state="idle" if command == "Sleep" else "active",
        started_at=None,
        transaction_started_at=None,
        waits_for=waits,
        blocked_by=tuple(blocked_by),
        query=query or "",
    )
