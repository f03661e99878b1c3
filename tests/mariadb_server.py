"""The MariaDB server that tests run against, and databases on it that live as long as one test."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from penstock.engines.mysql.driver import BROKEN, Connection, connect, text
from penstock.engines.mysql.driver import name as quoted
from tests.waiting import eventually


@dataclass(frozen=True)
class MariaDbServer:
    """A server on which the tests may do everything."""

    host: str
    port: int
    user: str
    password: str = ""

    async def open(self, database: str | None = None) -> Connection:
        """A plain connection."""
        options = {"host": self.host, "port": self.port, "user": self.user, "password": self.password, "db": database}
        return await connect(timeout=10, tls=None, may_go_clear=True, **options)

    async def create_database(self) -> str:
        """Create a database with a random name, and answer its name."""
        name = f"penstock_test_{secrets.token_hex(6)}"
        await self.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
        return name

    async def drop_database(self, name: str) -> None:
        """Drop a database, and what our ledger knows of it."""
        await self.execute(f"DROP DATABASE IF EXISTS {quoted(name)}")
        for table in ("ledger", "journal", "holder", "definition"):
            if await self.execute(
                f"SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'penstock' AND TABLE_NAME = '{table}'"
            ):
                await self.execute(f"DELETE FROM penstock.{table} WHERE database_name = {text(name)}")

    async def execute(self, statement: str, database: str | None = None) -> list[tuple[Any, ...]]:
        """Run one statement on a connection of its own, and answer its rows."""
        connection = await self.open(database)
        try:
            return await connection.fetch(statement)
        finally:
            connection.close()


def from_url(url: str) -> MariaDbServer:
    """Read ``mysql://user:password@host:port/``."""
    parts = urlsplit(url)
    user, password = unquote(parts.username or "root"), unquote(parts.password or "")
    return MariaDbServer(parts.hostname or "127.0.0.1", parts.port or 3306, user, password)


async def find_server(usual: str = "mysql://root@127.0.0.1:3306/") -> MariaDbServer | None:
    """The server named by ``$PENSTOCK_TEST_MARIADB``, else the usual one if it is there and trusts us.

    Raises what the driver does when the named one does not answer.
    """
    if named := os.environ.get("PENSTOCK_TEST_MARIADB"):
        server = from_url(named)
        await server.execute("SELECT 1")
        return server
    server = from_url(usual)
    return server if await _answers(server) else None


@contextlib.asynccontextmanager
async def own_server(folder: Path, *, durable: bool = False) -> AsyncIterator[MariaDbServer]:
    """Start a server of our own on a free port, with its data in a folder, and stop it at the end.

    Args:
        durable: flush what is written, which is what servers usually do and no test needs.

    Raises:
        LookupError: MariaDB is not installed.
    """
    server, install = program("mariadbd"), program("mariadb-install-db")
    user = ["--user=nobody"] if os.geteuid() == 0 else []
    if user:
        shutil.chown(folder, "nobody")
    # A server that starts removes all temporary tables that lie where it keeps its own, also those of others.
    options = [f"--datadir={folder / 'data'}", f"--tmpdir={folder}", *user]
    options += [] if durable else ["--debug-no-sync"]
    command = [install, "--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", *options]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL)
    assert await process.wait() == 0
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    own = [f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder / 'socket'}"]
    own += [f"--log-error={folder / 'log'}", f"--innodb-flush-log-at-trx-commit={int(durable)}"]
    process = await asyncio.create_subprocess_exec(server, "--no-defaults", *options, *own)
    found = MariaDbServer("127.0.0.1", port, "root")
    try:
        await eventually(lambda: _answers(found), timeout=60, every=0.1, message="our MariaDB to answer")
        yield found
    finally:
        process.terminate()
        await process.wait()


def program(name: str) -> str:
    """Where a program of MariaDB's is. Raises `LookupError`."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
    if found is None:
        raise LookupError(f"There is no {name}; set PENSTOCK_TEST_MARIADB, or apt-get install mariadb-server")
    return found


async def _answers(server: MariaDbServer) -> bool:
    try:
        await server.execute("SELECT 1")
    except BROKEN:
        return False
    return True


@pytest.fixture(scope="session")
def mariadb_server(session_runner: asyncio.Runner) -> Iterator[MariaDbServer]:
    """The test server: $PENSTOCK_TEST_MARIADB, else one of our own, which flushes nothing."""
    if named := os.environ.get("PENSTOCK_TEST_MARIADB"):
        yield from_url(named)
        return
    folder = Path(tempfile.mkdtemp(prefix="penstock-mariadb-"))
    folder.chmod(0o755)
    own = own_server(folder)
    try:
        yield session_runner.run(own.__aenter__())
    finally:
        session_runner.run(own.__aexit__(None, None, None))
        shutil.rmtree(folder)


@pytest.fixture
def mariadb_database(session_runner: asyncio.Runner, mariadb_server: MariaDbServer) -> Iterator[str]:
    """The name of a new, empty database on the MariaDB server; dropped afterwards, with its rows in our ledger."""
    name = session_runner.run(mariadb_server.create_database())
    yield name
    session_runner.run(mariadb_server.drop_database(name))
