"""Twins on MariaDB: ``mariadb`` and ``mariadb-dump``."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from penstock.engines.mysql.driver import Connection
from tests.inputs import catalogs, twins
from tests.inputs.histories import Script
from tests.mariadb_server import MariaDbServer

# How many rows there were, and who made an object from where.
_INCIDENTAL: Final = re.compile(r" AUTO_INCREMENT=\d+| DEFINER=`[^`]*`@`[^`]*`")


@dataclass(frozen=True)
class MariaDbTwins:
    """Implements `tests.inputs.twins.Twins`."""

    server: MariaDbServer
    engine: str = "mariadb"

    async def create(self) -> str:
        """See the protocol."""
        return await self.server.create_database()

    async def drop(self, database: str) -> None:
        """See the protocol."""
        await self.server.drop_database(database)

    async def by_client(
        self, database: str, scripts: Sequence[Script], *, port: int | None = None, comments: bool = True
    ) -> None:
        """Each script in a session of its own; see the protocol."""
        options = [f"--database={database}", "--comments" if comments else "--skip-comments"]
        for script in scripts:
            await self._run("mariadb", options, script.text, port)

    async def schema_of(self, database: str) -> str:
        """See the protocol."""
        options = ["--no-data", "--routines", "--triggers", "--events", "--skip-comments", database]
        return _INCIDENTAL.sub("", await self._run("mariadb-dump", options))

    async def ledger(self, database: str) -> list[str]:
        """See the protocol."""
        there = "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'penstock' AND TABLE_NAME = 'ledger'"
        if not await self.server.execute(there):
            return []
        query = f"SELECT version FROM penstock.ledger WHERE database_name = '{database}' ORDER BY applied_at"
        return [row[0] for row in await self.server.execute(query)]

    @asynccontextmanager
    async def session(self, database: str) -> AsyncIterator[MariaDbSession]:
        """See the protocol."""
        connection = await self.server.open(database)
        try:
            yield MariaDbSession(connection)
        finally:
            connection.close()

    async def _run(self, program: str, options: Sequence[str], text: str = "", port: int | None = None) -> str:
        where = ["--no-defaults", "--protocol=tcp", f"--host={self.server.host}", f"--port={port or self.server.port}"]
        command = [program, *where, f"--user={self.server.user}", "--skip-ssl", "--default-character-set=utf8mb4"]
        return await twins.run([*command, *options], os.environ | {"MYSQL_PWD": self.server.password}, text)


class MariaDbSession:
    """Implements `tests.inputs.twins.Session`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def run(self, statement: str) -> bool:
        """See the protocol."""
        await self._connection.run("START TRANSACTION")
        await self._connection.run(statement)
        stayed = bool(await self._connection.value("SELECT @@in_transaction"))
        await self._connection.run("COMMIT")
        return stayed

    async def objects(self) -> frozenset[catalogs.Object]:
        """See the protocol."""
        return catalogs.objects([(row[0], row[1], row[2]) for row in await self._connection.fetch(catalogs.MARIADB)])
