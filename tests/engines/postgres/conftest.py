"""A PostgreSQL database as the target, and connections to look inside and to get in the way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest

from penstock.engines.base import Engine, Target
from penstock.engines.registry import engine_for
from tests.postgres_server import PostgresServer

PASSWORD = "canary-b7e1-secret"


@pytest.fixture
def engine() -> Engine:
    """The engine under test."""
    return engine_for("postgres")


@pytest.fixture
def target(postgres_server: PostgresServer, fresh_database: str) -> Target:
    """A new, empty database."""
    server = postgres_server
    return Target("postgres", server.host, server.port, server.user, server.password, database=fresh_database)


@pytest.fixture
async def database(postgres_server: PostgresServer, fresh_database: str) -> AsyncIterator[asyncpg.Connection]:
    """A plain connection to the target, to look inside and to get in the way."""
    connection = await asyncpg.connect(postgres_server.url(fresh_database))
    yield connection
    await connection.close()


@pytest.fixture
async def bystander(postgres_server: PostgresServer, fresh_database: str) -> AsyncIterator[asyncpg.Connection]:
    """A second plain connection to the target."""
    connection = await asyncpg.connect(postgres_server.url(fresh_database))
    yield connection
    await connection.close()


@pytest.fixture
async def weak(database: asyncpg.Connection, target: Target) -> AsyncIterator[Target]:
    """A login that may only sign in."""
    name = "weak_" + (target.database or "")[-12:]
    await database.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    await database.execute(f"GRANT CREATE ON SCHEMA public TO {name}")
    yield replace(target, username=name, password=PASSWORD)
    await database.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")
