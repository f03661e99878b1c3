"""Reads the history tables of other tools in a PostgreSQL database."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import asyncpg

from penstock.engines import history
from penstock.engines.base import HistoryEntry, Target, TargetUnavailable
from penstock.engines.postgres.connect import OWN_SECONDS, connect_failure, open_connection
from penstock.engines.postgres.line import BROKEN

_TABLES: Final = """
    SELECT n.nspname, c.relname FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND c.relname = ANY ($1) AND NOT pg_catalog.starts_with(n.nspname, 'pg_')
    ORDER BY n.nspname, c.relname
"""
_BYTEBASE: Final = """
    SELECT version, description, created_ts, sequence,
           'sha256:' || pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(statement, 'UTF8')), 'hex') AS digest
    FROM public.migration_history WHERE namespace = $1 AND status = 'DONE'
"""
_HAS_BYTEBASE: Final = "SELECT 1 FROM pg_catalog.pg_database WHERE datname = 'bytebase' AND datallowconn"


async def read(target: Target) -> list[HistoryEntry]:
    """See `penstock.engines.base.Engine.history`."""
    connection = await open_connection(target)
    try:
        found = []
        for schema, table in await connection.fetch(_TABLES, list(history.TABLES), timeout=OWN_SECONDS):
            tool, columns = history.TABLES[table]
            names = ", ".join(f'"{column}"' for column in columns)
            place = f'"{schema.replace(chr(34), chr(34) * 2)}"."{table}"'
            rows = await connection.fetch(f"SELECT {names} FROM {place}", timeout=OWN_SECONDS)
            found += history.entries(tool, [dict(row) for row in rows])
        if await connection.fetchval(_HAS_BYTEBASE, timeout=OWN_SECONDS):
            found += await _bytebase(target)
        return found
    except BROKEN as error:
        raise TargetUnavailable(connect_failure(target, error)) from error
    finally:
        connection.terminate()


async def _bytebase(target: Target) -> list[HistoryEntry]:
    connection = await open_connection(replace(target, database="bytebase"))
    try:
        rows = await connection.fetch(_BYTEBASE, target.database, timeout=OWN_SECONDS)
        return history.entries("bytebase", [dict(row) for row in rows])
    except asyncpg.UndefinedTableError:
        return []  # a database of that name, and nothing more
    finally:
        connection.terminate()
