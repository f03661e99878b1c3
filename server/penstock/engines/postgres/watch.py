"""Runs one statement of a change under watch: a cancel, the deadline, who blocks it, and what the server
remarks.

Deadlines are kept here and not by ``statement_timeout``, which a script can reset.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, Final, TypeVar

import asyncpg

from penstock.domain import clock
from penstock.engines.base import LogLevel, RunPort, Target, TargetUnavailable
from penstock.engines.patience import Interrupted, Patience
from penstock.engines.postgres import activity
from penstock.engines.postgres.connect import GONE, Link, open_connection

T = TypeVar("T")

OBSERVER_NAME: Final = "penstock observer"  # not a task's name, or we would take it for one of its sessions
_FIRST_LOOK: Final = 0.5
_LOOK_EVERY: Final = 1.0
_IDLE_LOOKS: Final = 3  # in a row
_CANCEL_PATIENCE: Final = 2.0
_LOOK_AGAIN: Final = 10.0  # seconds after the observing connection was refused or lost
_REMARKS_PER_STATEMENT: Final = 100
_REMARK_LENGTH: Final = 2000
_LEVELS: Final[dict[str, LogLevel]] = {"WARNING": "warning", "NOTICE": "notice", "INFO": "info"}


class Watch:
    """Watches one connection's statements; has a second connection of its own, opened when first needed."""

    def __init__(self, target: Target, link: Link, port: RunPort, lock_timeout: float) -> None:
        self._target = replace(target, application_name=OBSERVER_NAME)
        # Before a statement gives up waiting for a lock, a person must have had a chance to see who holds it.
        self._first_look = min(_FIRST_LOOK, lock_timeout / 2)
        self._link = link
        self._port = port
        self._patience = Patience.of(port)
        self._observer: asyncpg.Connection | None = None
        self._canceled: asyncio.Future[Any] | None = None
        self._blind_until = 0.0
        self._blockers: set[int] = set()

    async def close(self) -> None:
        """Close the observing connection."""
        if self._canceled is not None:
            self._canceled.cancel()
            self._canceled = None
        if self._observer is not None:
            self._observer.terminate()
            self._observer = None

    async def run(self, work: Coroutine[Any, Any, T], patience: Patience | None = None) -> T:
        """Wait for ``work``, which talks to the watched connection.

        Args:
            patience: when to interrupt it; without one, when the run's time is over or it is canceled.

        Raises:
            Interrupted: by a cancel or the deadline; the server has confirmed the end, or the connection is
            closed. asyncpg.PostgresError, OSError: as ``work`` does.
        """
        running = asyncio.ensure_future(work)
        patience = patience or self._patience
        canceled = self._wish(patience)
        awaited = {running} if canceled is None else {running, canceled}
        idle = 0
        look = self._first_look
        try:
            while not running.done():
                timeout = min(look, patience.left)
                await asyncio.wait(awaited, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
                if running.done():
                    break
                wished = canceled is not None and canceled.done()
                if wished or patience.left <= 0:
                    await self._stop(running)
                    raise Interrupted("canceled" if wished else "timeout")
                idle = idle + 1 if await self._look() else 0
                if idle == _IDLE_LOOKS and not running.done():
                    # The server is done and we have no answer: the network has swallowed it.
                    self._link.connection.terminate()
                look = _LOOK_EVERY
            return await running
        finally:
            self._show(set())
            if not running.done():  # we are being cancelled ourselves; asyncpg cancels on the server, too
                running.cancel()
                await asyncio.wait({running}, timeout=_CANCEL_PATIENCE)

    def _wish(self, patience: Patience) -> asyncio.Future[Any] | None:
        """Done when somebody cancels; one for all statements of a run, None where a cancel must not interrupt."""
        if patience.canceled is None:
            return None
        assert patience.canceled is self._patience.canceled
        if self._canceled is None:
            self._canceled = asyncio.ensure_future(patience.canceled.wait())
        return self._canceled

    async def _stop(self, running: asyncio.Future[Any]) -> None:
        """Cancel on the server until it confirms; then end the session; then hang up."""
        for order in (activity.cancel, activity.cancel, activity.terminate):
            observer = await self._observe()
            if observer is None:
                break
            try:
                await order(observer, self._link)
            except (asyncpg.PostgresError, *GONE, TimeoutError) as error:
                self._lose_sight(error)
                break
            await asyncio.wait({running}, timeout=_CANCEL_PATIENCE)
            if running.done():
                break
        if not running.done():  # no second connection to be had: the cancel request of the protocol needs none
            running.cancel()
            await asyncio.wait({running}, timeout=_CANCEL_PATIENCE)
            self._link.connection.terminate()
            await asyncio.wait({running}, timeout=_CANCEL_PATIENCE)
        if running.done() and not running.cancelled():
            running.exception()  # read, so that nobody warns of it: the caller learns of the interruption

    async def _look(self) -> bool:
        """Show who blocks us; answers whether the server's session has nothing to do."""
        observer = await self._observe()
        if observer is None:
            return False
        try:
            sessions = await activity.blockers(observer, self._link.pid)
            busy = bool(sessions) or await activity.is_busy(observer, self._link)
        except (asyncpg.PostgresError, *GONE, TimeoutError) as error:
            self._lose_sight(error)
            return False
        pids = {session.pid for session in sessions}
        if pids and pids != self._blockers:
            self._port.log("info", f"Waiting for a lock: {activity.describe(sessions)}")
            self._port.waiting_on(sessions)
            self._blockers = pids
        elif not pids:
            self._show(pids)
        return not busy

    def _show(self, pids: set[int]) -> None:
        if self._blockers and not pids:
            self._port.waiting_on([])
        self._blockers = pids

    async def _observe(self) -> asyncpg.Connection | None:
        if self._observer is None and clock.monotonic() >= self._blind_until:
            try:
                self._observer = await open_connection(self._target)
            except TargetUnavailable as error:
                self._lose_sight(error)
        return self._observer

    def _lose_sight(self, error: Exception) -> None:
        """For a while: whoever never looked again would wait for an answer that the network has swallowed."""
        first, self._blind_until = not self._blind_until, clock.monotonic() + _LOOK_AGAIN
        if self._observer is not None:
            self._observer.terminate()
            self._observer = None
        if first:
            self._port.log("debug", f"Cannot look at the server's sessions: {error}")


class Remarks:
    """Brings what the server remarks during a change's statements into the run's log, and no more of each than a log
    can hold."""

    def __init__(self, connection: asyncpg.Connection, port: RunPort) -> None:
        self._connection = connection
        self._port = port
        self._index: int | None = None
        self._count = 0
        self._listens = False

    def begin(self, statement_index: int) -> None:
        """What is remarked from now on is about this statement."""
        self._index, self._count = statement_index, 0
        if not self._listens:
            self._connection.add_log_listener(self._hear)
            self._listens = True

    def end(self) -> None:
        """What is remarked from now on concerns nobody."""
        self._index = None

    def close(self) -> None:
        """Listen no more."""
        if self._listens:
            self._connection.remove_log_listener(self._hear)
            self._listens = False

    def _hear(self, _: object, message: asyncpg.PostgresLogMessage) -> None:
        if self._index is None:
            return
        self._count += 1
        if self._count > _REMARKS_PER_STATEMENT:
            if self._count == _REMARKS_PER_STATEMENT + 1:
                # Without a listener the driver drops them unread, so a million cost nothing.
                self.close()
                self._port.log("info", "More remarks of this statement are not shown.", self._index)
            return
        severity = getattr(message, "severity_en", None) or "NOTICE"
        text = str(message.message)[:_REMARK_LENGTH]
        self._port.log(_LEVELS.get(severity, "debug"), f"{severity}: {text}", self._index)
