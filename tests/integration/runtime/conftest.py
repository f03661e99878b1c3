"""Worlds for the tests of the whole: with a runner, and calm ones in which nothing moves by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.builders import Site, World, open_world


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
