"""When a schedule fires: nominal slots of a cron expression in a time zone, as UTC instants."""

from __future__ import annotations

import datetime as dt
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
