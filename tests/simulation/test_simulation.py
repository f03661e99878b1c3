"""Thousands of small worlds in which everything goes wrong that can: no law is ever broken."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.simulation.conftest import Worlds
from tests.simulation.world import World

# What must have happened now and then for a run to prove anything.
DANGERS: tuple[str, ...] = ("kill", "kill_at_point", "stop", "block", "drain", "cut", "swallow")
DANGERS += ("restart_target", "lose_store", "cancel", "gate", "shut_out")
DANGERS += ("task rescued", "session taken over", "zombie commits")
TELL_EVERY = 5000
THIS = "tests/simulation/test_simulation.py"


@pytest.mark.timeout(0)
def test_every_world_ends_well(worlds: Worlds, capsys: pytest.CaptureFixture[str]) -> None:
    happened: Counter[str] = Counter()
    seeds = range(worlds.first, worlds.seeds) if worlds.shown is None else [worlds.shown]
    for seed in seeds:
        outcome = World(seed).run()
        happened.update(outcome.happened)
        if outcome.broken is not None or worlds.shown is not None:
            with capsys.disabled():
                print(f"\n{outcome.trace}")
        assert outcome.broken is None, f"{outcome.broken}: ./scripts/test {THIS} --seed {seed} shows it"
        if (seed + 1) % TELL_EVERY == 0:
            with capsys.disabled():
                print(f"simulation: {seed + 1} worlds are well; go on with --from {seed + 1}", flush=True)
    print(f"simulation: {dict(happened)}")
    if len(seeds) >= 1000:
        assert [danger for danger in DANGERS if not happened[danger]] == []
