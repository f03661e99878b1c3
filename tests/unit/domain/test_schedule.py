"""Slots of cron expressions."""

from __future__ import annotations

import datetime as dt

import pytest

from penstock.domain.errors import ValidationFailed
from penstock.domain.schedule import check, latest_slot, next_slot


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
