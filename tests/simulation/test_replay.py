"""A world follows from its seed alone, so that what was found once can be looked at as often as needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from penstock.domain import clock, failpoints
from penstock.engines.postgres import connect
from tests.simulation.world import World

ROOT = Path(__file__).parents[2]
SEEDS = range(20)
PROGRAM = f"""
import sys
sys.path[:0] = ["server", "."]
from tests.simulation.world import World
print(*(World(seed).run().digest for seed in reversed(range({len(SEEDS)}))))
"""


def test_a_world_follows_from_its_seed() -> None:
    first, again = World(7).run(), World(7).run()
    assert first.trace == again.trace
    assert len({World(seed).run().digest for seed in SEEDS}) == len(SEEDS)


def test_not_from_the_process_nor_from_what_was_simulated_before() -> None:
    here = [World(seed).run().digest for seed in SEEDS]
    for hash_seed in ("1", "2"):
        there = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert there.stdout.split() == here[::-1]


def test_nothing_of_it_stays_behind() -> None:
    real = connect._connect
    World(1).run()
    assert connect._connect is real
    assert clock.monotonic() != 0.0
    assert failpoints._hook is None
