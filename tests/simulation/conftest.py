"""Options of the simulation; the defaults fit into the ordinary selection."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Worlds:
    """Which worlds are tried, and whether one of them is to be shown."""

    first: int
    seeds: int
    shown: int | None


def pytest_addoption(parser: pytest.Parser) -> None:
    """``pytest tests/simulation --seeds 50000 --from 30000``, or ``--seed 4711`` to see one world."""
    parser.addoption("--seeds", type=int, default=2000, help="How many worlds are simulated.")
    with contextlib.suppress(ValueError):  # the chaos tests have them, too
        parser.addoption("--from", type=int, default=0, dest="first", help="Goes on with an earlier run there.")
    with contextlib.suppress(ValueError):
        parser.addoption("--seed", type=int, default=None, help="Simulates this one, and shows what happens.")


@pytest.fixture
def worlds(request: pytest.FixtureRequest) -> Worlds:
    """The selection."""
    return Worlds(
        request.config.getoption("first", default=0),
        request.config.getoption("--seeds", default=2000),
        request.config.getoption("--seed", default=None),
    )
