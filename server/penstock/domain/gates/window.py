"""Maintenance windows: spans of time that a cron expression begins, in which the work of an environment may start."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from penstock.domain import schedule


class Window(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A span that begins whenever the cron expression fires; it has passed ``schedule.check``."""

    cron: str
    duration_minutes: int
    time_zone: str = "UTC"

    @property
    def duration(self) -> dt.timedelta:
        """How long the span is."""
        return dt.timedelta(minutes=self.duration_minutes)


@dataclass(frozen=True, slots=True)
class Opening:
    """What windows say of an instant.

    Args:
        is_open: some window is open.
        changes_at: when the last open one ends, else when the next one begins.
    """

    is_open: bool
    changes_at: dt.datetime


def look(windows: Sequence[Window], now: dt.datetime) -> Opening:
    """Tell whether one of the windows is open.

    Args:
        windows: at least one.
        now: an aware instant.
    """
    ends = [schedule.latest_slot(w.cron, w.time_zone, now) + w.duration for w in windows]
    if (last := max(ends)) > now:
        return Opening(True, last)
    return Opening(False, min(schedule.next_slot(w.cron, w.time_zone, now) for w in windows))


@dataclass(frozen=True, slots=True)
class Span:
    """One time that a window is open."""

    starts: dt.datetime
    ends: dt.datetime


def upcoming(windows: Sequence[Window], now: dt.datetime, count: int) -> list[Span]:
    """The next times that windows open, in order; one that is open now is not among them."""
    found: list[Span] = []
    for window in windows:
        at = now
        for _ in range(count):
            at = schedule.next_slot(window.cron, window.time_zone, at)
            found.append(Span(at, at + window.duration))
    return sorted(found, key=lambda span: (span.starts, span.ends))[:count]
