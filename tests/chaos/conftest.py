"""Options of the chaos tests; the defaults fit into the ordinary selection."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Chaos:
    """How much of it, and which."""

    kills: int
    seed: int


def pytest_addoption(parser: pytest.Parser) -> None:
    """``pytest tests/chaos --kills 1000 --seed 7``."""
    parser.addoption("--kills", type=int, default=20, help="How many runner processes are killed.")
    parser.addoption("--seed", type=int, default=None, help="Repeats the choices of an earlier run.")


@pytest.fixture
def chaos(request: pytest.FixtureRequest) -> Chaos:
    """The amount and the seed, which a failure shows."""
    seed = request.config.getoption("--seed", default=None)
    chosen = Chaos(request.config.getoption("--kills", default=20), random.randrange(10**6) if seed is None else seed)
    print(f"chaos: --kills {chosen.kills} --seed {chosen.seed}")
    return chosen
