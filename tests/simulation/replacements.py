"""What takes the place of clocks and logs while a world is simulated."""

from __future__ import annotations

import contextlib
import datetime as dt
import sys
from collections.abc import Callable, Iterator
from unittest import mock

from penstock.runtime import completions, heartbeat, logbook, loop, reaper, runner
from tests.simulation.laws import Broken
from tests.simulation.loops import Timeline
from tests.simulation.store import EPOCH


class VirtualClock:
    """Implements `penstock.domain.clock.Clock`."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    def monotonic(self) -> float:
        return self._timeline.now

    def now(self) -> dt.datetime:
        return EPOCH + dt.timedelta(seconds=self._timeline.now)


class _Errors:
    """A logger that takes errors for broken laws, and passes over the rest."""

    def __init__(self, broken: Callable[[str], None]) -> None:
        self._broken = broken

    def bind(self, **_: object) -> _Errors:
        return self

    def error(self, event: str, **about: object) -> None:
        self._broken(f"{event} {about}")

    def exception(self, event: str, **about: object) -> None:
        error = sys.exc_info()[1]
        if isinstance(error, Broken):
            raise error
        self._broken(f"{event}: {error!r}")

    def warning(self, event: str, **_: object) -> None:
        """Warnings are for people."""

    info = debug = warning


@contextlib.contextmanager
def errors_are_broken_laws(broken: Callable[[str], None]) -> Iterator[None]:
    errors = _Errors(broken)
    with contextlib.ExitStack() as stack:
        for module in (completions, heartbeat, logbook, loop, reaper, runner):
            stack.enter_context(mock.patch.object(module, "log", errors))
        yield
