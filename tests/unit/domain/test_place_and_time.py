"""The gates of place and time: windows, soak, lower environments, freezes, and what a bypass passes over."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from penstock.domain.gates import evaluate, window
from penstock.domain.gates.approval import TierRules
from penstock.domain.gates.freeze import Freeze
from penstock.domain.gates.lower import Lower
from penstock.domain.gates.window import Window
from tests.unit.domain.test_evaluate import NOON, OPEN

HOUR = dt.timedelta(hours=1)
NIGHT = Window("0 22 * * *", 120)
LUNCH = Window("0 12 * * *", 60)


def closed(facts: evaluate.Facts) -> list[tuple[str, str, str | None]]:
    return [(b.gate, b.code, b.clears_at) for b in evaluate.evaluate(facts).blockers]


def test_a_window_is_open_from_its_slot_until_its_duration_is_over() -> None:
    at = NOON.replace(hour=22)
    states = [window.look([NIGHT], at + n * HOUR) for n in (-1, 0, 1, 2)]
    assert [s.is_open for s in states] == [False, True, True, False]
    assert [s.changes_at for s in states] == [at, at + 2 * HOUR, at + 2 * HOUR, at + 24 * HOUR]


def test_windows_that_overlap_end_with_the_last() -> None:
    look = window.look([LUNCH, Window("30 12 * * *", 60)], NOON + HOUR / 2)
    assert look == window.Opening(True, NOON + 1.5 * HOUR)


def test_a_window_follows_the_clock_of_its_time_zone() -> None:
    berlin = Window("0 14 * * *", 60, "Europe/Berlin")
    winter, summer = (dt.datetime(2026, month, 10, 13, 30, tzinfo=dt.UTC) for month in (1, 7))
    assert window.look([berlin], winter).is_open and not window.look([berlin], summer).is_open


def test_a_closed_window_says_when_it_opens_and_wakes_the_stage_then() -> None:
    facts = replace(OPEN, rules=TierRules(windows=(NIGHT,)))
    opens = NOON.replace(hour=22)
    assert closed(facts) == [("window", "closed", opens.isoformat())]
    assert evaluate.evaluate(facts).wake_at == opens


def test_an_open_window_limits_the_permit() -> None:
    answer = evaluate.evaluate(replace(OPEN, rules=TierRules(windows=(LUNCH,))))
    assert answer.is_open and answer.valid_until == answer.wake_at == NOON + HOUR


@pytest.mark.parametrize(("hours", "gates"), [(1, ["window"]), (0, []), (-1, [])])
def test_a_stage_waits_for_its_time(hours: int, gates: list[str]) -> None:
    answer = evaluate.evaluate(replace(OPEN, not_before=NOON + hours * HOUR))
    assert [b.gate for b in answer.blockers] == gates
    assert answer.wake_at == (NOON + HOUR if gates else None)


def test_nothing_starts_where_it_is_frozen() -> None:
    until = NOON + HOUR
    freezes = [Freeze("workspace", "fire"), Freeze("project", "audit", until), Freeze("environment", "over", NOON)]
    facts = replace(OPEN, freezes=freezes)
    assert closed(facts) == [("freeze", "stopped", None), ("freeze", "frozen", until.isoformat())]
    assert evaluate.evaluate(facts).wake_at == until


def test_a_release_goes_up_only_after_the_environments_below() -> None:
    below = [Lower("dev", NOON - HOUR), Lower("staging", None)]
    facts = replace(OPEN, rules=TierRules(requires_lower_environments=True, soak=90), lower=below)
    assert closed(facts) == [("lower-environments", "not_applied", None)]
    assert "staging" in evaluate.evaluate(facts).blockers[0].message


def test_soak_counts_from_the_last_environment_below() -> None:
    below = [Lower("dev", NOON - 9 * HOUR), Lower("staging", NOON - HOUR)]
    facts = replace(OPEN, rules=TierRules(requires_lower_environments=True, soak=90), lower=below)
    over = NOON + HOUR / 2
    assert closed(facts) == [("soak", "too_early", over.isoformat())]
    assert evaluate.evaluate(facts).wake_at == over
    assert closed(replace(facts, now=over)) == []


def test_a_bypass_passes_over_only_what_it_names() -> None:
    facts = replace(
        OPEN,
        rules=TierRules(windows=(NIGHT,), requires_lower_environments=True),
        lower=[Lower("dev", None)],
        freezes=[Freeze("workspace", "fire")],
        findings={"error": 1},
    )
    assert [g for g, *_ in closed(facts)] == ["review", "lower-environments", "window", "freeze"]
    assert [g for g, *_ in closed(replace(facts, bypassed=["window", "freeze"]))] == ["review", "lower-environments"]
    assert [g for g, *_ in closed(replace(facts, bypassed=list(evaluate.BYPASSABLE)))] == ["review"]
    assert evaluate.evaluate(replace(facts, bypassed=list(evaluate.BYPASSABLE))).wake_at is None


def test_the_next_openings_of_several_windows_in_order() -> None:
    early = window.Window(cron="0 2 * * *", duration_minutes=60, time_zone="Europe/Berlin")
    now = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
    found = window.upcoming([early, window.Window(cron="30 1 * * *", duration_minutes=5)], now, 3)
    assert [(s.starts.isoformat(), (s.ends - s.starts).seconds // 60) for s in found] == [
        ("2026-06-02T00:00:00+00:00", 60),
        ("2026-06-02T01:30:00+00:00", 5),
        ("2026-06-03T00:00:00+00:00", 60),
    ]
    assert window.upcoming([], now, 3) == []
