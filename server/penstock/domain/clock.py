"""What time it is, for leases, deadlines and patience: two clocks of this machine, which a simulation may replace.

Nothing outside of the process can replace them: no setting, no environment variable, no request.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Clock(Protocol):
    """The clocks of a machine."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back, and goes on while the process is stopped."""

    def now(self) -> dt.datetime:
        """The time of day, with its zone; it may be wrong, so nothing is decided by it that harms when it is."""


class Machine:
    """The clocks that there are."""

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return time.monotonic()

    def now(self) -> dt.datetime:
        """See `Clock.now`."""
        return dt.datetime.now(dt.UTC)


_clock: Clock = Machine()


def monotonic() -> float:
    """Read afresh at every call: an event loop's own time stands still while a callback runs, or is stopped."""
    return _clock.monotonic()


def now() -> dt.datetime:
    """The time of day, in UTC."""
    return _clock.now()


@contextmanager
def replaced(by: Clock) -> Iterator[None]:
    """While it is entered, these are the clocks of this process."""
    global _clock
    before, _clock = _clock, by
    try:
        yield
    finally:
        _clock = before
