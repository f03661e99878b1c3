"""How a stage hands out its tasks: batch sizes, places, and the failure budget."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.pipeline.fan_out import (
    FanOut,
    batches,
    is_size,
    may_begin_next,
    reach,
    room,
    spent,
    waits,
)
from penstock.domain.pipeline.status import COUNTED


def counts(**given: int) -> dict[str, int]:
    return {name: given.get(name, 0) for name in COUNTED}


@pytest.mark.parametrize("size", [1, 10_000, "1%", "10%", "100%"])
def test_sizes(size: Any) -> None:
    assert is_size(size)


@pytest.mark.parametrize("size", [0, -1, True, 1.5, None, "0%", "101%", "10", "%", "1.5%", "-1%", "10 %", "١%", ""])
def test_what_is_no_size(size: Any) -> None:
    assert not is_size(size)


@pytest.mark.parametrize(
    ("batch", "tasks", "ends"),
    [
        ((1, "10%", "100%"), 50, [1, 6, 50]),
        ((1, "10%", "100%"), 3, [1, 2, 3]),
        ((1, "10%"), 25, [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25]),
        (("50%",), 3, [1, 2, 3]),
        ((10,), 25, [10, 20, 25]),
        (("100%",), 7, [7]),
        ((1,), 1, [1]),
        ((100, 1), 7, [7]),
    ],
)
def test_where_batches_end(batch: tuple[int | str, ...], tasks: int, ends: list[int]) -> None:
    fan_out = FanOut(batch)
    assert [reach(fan_out, tasks, n) for n in range(1, len(ends) + 1)] == ends
    assert batches(fan_out, tasks) == len(ends)


@given(
    st.lists(st.integers(1, 60) | st.integers(1, 100).map("{}%".format), min_size=1, max_size=5),
    st.integers(1, 200),
)
def test_every_batch_has_a_task_and_the_last_one_reaches_the_end(batch: list[int | str], tasks: int) -> None:
    fan_out = FanOut(tuple(batch))
    ends = [0, *(reach(fan_out, tasks, n) for n in range(1, batches(fan_out, tasks) + 1))]
    assert all(before < after for before, after in pairwise(ends))
    assert ends[-1] == tasks


def test_no_more_at_once_than_may() -> None:
    two = FanOut(max_parallel=2)
    assert room(two, counts(waiting=5)) == 2
    assert room(two, counts(waiting=5, ready=1, running=1)) == 0
    assert room(two, counts(waiting=5, canceling=1, succeeded=9)) == 1
    assert room(two, counts(waiting=1)) == 1
    assert room(two, counts(waiting=3, running=4)) == 0  # the limit was lowered meanwhile
    assert room(FanOut(), counts(waiting=5, running=9)) == 5


def test_the_next_batch_may_begin_when_the_last_one_passed() -> None:
    fan_out = FanOut((1, 2, "100%"))
    assert may_begin_next(fan_out, counts(succeeded=1, waiting=9), 1)
    assert may_begin_next(fan_out, counts(passed_over=1, waiting=9), 1)
    for stuck in ({"failed": 1}, {"error": 1}, {"canceled": 1}, {"running": 1}, {"ready": 1}, {"succeeded": 0}):
        assert not may_begin_next(fan_out, counts(waiting=9, **stuck), 1), stuck
    assert not may_begin_next(fan_out, counts(succeeded=2, failed=1, waiting=7), 2)
    assert not may_begin_next(fan_out, counts(succeeded=3, waiting=7), 3)  # there is no fourth
    assert not may_begin_next(FanOut(max_parallel=1), counts(waiting=9), 1)


def test_the_failure_budget() -> None:
    three = FanOut(max_failures=3)
    assert spent(three, counts(failed=2, waiting=9)) == []
    [blocker] = spent(three, counts(failed=2, error=1, waiting=9))
    assert (blocker.gate, blocker.code, blocker.waiting_for) == ("failure-budget", "spent", ("role:project:releaser",))
    assert spent(three, counts(failed=3, ready=1)) and spent(three, counts(error=9, scheduled=1))
    assert spent(three, counts(failed=3, running=4)) == []  # nothing is left to start
    assert spent(FanOut(), counts(failed=100, waiting=1)) == []


def test_what_a_waiting_task_is_told() -> None:
    fan_out = FanOut((1, "100%"), max_parallel=2)
    assert [b.code for b in waits(fan_out, counts(running=1, waiting=4), 1, 3)] == ["batch"]
    assert waits(fan_out, counts(running=1, waiting=4), 1, 0) == []  # its own turn comes at once
    assert [b.code for b in waits(fan_out, counts(succeeded=1, running=2, waiting=2), 2, 4)] == ["max_parallel"]
    [stuck] = waits(fan_out, counts(failed=1, waiting=4), 1)
    assert stuck.waiting_for == ("role:project:releaser",) and "retry" in stuck.message
    assert waits(FanOut(), counts(waiting=4), 1) == []
