"""Runs one coroutine on an event loop of its own, beside the one that starts it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

Beating = Callable[[asyncio.Event], Coroutine[Any, Any, None]]


class Beside(Protocol):
    """Use once."""

    def start(self, run: Beating) -> None:
        """Start ``run``, which returns soon after the event that it is given is set."""

    def stop(self, seconds: float) -> None:
        """Set the event, and wait until it has returned, at most so long."""


class Thread:
    """In a thread, which does not keep the process alive."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._begun = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    def start(self, run: Beating) -> None:
        """See `Beside.start`."""
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main(run)), name=self._name, daemon=True)
        self._thread.start()

    async def _main(self, run: Beating) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._begun.set()
        await run(self._stop)

    def stop(self, seconds: float) -> None:
        """See `Beside.stop`."""
        if self._thread is None:
            return
        self._begun.wait(seconds)
        if self._loop is not None and self._stop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: it has returned
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout=seconds)
