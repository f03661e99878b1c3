"""Runs one statement of a change under watch: a cancel, the deadline, and who blocks it.

Deadlines are kept here and not by ``max_statement_time``, which a script can reset.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, Final, TypeVar

from penstock.domain import clock
from penstock.engines.attempts import describe
from penstock.engines.base import RunPort, Session, Target, TargetUnavailable
from penstock.engines.mysql import activity
from penstock.engines.mysql.codes import QUERY_INTERRUPTED
from penstock.engines.mysql.connect import OWN_SECONDS, Link, open_connection
from penstock.engines.mysql.driver import BROKEN, Connection, code_of
from penstock.engines.patience import Interrupted, Patience

T = TypeVar("T")

OBSERVER_NAME: Final = "penstock observer"
_FIRST_LOOK: Final = 0.5
_LOOK_EVERY: Final = 1.0
_IDLE_LOOKS: Final = 3  # in a row
_CANCEL_PATIENCE: Final = 2.0
_LOOK_AGAIN: Final = 10.0  # seconds after the observing connection was refused or lost
_IDLE: Final = ("Sleep", "")  # it waits for us, or is gone


class Watch:
    """Watches one connection's statements; has a second connection of its own, opened when first needed."""

    def __init__(self, target: Target, link: Link, port: RunPort, lock_timeout: float) -> None:
        self._database = target.database or ""
        self._target = replace(target, application_name=OBSERVER_NAME, database=None)
        # Before a statement gives up waiting for a lock, a person must have had a chance to see who holds it.
        self._first_look = min(_FIRST_LOOK, lock_timeout / 2)
        self._link = link
        self._port = port
        self._patience = Patience.of(port)
        self._observer: Connection | None = None
        self._blind_until = 0.0
        self._blockers: set[int] = set()

    async def close(self) -> None:
        """Close the observing connection."""
        if self._observer is not None:
            self._observer.close()
            self._observer = None

    async def run(self, work: Coroutine[Any, Any, T], patience: Patience | None = None) -> T:
        """Wait for ``work``, which talks to the watched connection.

        A statement that ends well although it was to be canceled has ended well: what it did stays done.

        Args:
            patience: when to interrupt it; without one, when the run's time is over or it is canceled.

        Raises:
            Interrupted: by a cancel or the deadline; the server has confirmed the end, or the connection is closed.
            MySQLError, OSError: as ``work`` does.
        """
        with self._link.connection.watched():
            return await self._run(asyncio.ensure_future(work), patience or self._patience)

    async def _run(self, running: asyncio.Future[T], patience: Patience) -> T:
        canceled = asyncio.ensure_future((patience.canceled or asyncio.Event()).wait())
        either: set[asyncio.Future[Any]] = {running, canceled}
        idle, received = 0, -1
        look = self._first_look
        try:
            while not running.done():
                timeout = min(look, patience.left)
                await asyncio.wait(either, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
                if running.done():
                    break
                if canceled.done() or patience.left <= 0:
                    await self._stop(running)
                    error = running.exception() if not running.cancelled() else asyncio.CancelledError()
                    if error is None or code_of(error) not in (None, QUERY_INTERRUPTED, *range(2000, 3000)):
                        break  # it had ended by itself
                    raise Interrupted("canceled" if canceled.done() else "timeout")
                before, received = received, self._link.connection.received
                # While rows are being read, the server may well have sent them all.
                idle = idle + 1 if await self._look() and received == before else 0
                if idle == _IDLE_LOOKS and not running.done():
                    # The server is done and we have no answer: the network has swallowed it.
                    self._link.connection.close()
                look = _LOOK_EVERY
            return await running
        finally:
            canceled.cancel()
            self._show([])
            if not running.done():  # we are being cancelled ourselves
                await self._stop(running)

    async def _stop(self, running: asyncio.Future[Any]) -> None:
        """Cancel on the server until it confirms; then end the session; then hang up."""
        for order in (activity.cancel, activity.cancel, activity.terminate):
            observer = await self._observe()
            if observer is None:
                break
            try:
                await order(observer, self._database, self._link.pid)
            except BROKEN as error:
                self._lose_sight(error)
                break
            await asyncio.wait({running}, timeout=_CANCEL_PATIENCE)
            if running.done():
                break
        if not running.done():
            running.cancel()  # which closes the connection
            await asyncio.wait({running}, timeout=_CANCEL_PATIENCE)
        if running.done() and not running.cancelled():
            running.exception()  # read, so that nobody warns of it

    async def _look(self) -> bool:
        """Show who blocks us; answers whether the server's session has nothing to do."""
        observer = await self._observe()
        if observer is None:
            return False
        try:
            command, _ = await activity.state_of(observer, self._link.pid)
            sessions = await activity.blockers(observer, self._link.pid, self._link.flavour)
        except BROKEN as error:
            self._lose_sight(error)
            return False
        self._show(sessions)
        return command in _IDLE and not sessions

    def _show(self, sessions: list[Session]) -> None:
        pids = {session.pid for session in sessions}
        if pids == self._blockers:
            return
        if sessions:
            self._port.log("info", f"Waiting for a lock: {describe(sessions)}")
        self._port.waiting_on(sessions)
        self._blockers = pids

    async def _observe(self) -> Connection | None:
        if self._observer is None and clock.monotonic() >= self._blind_until:
            try:
                self._observer = await open_connection(self._target)
                self._observer.own_seconds = OWN_SECONDS
            except TargetUnavailable as error:
                self._lose_sight(error)
        return self._observer

    def _lose_sight(self, error: Exception) -> None:
        """For a while: whoever never looked again would wait for an answer that the network has swallowed."""
        first, self._blind_until = not self._blind_until, clock.monotonic() + _LOOK_AGAIN
        if self._observer is not None:
            self._observer.close()
            self._observer = None
        if first:
            self._port.log("debug", f"Cannot look at the server's sessions: {error}")
