"""A running Penstock, and pairs of empty databases to compare."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from tests.installation import Installation, installation
from tests.postgres_server import PostgresServer


@dataclass(frozen=True)
class Twins:
    """Two databases that begin alike: one gets its changes from Penstock, the other from ``psql``."""

    by_penstock: str
    by_psql: str


@pytest.fixture
def twins(session_runner: asyncio.Runner, postgres_server: PostgresServer) -> Iterator[Twins]:
    """Two empty databases, dropped afterwards."""
    made = [session_runner.run(postgres_server.create_database()) for _ in range(2)]
    yield Twins(*made)
    for name in made:
        session_runner.run(postgres_server.drop_database(name))


@pytest.fixture
async def penstock(twins: Twins, metadata_url: str, postgres_server: PostgresServer) -> AsyncIterator[Installation]:
    """A running Penstock whose project has the first twin; it stops before the databases go."""
    async with installation(metadata_url) as running:
        await running.register(postgres_server)
        await running.adopt([twins.by_penstock])
        yield running
