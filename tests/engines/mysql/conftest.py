"""A MariaDB database as the target, and connections to look inside and to get in the way."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from penstock.engines.base import Engine, Target
from penstock.engines.mysql.driver import Connection
from penstock.engines.registry import engine_for
from tests.mariadb_server import MariaDbServer
from tests.mariadb_server import mariadb_database as mariadb_database
from tests.mariadb_server import mariadb_server as mariadb_server


@pytest.fixture
def engine() -> Engine:
    """The engine under test."""
    return engine_for("mariadb")


@pytest.fixture
def target(mariadb_server: MariaDbServer, mariadb_database: str) -> Target:
    """A new, empty database."""
    server = mariadb_server
    return Target("mariadb", server.host, server.port, server.user, server.password, database=mariadb_database)


@pytest.fixture
async def inside(mariadb_server: MariaDbServer, mariadb_database: str) -> AsyncIterator[Connection]:
    """A plain connection to the target, to look inside and to get in the way."""
    connection = await mariadb_server.open(mariadb_database)
    yield connection
    connection.close()


@pytest.fixture
async def bystander(mariadb_server: MariaDbServer, mariadb_database: str) -> AsyncIterator[Connection]:
    """A second plain connection to the target."""
    connection = await mariadb_server.open(mariadb_database)
    yield connection
    connection.close()
