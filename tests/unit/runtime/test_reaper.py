"""When tasks are taken back, and when nobody may be: a metadata database whose answers take as long as a test says."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from typing import cast

import pytest

from penstock.domain import clock
from penstock.runtime.metadata import Metadata
from penstock.runtime.reaper import Reaper
from penstock.store import tasks

LEASE = 30.0


class Time:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> dt.datetime:
        return dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=self.seconds)


class Slow:
    """Three pipelines have expired tasks; each question takes a while."""

    def __init__(self, time: Time) -> None:
        self._time = time
        self.seconds = {"sweep": 0.0, "expired": 0.0, "rescue": 0.0}
        self.asked: list[int] = []
        self.locked = False
        self.silent = 0.0
        self.patience: set[float] = set()

    async def end_stalled(self, seconds: float) -> int:
        self.silent = seconds
        return 0

    async def sweep(self, patience: float) -> tasks.Swept | None:
        self._time.seconds += self.seconds["sweep"]
        return None if self.locked else tasks.Swept(0, {}, self._time.now())

    async def expired(self, limit: int) -> dict[int, list[int]]:
        self._time.seconds += self.seconds["expired"]
        return {1: [11], 2: [12], 3: [13]}

    async def rescue(self, pipeline_id: int, task_ids: Sequence[int], patience: float) -> int:
        self.patience.add(patience)
        self._time.seconds += self.seconds["rescue"]
        self.asked.append(pipeline_id)
        return 0


Reaping = tuple[Time, Slow, Reaper]


@pytest.fixture
async def reaping() -> AsyncIterator[Reaping]:
    """A reaper whose process began a lease ago."""
    time = Time()
    with clock.replaced(time):
        slow = Slow(time)
        reaper = Reaper(cast(Metadata, slow), lease_seconds=LEASE)
        for _ in range(31):
            time.seconds += 1
            await reaper.round()
        slow.asked.clear()
        yield time, slow, reaper


async def test_nothing_is_taken_back_within_a_lease_of_the_start() -> None:
    time = Time()
    with clock.replaced(time):
        slow = Slow(time)
        reaper = Reaper(cast(Metadata, slow), lease_seconds=LEASE)
        time.seconds += LEASE - 1
        await reaper.round()
        assert slow.asked == []
        time.seconds += 1
        await reaper.round()
        assert slow.asked == [1, 2, 3]


@pytest.mark.parametrize("question", ["sweep", "expired"])
async def test_an_outage_gives_everybody_a_lease_to_be_heard(reaping: Reaping, question: str) -> None:
    time, slow, reaper = reaping
    slow.seconds[question] = LEASE + 1
    await reaper.round()
    slow.seconds[question] = 0.0
    time.seconds += LEASE - 1
    await reaper.round()
    assert slow.asked == []
    time.seconds += 1
    await reaper.round()
    assert slow.asked == [1, 2, 3]


async def test_an_outage_in_the_midst_of_a_round_ends_it(reaping: Reaping) -> None:
    _, slow, reaper = reaping
    slow.seconds["rescue"] = LEASE + 1
    await reaper.round()
    assert slow.asked == [1]


async def test_a_round_may_take_longer_than_a_lease_if_each_answer_does_not(reaping: Reaping) -> None:
    time, slow, reaper = reaping
    slow.seconds["rescue"] = LEASE / 2
    for _ in range(3):
        time.seconds += 1
        await reaper.round()
    assert slow.asked == [1, 2, 3] * 3


@pytest.mark.parametrize(("lease", "patience", "silent"), [(60.0, 1.0, 20.0), (3.0, 0.3, 1.0)])
async def test_what_it_waits_for_fits_into_a_lease(lease: float, patience: float, silent: float) -> None:
    time = Time()
    with clock.replaced(time):
        slow = Slow(time)
        reaper = Reaper(cast(Metadata, slow), lease_seconds=lease)
        time.seconds += lease
        await reaper.round()
        assert slow.asked == [1, 2, 3] and slow.silent == pytest.approx(silent)
        assert list(slow.patience) == pytest.approx([patience])


async def test_a_sweep_that_finds_no_way_in_keeps_nobody_from_being_rescued(reaping: Reaping) -> None:
    time, slow, reaper = reaping
    slow.locked = True
    time.seconds += 1
    await reaper.round()
    assert slow.asked == [1, 2, 3]
