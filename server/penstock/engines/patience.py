"""How long to wait and who may end the waiting: a deadline, a person's cancel, and growing pauses with
jitter."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from penstock.domain import clock
from penstock.engines.base import LogLevel, RunPort, Session


class Interrupted(Exception):
    """Waiting or running was ended, by a person or by the deadline.

    Args:
        waited_for: the sessions that we were waiting for at that moment.
    """

    def __init__(self, reason: Literal["canceled", "timeout"], waited_for: Sequence[Session] = ()) -> None:
        self.reason = reason
        self.waited_for = tuple(waited_for)
        super().__init__(reason)


def _say_nothing(level: LogLevel, text: str) -> None:
    """For waiting that nobody watches."""


def _show_nothing(sessions: Sequence[Session]) -> None:
    """For waiting that nobody watches."""


@dataclass
class Patience:
    """One stretch of waiting.

    Args:
        until: on the clock of `time.monotonic`.
        canceled: a person's wish; None when a cancel must not end this waiting.
    """

    until: float
    canceled: asyncio.Event | None = None
    log: Callable[[LogLevel, str], None] = _say_nothing
    waiting_on: Callable[[Sequence[Session]], None] = _show_nothing

    @classmethod
    def of(cls, port: RunPort) -> Patience:
        """As long as the run has time and nobody cancels it."""
        return cls(port.deadline, port.cancel_requested, port.log, port.waiting_on)

    @property
    def left(self) -> float:
        """Seconds until the deadline, never negative."""
        return max(0.0, self.until - clock.monotonic())

    def check(self, waited_for: Sequence[Session] = ()) -> None:
        """Raises `Interrupted` when it is over."""
        if self.canceled is not None and self.canceled.is_set():
            raise Interrupted("canceled", waited_for)
        if self.left <= 0:
            raise Interrupted("timeout", waited_for)

    async def pause(self, seconds: float, waited_for: Sequence[Session] = ()) -> None:
        """Wait between half of and all of ``seconds``, or less when it is over. Raises `Interrupted`."""
        self.check(waited_for)
        pause = min(seconds * random.uniform(0.5, 1.0), self.left)  # to spread load
        if self.canceled is None:
            await asyncio.sleep(pause)
        else:
            try:
                async with asyncio.timeout(pause):
                    await self.canceled.wait()
            except TimeoutError:
                pass  # the pause is over, which is what was asked for
        self.check(waited_for)


def backoff(tries: int, first: float = 0.05, most: float = 2.0) -> float:
    """Seconds to pause after ``tries`` tries that came to nothing."""
    return min(most, first * 2.0 ** min(tries, 16))
