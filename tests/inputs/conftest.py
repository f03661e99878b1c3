"""A running Penstock, and databases of a history's engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.inputs.histories import History
from tests.inputs.mariadb_twins import MariaDbTwins
from tests.inputs.postgres_twins import PostgresTwins
from tests.inputs.twins import Twins
from tests.installation import Installation, installation
from tests.mariadb_server import mariadb_server as mariadb_server


@pytest.fixture
def twins(history: History, request: pytest.FixtureRequest) -> Twins:
    """Databases and programs of the engine that the history is for."""
    if history.engine == "postgres":
        return PostgresTwins(request.getfixturevalue("postgres_server"))
    return MariaDbTwins(request.getfixturevalue("mariadb_server"))


@pytest.fixture
def database(session_runner: asyncio.Runner, twins: Twins) -> Iterator[str]:
    """An empty database, dropped afterwards."""
    made = session_runner.run(twins.create())
    yield made
    session_runner.run(twins.drop(made))


@pytest.fixture
async def penstock(database: str, metadata_url: str, twins: Twins) -> AsyncIterator[Installation]:
    """A running Penstock whose project has the database; it stops before that goes."""
    async with installation(metadata_url) as running:
        await running.register(twins.server, engine=twins.engine)
        await running.adopt([database])
        yield running
