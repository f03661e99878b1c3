"""Reads the history tables of other tools on a MySQL or MariaDB server."""

from __future__ import annotations

from typing import Final

from penstock.engines import history
from penstock.engines.base import HistoryEntry, Target, TargetUnavailable
from penstock.engines.mysql.connect import connect_failure, open_connection
from penstock.engines.mysql.driver import BROKEN, Connection, name, text

_TABLES: Final = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {database} ORDER BY TABLE_NAME"
_HAS_BYTEBASE: Final = """
    SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'bytebase' AND TABLE_NAME = 'migration_history'
"""
_BYTEBASE: Final = """
    SELECT version, description, created_ts, sequence, CONCAT('sha256:', SHA2(CONVERT(statement USING utf8mb4), 256))
    FROM bytebase.migration_history WHERE namespace = {database} AND status = 'DONE'
"""


async def read(target: Target) -> list[HistoryEntry]:
    """See `penstock.engines.base.Engine.history`."""
    connection = await open_connection(target)
    try:
        return await _read(connection, text(target.database or ""))
    except BROKEN as error:
        raise TargetUnavailable(connect_failure(target, error)) from error
    finally:
        connection.close()


async def _read(connection: Connection, database: str) -> list[HistoryEntry]:
    found = []
    for (table,) in await connection.fetch(_TABLES.format(database=database)):
        if (known := history.TABLES.get(table.lower())) is not None:  # Liquibase writes its table's name in capitals
            tool, columns = known
            names = ", ".join(map(name, columns))
            rows = await connection.fetch(f"SELECT {names} FROM {name(table)}")
            found += history.entries(tool, [dict(zip(columns, row, strict=True)) for row in rows])
    if await connection.value(_HAS_BYTEBASE):
        rows = await connection.fetch(_BYTEBASE.format(database=database))
        found += history.entries("bytebase", [dict(zip(history.BYTEBASE, row, strict=True)) for row in rows])
    return found
