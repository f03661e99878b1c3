"""The gates lower-environments and soak: a release reaches an environment only through the ones below it, and only
after it has been there for a while."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from penstock.domain.gates.gate import Blocker


@dataclass(frozen=True, slots=True)
class Lower:
    """One lower environment that the pipeline or its project has databases in.

    Args:
        applied_at: since when all of the pipeline's databases there have the release (if it has none there: since when
            one of the project's has it); None while that is not so.
    """

    environment: str
    applied_at: dt.datetime | None


def missing(lower: Sequence[Lower]) -> list[Blocker]:
    """The environments in which the release is not applied yet."""
    return [
        Blocker(
            "lower-environments",
            "not_applied",
            f"Not applied in {place.environment} yet, and this environment takes only what lower ones have.",
            (f"environment:{place.environment}",),
        )
        for place in lower
        if place.applied_at is None
    ]


def soaked_at(lower: Sequence[Lower], minutes: int) -> dt.datetime | None:
    """When the soak time is over: counted from the last application; None while there is nothing to count from."""
    times = [place.applied_at for place in lower]
    if not minutes or not times or None in times:
        return None
    return max(t for t in times if t is not None) + dt.timedelta(minutes=minutes)


def soaking(lower: Sequence[Lower], minutes: int, now: dt.datetime) -> list[Blocker]:
    """Whether the release has not been long enough in the lower environments."""
    until = soaked_at(lower, minutes)
    if until is None or until <= now:
        return []
    message = f"Waits until it has been in the lower environments for {_span(minutes)}."
    return [Blocker("soak", "too_early", message, (), until.isoformat())]


def _span(minutes: int) -> str:
    for unit, size in (("day", 1440), ("hour", 60), ("minute", 1)):
        if minutes % size == 0:
            n = minutes // size
            return f"{n} {unit}{'s' if n != 1 else ''}"
    raise AssertionError(minutes)
