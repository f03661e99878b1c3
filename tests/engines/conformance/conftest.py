"""Every engine in turn, on a server that other tests use too, and on one of the tests' own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.engines import dialects
from tests.engines.dialects import Dialect
from tests.mariadb_server import mariadb_database as mariadb_database
from tests.mariadb_server import mariadb_server as mariadb_server
from tests.own_servers import OwnServer
from tests.own_servers import own_mariadb as own_mariadb
from tests.own_servers import own_postgres as own_postgres

ENGINES = ("postgres", "mariadb")


@pytest.fixture(params=ENGINES)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    """The engine under test, with an empty database."""
    if request.param == "postgres":
        return dialects.postgres(request.getfixturevalue("postgres_server"), request.getfixturevalue("fresh_database"))
    return dialects.mariadb(request.getfixturevalue("mariadb_server"), request.getfixturevalue("mariadb_database"))


@pytest.fixture
async def on(dialect: Dialect) -> Dialect:
    """The engine under test, with a table ``t`` to change."""
    await dialect.query("CREATE TABLE t (a int)")
    return dialect


@dataclass(frozen=True)
class Own:
    """An engine with a database on a server of our own, which speaks TLS.

    Args:
        server: which may be killed and started.
    """

    dialect: Dialect
    server: OwnServer[Any]

    async def prepare(self) -> None:
        """Make the table, and have nothing of an earlier test in the ledger."""
        await self.dialect.query("CREATE TABLE t (a int)")
        if self.dialect.engine.capabilities.ledger_scope == "server":
            await self.dialect.query("DROP DATABASE IF EXISTS penstock")


@pytest.fixture(params=ENGINES)
def own(request: pytest.FixtureRequest, session_runner: asyncio.Runner) -> Iterator[Own]:
    """The engine under test on a server of our own, with a table ``t`` to change and without a ledger."""
    server: OwnServer[Any] = request.getfixturevalue(f"own_{request.param}")
    database = session_runner.run(server.server.create_database())
    make = dialects.postgres if request.param == "postgres" else dialects.mariadb
    found = Own(make(server.server, database), server)
    session_runner.run(found.prepare())
    yield found
    session_runner.run(server.server.drop_database(database))
