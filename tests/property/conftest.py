"""Options of the state machine, whose defaults fit into the ordinary selection."""

from __future__ import annotations

import contextlib

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """``pytest tests/property --examples 5000 --steps 100 --seed 7 --from 3``: batch 3 and what comes after it."""
    with contextlib.suppress(ValueError):  # together with other suites that can be repeated
        parser.addoption("--seed", type=int, default=None, help="Makes other choices. [1]")
        parser.addoption("--from", type=int, default=0, dest="first", help="Goes on with an earlier run at this batch.")
    parser.addoption("--examples", type=int, default=200, help="How many lives of a metadata database.")
    parser.addoption("--steps", type=int, default=50, help="What people and runners do in each, at most.")
    parser.addoption("--schemas", type=int, default=30, help="How many pairs of schemas are made alike, per engine.")
