"""What the conformance suite needs of an engine: a target database, requests for it, and a look inside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from hashlib import sha256
from typing import Any

import asyncpg
import pytest

from penstock.engines.base import ApplyRequest, ApplyResult, Engine, Target
from penstock.engines.registry import engine_for
from tests.engines.recorder import Recorder
from tests.postgres_server import PostgresServer

Apply = Callable[..., Coroutine[Any, Any, ApplyResult]]


def change(statement: str | bytes, version: str = "1", **other: Any) -> ApplyRequest:
    """A request for one change of the project ``shop``."""
    data = statement.encode() if isinstance(statement, str) else statement
    fields: dict[str, Any] = {
        "deployment": "test",
        "project": "shop",
        "version": version,
        "name": "a change",
        "statement": data,
        "change_digest": "sha256:" + sha256(data).hexdigest(),
        "release_digest": "sha256:" + "0" * 64,
        "run_id": "run-1",
        "task_id": 1,
        "attempt": 1,
        "actor": "ana@example.com",
        "lock_timeout": 0.2,
    }
    return ApplyRequest(**{**fields, **other})


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
def apply(engine: Engine, target: Target) -> Apply:
    """Apply a change to the target in a session of its own."""

    async def apply_it(statement: str | bytes = "", port: Recorder | None = None, **other: Any) -> ApplyResult:
        return await engine.apply(target, change(statement, **other), port or Recorder())

    return apply_it


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
