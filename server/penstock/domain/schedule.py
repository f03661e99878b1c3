"""When a schedule fires: nominal slots of a cron expression in a time zone, as UTC instants.

A slot is named by its nominal instant; the jitter only says how much later it is acted upon.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from itertools import islice
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from penstock.domain.errors import FieldError, ValidationFailed


def check(cron: str, time_zone: str, after: dt.datetime) -> None:
    """Refuse an expression or time zone that could never fire.

    Args:
        after: an aware instant; a slot must follow it.

    Raises:
        ValidationFailed: names the field, ``cron`` or ``time_zone``.
    """
    try:
        zone = ZoneInfo(time_zone)
    except (KeyError, ValueError, OSError):
        message = f"There is no time zone {time_zone!r}; write one like Europe/Berlin."
        raise ValidationFailed(errors=[FieldError("time_zone", message, "unknown_time_zone")]) from None
    try:
        if len(cron.split()) != 5:
            raise CronSimError  # it also knows seconds, which a schedule has no use for
        next(CronSim(cron, after.astimezone(zone)))
    except (CronSimError, StopIteration):
        message = f"{cron!r} is not a cron expression of five fields that ever fires."
        raise ValidationFailed(errors=[FieldError("cron", message, "bad_cron")]) from None


def next_slot(cron: str, time_zone: str, after: dt.datetime) -> dt.datetime:
    """The first slot later than an instant; daylight saving follows cronsim.

    Args:
        cron, time_zone: have passed `check`.
        after: an aware instant.

    Returns:
        an aware UTC instant.
    """
    return next(CronSim(cron, after.astimezone(ZoneInfo(time_zone)))).astimezone(dt.UTC)


def latest_slot(cron: str, time_zone: str, now: dt.datetime) -> dt.datetime:
    """The newest slot that is not later than an instant: after downtime only that one fires.

    Args:
        cron, time_zone: have passed `check`.
        now: an aware instant.

    Returns:
        an aware UTC instant.
    """
    minute = now.replace(second=0, microsecond=0) + dt.timedelta(minutes=1)
    return next(CronSim(cron, minute.astimezone(ZoneInfo(time_zone)), reverse=True)).astimezone(dt.UTC)


def next_slots(cron: str, time_zone: str, after: dt.datetime, count: int) -> list[dt.datetime]:
    """The first slots later than an instant.

    Args:
        cron, time_zone: have passed `check`.
        after: an aware instant.
        count: how many at most.

    Returns:
        aware UTC instants.
    """
    slots = islice(CronSim(cron, after.astimezone(ZoneInfo(time_zone))), count)
    return [slot.astimezone(dt.UTC) for slot in slots]


@dataclass(frozen=True, slots=True)
class Turn:
    """What a schedule that is due does.

    Args:
        slot: the one that fires now.
        next_slot, next_at: the one after it, and when that is acted upon.
    """

    slot: dt.datetime
    next_slot: dt.datetime
    next_at: dt.datetime


def turn(cron: str, time_zone: str, jitter: dt.timedelta, due: dt.datetime, now: dt.datetime) -> Turn:
    """Which slot of a schedule fires: the latest whose time plus jitter has come, so that after downtime only that one
    does.

    Args:
        cron, time_zone: have passed `check`.
        jitter: how much later than its slots the schedule acts.
        due: the slot that it was waiting for.
        now: an aware instant, not before ``due`` plus jitter.
    """
    slot = max(due, latest_slot(cron, time_zone, now - jitter))
    following = next_slot(cron, time_zone, slot)
    return Turn(slot, following, following + jitter)
