"""The runner's side of one task run: what an engine may ask (`engines.base.RunPort`) and what it may tell."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Sequence
from typing import Final, Literal

from penstock.domain import clock
from penstock.engines.base import LeaseLost, LogLevel, Session
from penstock.runtime.standings import Standings
from penstock.store import queue, runs
from penstock.store.database import TROUBLE

MAX_LINES: Final = 100_000
MAX_LINE: Final = 10_000
_LEVELS: Final = {"notice": "info"}


class PermitLost(LeaseLost):
    """A gate of the stage closed before anything was sent."""

    code = "permit_lost"


class TaskPort:
    """One task run.

    Args:
        lease_until: on the clock of ``time.monotonic``; the heartbeat moves it.
        margin: seconds before the end of a lease in which no statement is begun: the clock may be read too late.
        deadline: like ``lease_until``; when the task must have ended.
    """

    def __init__(
        self,
        standings: Standings,
        claimed: queue.Claimed,
        *,
        lease_until: float,
        margin: float,
        deadline: float,
    ) -> None:
        self.claimed = claimed
        self.cancel_requested = asyncio.Event()
        self.cancel_reason: Literal["person", "drain"] | None = None
        self.deadline = deadline
        self.lease_until = lease_until
        self._margin = margin
        self.sent = False
        self.progress_text: str | None = None
        self.waiting: tuple[str, ...] = ()
        self.dirty = asyncio.Event()
        self._standings = standings
        self._lines: deque[runs.Line] = deque()
        self._seq = 0
        self._lost = False

    def cancel(self, reason: Literal["person", "drain"]) -> None:
        """Ask the engine to stop; a person's wish outranks the runner's own."""
        if self.cancel_reason != "person":
            self.cancel_reason = reason
        self.cancel_requested.set()

    def lose(self) -> None:
        """The heartbeat found that the lease is not ours any more."""
        self._lost = True
        self.cancel_requested.set()

    @property
    def lost(self) -> bool:
        """The lease is known to be lost, or may have run out by our own clock."""
        return self._lost or clock.monotonic() >= self.lease_until - self._margin

    async def still_mine(self) -> None:
        """Ask the metadata database for lease and, before anything was sent, for the permit.

        While that database does not answer, the question is asked again until the lease may have run out.
        """
        while True:
            self.may_start_statement()
            try:
                standing = await self._standings.ask(self.claimed)
                if not standing.holds:
                    raise LeaseLost
                if not self.sent and not standing.permitted:
                    raise PermitLost
                return
            except TROUBLE:
                await asyncio.sleep(0.5)

    def may_start_statement(self) -> None:
        """Compare clocks only; never waits."""
        if self.lost:
            raise LeaseLost

    def log(self, level: LogLevel, text: str, statement_index: int | None = None) -> None:
        """Add a line; beyond a bound only the fact that there were more is kept."""
        if self._seq > MAX_LINES:
            return
        self._seq += 1
        if self._seq > MAX_LINES:
            level, text, statement_index = "warning", f"The log was cut after {MAX_LINES:,} lines.", None
        text = text.replace("\0", "\N{SYMBOL FOR NULL}")
        if len(text) > MAX_LINE:
            text = text[:MAX_LINE] + f" … ({len(text) - MAX_LINE:,} more characters)"
        self._lines.append(runs.Line(self._seq, clock.now(), _LEVELS.get(level, level), text, statement_index))
        self.dirty.set()

    def progress(self, statement_index: int, total: int, rows: int | None) -> None:
        """Remember how far it is, for the task table."""
        self.sent = True
        touched = f", {rows:,} rows" if rows is not None else ""
        self.progress_text = f"{statement_index + 1}/{total} statements{touched}"
        self.dirty.set()

    def waiting_on(self, sessions: Sequence[Session]) -> None:
        """Remember who holds it up, for the blockers of the task."""
        waiting = tuple(f"{s.application_name or s.username or 'session'} (pid {s.pid})" for s in sessions)
        if waiting != self.waiting:
            self.waiting = waiting
            self.dirty.set()

    def unstored(self, most: int) -> list[runs.Line]:
        """Up to ``most`` lines that are not stored yet; `stored` says that they are."""
        return list(itertools.islice(self._lines, most))

    def stored(self, lines: Sequence[runs.Line]) -> None:
        """Forget lines that are stored."""
        while lines and self._lines and self._lines[0].seq <= lines[-1].seq:
            self._lines.popleft()

    @property
    def has_lines(self) -> bool:
        """Lines wait to be stored."""
        return bool(self._lines)

    def more_lines_than(self, count: int) -> bool:
        """More lines than that wait to be stored."""
        return len(self._lines) > count
