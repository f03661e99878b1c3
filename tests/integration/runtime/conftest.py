"""Worlds for the tests of the whole: with a runner, and calm ones in which nothing moves by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.builders import Site, World, open_world
from tests.postgres_server import PostgresServer


@pytest.fixture(scope="session")
def site(session_runner: asyncio.Runner, postgres_server: PostgresServer, migrated_template: str) -> Iterator[Site]:
    """A metadata database with people, environments and instances, and a stock of target databases."""
    name = session_runner.run(postgres_server.create_database(template=migrated_template))
    made = Site(postgres_server, postgres_server.sqlalchemy_url(name))
    session_runner.run(made.furnish())
    yield made
    session_runner.run(made.close())
    session_runner.run(postgres_server.drop_database(name))


@pytest.fixture
async def calm(site: Site) -> AsyncIterator[World]:
    """A world without a runner: tasks become ready and stay so."""
    async with open_world(site) as world:
        yield world


@pytest.fixture
async def world(calm: World) -> AsyncIterator[World]:
    """A world with a runner."""
    await calm.start()
    yield calm
