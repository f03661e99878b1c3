"""The PostgreSQL server that tests run against, and databases on it that live as long as one test."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

import asyncpg


@dataclass(frozen=True)
class PostgresServer:
    """A server on which the tests are superuser.

    Args:
        host: name or address.
        port: TCP port.
        user: a superuser.
        password: empty when the server trusts us.
    """

    host: str
    port: int
    user: str
    password: str = ""

    @classmethod
    def from_url(cls, url: str) -> PostgresServer:
        """Read ``postgresql://user:password@host:port/…``; with or without a driver in the scheme."""
        parts = urlsplit(url)
        return cls(
            host=parts.hostname or "127.0.0.1",
            port=parts.port or 5432,
            user=unquote(parts.username or "postgres"),
            password=unquote(parts.password or ""),
        )

    def url(self, database: str = "postgres") -> str:
        """A DSN for asyncpg (and psql)."""
        return f"postgresql://{self._address(database)}"

    def sqlalchemy_url(self, database: str = "postgres") -> str:
        """A URL for SQLAlchemy with the asyncpg driver."""
        return f"postgresql+asyncpg://{self._address(database)}"

    async def create_database(self, template: str | None = None) -> str:
        """Create a database with a random name, as a copy of another one if given, and answer its name."""
        name = f"penstock_test_{secrets.token_hex(6)}"
        await self.execute(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template}"' if template else ""))
        return name

    async def drop_database(self, name: str) -> None:
        """Drop a database, ending whatever still uses it."""
        await self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    async def execute(self, statement: str, database: str = "postgres") -> None:
        """Run one statement as superuser on a connection of its own."""
        connection = await asyncpg.connect(self.url(database), timeout=10)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    def _address(self, database: str) -> str:
        password = f":{quote(self.password, safe='')}" if self.password else ""
        return f"{quote(self.user, safe='')}{password}@{self.host}:{self.port}/{database}"


async def find_server() -> PostgresServer | None:
    """Answer the local server that trusts us, if there is one."""
    for user in ("postgres", "root"):
        server = PostgresServer("127.0.0.1", 5432, user)
        try:
            await server.execute("SELECT 1")
        except (OSError, asyncpg.PostgresError):
            continue
        return server
    return None
