"""What the tests that every engine must pass say to it, in its own words, and how they look inside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import asyncpg

from penstock.engines.base import Engine, Target
from penstock.engines.registry import engine_for
from tests.mariadb_server import MariaDbServer
from tests.postgres_server import PostgresServer

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Dialect:
    """One engine under test, with an empty database.

    Args:
        query: run one statement on a connection of its own, and answer its rows.
        sleep: a statement that writes a row of ``t`` and takes a minute.
        sleeping: a query with a row while that statement runs.
        end_session: a statement that ends the session whose id stands for ``{}``.
        begin: a statement that begins a transaction, which no change may.
        tamper: one that changes how the rest of a script is read.
        only_ours: the part of a WHERE that finds our rows in the ledger.
    """

    engine: Engine
    target: Target
    query: Callable[[str], Awaitable[Rows]]
    sleep: str
    sleeping: str
    end_session: str
    begin: str
    tamper: str
    only_ours: str

    async def versions(self) -> list[str]:
        """Versions in the ledger."""
        rows = await self.query(f"SELECT version FROM penstock.ledger WHERE {self.only_ours} ORDER BY version")
        return [row[0] for row in rows]

    async def count(self, table: str = "t") -> int:
        """Rows of a table."""
        return int((await self.query(f"SELECT count(*) FROM {table}"))[0][0])


def postgres(server: PostgresServer, database: str) -> Dialect:
    """PostgreSQL."""

    async def query(statement: str) -> Rows:
        connection = await asyncpg.connect(server.url(database))
        try:
            return [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    return Dialect(
        engine=engine_for("postgres"),
        target=Target("postgres", server.host, server.port, server.user, server.password, database=database),
        query=query,
        sleep="INSERT INTO t SELECT 1 FROM pg_sleep(60)",
        sleeping="SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'",
        end_session="SELECT pg_terminate_backend({})",
        begin="BEGIN",
        tamper="SET standard_conforming_strings = off",
        only_ours="true",
    )


def mariadb(server: MariaDbServer, database: str) -> Dialect:
    """MariaDB."""

    async def query(statement: str) -> Rows:
        return await server.execute(statement, database)

    return Dialect(
        engine=engine_for("mariadb"),
        target=Target("mariadb", server.host, server.port, server.user, server.password, database=database),
        query=query,
        sleep="INSERT INTO t SELECT SLEEP(60)",
        sleeping=(f"SELECT ID FROM information_schema.PROCESSLIST WHERE DB = '{database}' AND STATE = 'User sleep'"),
        end_session="KILL CONNECTION {}",
        begin="START TRANSACTION",
        tamper="SET sql_mode = 'NO_BACKSLASH_ESCAPES'",
        only_ours=f"database_name = '{database}'",
    )
