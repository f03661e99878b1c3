"""Slots of cron expressions."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.errors import ValidationFailed
from penstock.domain.schedule import Turn, check, latest_slot, next_slot, turn


def utc(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)  # type: ignore[arg-type,misc]  # year, month, day and so on


def test_a_slot_is_an_instant_in_utc_of_a_local_time() -> None:
    assert next_slot("30 3 * * *", "Asia/Kolkata", utc(2026, 11, 21)) == utc(2026, 11, 21, 22)
    assert next_slot("0 12 * * *", "Europe/Berlin", utc(2026, 7, 1)) == utc(2026, 7, 1, 10)
    assert next_slot("0 12 * * *", "Europe/Berlin", utc(2026, 12, 1)) == utc(2026, 12, 1, 11)


def test_the_next_slot_is_always_later() -> None:
    assert next_slot("0 * * * *", "UTC", utc(2026, 1, 1, 5)) == utc(2026, 1, 1, 6)
    assert next_slot("0 * * * *", "UTC", utc(2026, 1, 1, 5, 59, 59)) == utc(2026, 1, 1, 6)


def test_the_latest_slot_is_never_later() -> None:
    assert latest_slot("0 * * * *", "UTC", utc(2026, 1, 1, 5)) == utc(2026, 1, 1, 5)
    assert latest_slot("0 * * * *", "UTC", utc(2026, 1, 1, 5, 59, 59)) == utc(2026, 1, 1, 5)
    assert latest_slot("0 0 1 1 *", "UTC", utc(2026, 12, 31)) == utc(2026, 1, 1)


def test_a_local_time_that_is_skipped_or_comes_twice_fires_once_a_day() -> None:
    spring = next_slot("30 2 * * *", "Europe/Berlin", utc(2026, 3, 28, 12))
    assert utc(2026, 3, 29) < spring < utc(2026, 3, 29, 2)
    autumn = next_slot("30 2 * * *", "Europe/Berlin", utc(2026, 10, 24, 12))
    after = next_slot("30 2 * * *", "Europe/Berlin", autumn)
    assert (autumn.day, after.day) == (25, 26)


@pytest.mark.parametrize(
    ("cron", "time_zone", "field"),
    [
        ("* * * *", "UTC", "cron"),
        ("* * * * * *", "UTC", "cron"),
        ("61 * * * *", "UTC", "cron"),
        ("0 0 30 2 *", "UTC", "cron"),
        ("* * * * *", "Nowhere", "time_zone"),
        ("* * * * *", "", "time_zone"),
        ("* * * * *", "/etc/localtime", "time_zone"),
    ],
)
def test_what_never_fires_is_refused(cron: str, time_zone: str, field: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        check(cron, time_zone, utc(2026, 1, 1))
    assert [error.field for error in refused.value.errors] == [field]


@pytest.mark.parametrize("cron", ["0 0 31 9 *", "*/0 * * * *", "x", " ", "@daily", "* " * 5000])
def test_absurd_expressions_are_refused(cron: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        check(cron, "UTC", utc(2026, 1, 1))
    assert [error.code for error in refused.value.errors] == ["bad_cron"]


def test_a_leap_day_is_not_absurd() -> None:
    check("0 0 29 2 *", "UTC", utc(2026, 1, 1))


NO_JITTER = dt.timedelta()


def test_a_slot_fires_when_its_jitter_has_passed_and_keeps_its_name() -> None:
    jitter = dt.timedelta(minutes=4)
    got = turn("*/15 * * * *", "UTC", jitter, utc(2026, 1, 1, 12), utc(2026, 1, 1, 12, 4))
    assert got == Turn(utc(2026, 1, 1, 12), utc(2026, 1, 1, 12, 15), utc(2026, 1, 1, 12, 19))


def test_after_downtime_only_the_latest_missed_slot_fires() -> None:
    got = turn("0 * * * *", "UTC", NO_JITTER, utc(2026, 1, 1, 1), utc(2026, 1, 3, 17, 20))
    assert (got.slot, got.next_slot) == (utc(2026, 1, 3, 17), utc(2026, 1, 3, 18))


def test_a_jitter_longer_than_the_distance_of_slots_loses_none() -> None:
    jitter, due = dt.timedelta(seconds=200), utc(2026, 1, 1, 12)
    for minute in range(5):
        got = turn("* * * * *", "UTC", jitter, due, due + jitter)
        assert got.slot == utc(2026, 1, 1, 12, minute)
        due = got.next_slot


@pytest.mark.parametrize("cron", ["30 2 * * *", "*/15 * * * *", "0 3 * * *", "0 2,3 * * *"])
@pytest.mark.parametrize("night", [utc(2026, 3, 28, 20), utc(2026, 10, 24, 20)])
def test_no_slot_fires_twice_through_the_change_of_clocks(cron: str, night: dt.datetime) -> None:
    """One turn after the other, as a schedule takes them."""
    due, end, slots = next_slot(cron, "Europe/Berlin", night), night + dt.timedelta(days=2), []
    while due <= end:
        got = turn(cron, "Europe/Berlin", NO_JITTER, due, due)
        assert got.slot == due and got.next_slot > got.slot
        slots.append(got.slot)
        due = got.next_slot
    assert slots == sorted(set(slots))
    if cron == "*/15 * * * *":
        assert len(slots) == 2 * 24 * 4
    if cron == "30 2 * * *":
        assert len(slots) == 2


@given(
    st.sampled_from(["0 * * * *", "*/7 * * * *", "30 2 * * *", "0 0 1 * *", "15 3 * * SUN"]),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
    st.datetimes(dt.datetime(2024, 1, 1), dt.datetime(2030, 1, 1), timezones=st.just(dt.UTC)),
    st.integers(0, 3600),
)
def test_whenever_somebody_looks_the_slot_has_come_and_the_next_has_not(
    cron: str, time_zone: str, now: dt.datetime, seconds: int
) -> None:
    jitter = dt.timedelta(seconds=seconds)
    first = latest_slot(cron, time_zone, now - jitter)
    got = turn(cron, time_zone, jitter, first, now)
    assert got.slot + jitter <= now < got.next_at or got.slot == first
    assert got.next_slot > got.slot
