"""Planted mistakes are found: what the simulation would not see, it could not vouch for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.simulation.bugs import BUGS
from tests.simulation.world import World


@pytest.mark.timeout(300)
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_a_planted_mistake_is_found(bug: Callable[[], Any]) -> None:
    within, law = BUGS[bug]
    for seed in range(within):
        with bug():
            broken = World(seed).run().broken
        if broken is not None and re.search(law, broken):
            print(f"{bug.__name__} is found by seed {seed}: {broken}")
            return
    pytest.fail(f"{bug.__name__} is not found by {within} seeds")
