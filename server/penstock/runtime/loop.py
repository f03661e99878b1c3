"""The shape that every background loop has: do a round, then wait for a signal or for the next poll, whatever comes
first."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import structlog

from penstock.domain.errors import PenstockError
from penstock.services import metrics
from penstock.store.database import TROUBLE

log = structlog.get_logger(__name__)


class Signal:
    """Something to wake a loop by; setting it twice before the loop looks is the same as once."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        """Wake the loop."""
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """Wait until it is set, at most ``seconds`` (with jitter, so that processes do not march in step)."""
        try:
            async with asyncio.timeout(seconds * random.uniform(0.7, 1.0)):  # jitter
                await self._event.wait()
        except TimeoutError:
            pass
        self._event.clear()


async def forever(
    name: str,
    round_: Callable[[], Awaitable[bool]],
    signal: Signal,
    *,
    poll_seconds: float,
    rest_seconds: float = 0.0,
) -> None:
    """Run rounds until cancelled.

    Args:
        name: for logs and metrics.
        round_: returns True when there may be more to do at once.
        signal: wakes the loop early.
        poll_seconds: the longest wait between rounds.
        rest_seconds: the shortest, unless there is more to do: what wakes the loop meanwhile is done together.

    A failing metadata database ends a round, not the loop: the error is logged and counted, and the loop backs off.
    """
    failures = 0
    while True:
        try:
            more = await round_()
            failures = 0
        except (*TROUBLE, PenstockError) as error:
            failures += 1
            more = False
            metrics.loop_errors.labels(loop=name).inc()
            log.warning("loop_round_failed", loop=name, error=repr(error)[:500], failures=failures)
            await asyncio.sleep(min(0.2 * 2 ** min(failures, 6), 10.0))
        if more:
            await asyncio.sleep(0)
        else:
            await asyncio.sleep(rest_seconds)
            await signal.wait(poll_seconds)
