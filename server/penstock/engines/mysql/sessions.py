"""What the sessions of a task wait for on a MySQL or MariaDB server, as far as that server tells.

Row locks are told by InnoDB.  Who holds a metadata lock is known only where the plugin ``metadata_lock_info`` is
installed; elsewhere those with an open transaction may be the ones, and are marked as uncertain.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pymysql

from penstock.engines.base import Lock, Target, TargetUnavailable, Wait
from penstock.engines.mysql import activity
from penstock.engines.mysql.codes import DENIED
from penstock.engines.mysql.connect import Link, connect_failure, open_link
from penstock.engines.mysql.driver import BROKEN, code_of

_HAS_METADATA_LOCKS: Final = """
    SELECT 1 FROM information_schema.PLUGINS WHERE PLUGIN_NAME = 'METADATA_LOCK_INFO' AND PLUGIN_STATUS = 'ACTIVE'
"""
_METADATA_LOCKS: Final = """
    SELECT THREAD_ID, LOCK_TYPE, TABLE_SCHEMA, TABLE_NAME, LOCK_MODE FROM information_schema.METADATA_LOCK_INFO
    WHERE LOCK_TYPE = 'Table metadata lock'
"""
# Experimental for MySQL, which also tells of metadata locks: no suite has run on such a server yet.
_LOCKS: Final = {
    "mariadb": """
    SELECT t.trx_mysql_thread_id, l.lock_type, l.lock_table, l.lock_mode,
           t.trx_requested_lock_id IS NULL OR t.trx_requested_lock_id <> l.lock_id
    FROM information_schema.INNODB_LOCKS l JOIN information_schema.INNODB_TRX t ON t.trx_id = l.lock_trx_id
    WHERE t.trx_mysql_thread_id IN ({pids})
""",
    "mysql": """
    SELECT t.PROCESSLIST_ID, l.LOCK_TYPE, CONCAT(l.OBJECT_SCHEMA, '.', l.OBJECT_NAME), l.LOCK_MODE,
           l.LOCK_STATUS = 'GRANTED'
    FROM performance_schema.data_locks l JOIN performance_schema.threads t ON t.THREAD_ID = l.THREAD_ID
    WHERE t.PROCESSLIST_ID IN ({pids})
    UNION ALL
    SELECT t.PROCESSLIST_ID, 'METADATA', CONCAT(m.OBJECT_SCHEMA, '.', m.OBJECT_NAME), m.LOCK_TYPE,
           m.LOCK_STATUS = 'GRANTED'
    FROM performance_schema.metadata_locks m JOIN performance_schema.threads t ON t.THREAD_ID = m.OWNER_THREAD_ID
    WHERE m.OBJECT_TYPE = 'TABLE' AND t.PROCESSLIST_ID IN ({pids})
""",
}
_MetadataLocks = list[tuple[Any, ...]]


def locks_of(flavour: str, pids: Sequence[int]) -> str:
    """The query for the locks that sessions hold or want."""
    return _LOCKS[flavour].format(pids=", ".join(str(int(pid)) for pid in pids))


async def waits(target: Target, application_name: str) -> list[Wait]:
    """See `penstock.engines.base.Engine.waits`."""
    link = await open_link(target)
    try:
        return await _waits(link, target.database or "", application_name)
    except BROKEN as error:
        raise TargetUnavailable(connect_failure(target, error)) from error
    finally:
        link.connection.close()


async def _waits(link: Link, database: str, application_name: str) -> list[Wait]:
    connection = link.connection
    metadata = await _metadata_locks(link)
    named = await activity.by_name(connection, application_name, link.flavour)
    own = [s for s in named if s.application_name == application_name]
    holder = await activity.holder(connection, database)
    holders = [holder] if holder is not None and holder.pid not in {s.pid for s in own} else []
    certain: dict[int, bool] = {}
    for session in own:
        in_metadata = activity.METADATA_WAIT in (session.waits_for or "")
        told = _same_table(metadata, session.pid) if metadata is not None and in_metadata else None
        for pid in session.blocked_by if told is None else told:
            certain[pid] = not in_metadata or told is not None or link.flavour != "mariadb"
    known = {s.pid for s in (*own, *holders)}
    blockers = await activity.sessions(connection, [pid for pid in certain if pid not in known])
    locks = await _locks(link, [s.pid for s in (*own, *holders, *blockers)], metadata or [])
    found = [Wait(s, "own", locks=locks.get(s.pid, ())) for s in own]
    found += [Wait(s, "holder", locks=locks.get(s.pid, ())) for s in holders]
    return found + [Wait(s, "blocker", certain[s.pid], locks.get(s.pid, ())) for s in blockers]


def _same_table(metadata: _MetadataLocks, pid: int) -> list[int]:
    """Sessions with a lock on a table that this one has a lock on, too: it wants a stronger one."""
    mine = {row[2:4] for row in metadata if row[0] == pid}
    return list(dict.fromkeys(row[0] for row in metadata if row[0] != pid and row[2:4] in mine))


async def _metadata_locks(link: Link) -> _MetadataLocks | None:
    if link.flavour != "mariadb" or not await link.connection.value(_HAS_METADATA_LOCKS):
        return None
    return await link.connection.fetch(_METADATA_LOCKS)


async def _locks(link: Link, pids: Sequence[int], metadata: _MetadataLocks) -> dict[int, list[Lock]]:
    found: dict[int, list[Lock]] = {}
    for pid, _, schema, table, mode in metadata:
        if pid in pids:
            found.setdefault(pid, []).append(Lock("metadata", f"{schema}.{table}", mode, granted=True))
    if not pids:
        return found
    try:
        rows = await link.connection.fetch(locks_of(link.flavour, pids))
    except pymysql.err.MySQLError as error:
        if code_of(error) not in DENIED:
            raise
        return found  # not allowed to look: needs PROCESS
    for pid, kind, table, mode, granted in rows:
        name = str(table).replace("`", "")
        found.setdefault(pid, []).append(Lock(str(kind).lower(), name, mode, granted=bool(granted)))
    return found
