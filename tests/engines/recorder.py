"""A runner's side of a task run that writes down what the engine tells it, and loses its lease when told
to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from penstock.engines.base import LeaseLost, LogLevel, Session


class Recorder:
    """Implements `penstock.engines.base.RunPort`.

    Args:
        seconds: until the deadline.
        lose_lease_at: the call of `still_mine`, counted from 1, that raises `LeaseLost`.
    """

    def __init__(self, seconds: float = 30.0, lose_lease_at: int | None = None) -> None:
        self.cancel_requested = asyncio.Event()
        self.deadline = time.monotonic() + seconds
        self.lines: list[tuple[LogLevel, str, int | None]] = []
        self.steps: list[tuple[int, int, int | None]] = []
        self.waits: list[Sequence[Session]] = []
        self.waiting = asyncio.Event()
        self.asked = 0
        self._lose_lease_at = lose_lease_at

    async def still_mine(self) -> None:
        """Count, and raise when told to."""
        self.asked += 1
        if self.asked == self._lose_lease_at:
            raise LeaseLost

    def may_start_statement(self) -> None:
        """Always."""

    def log(self, level: LogLevel, text: str, statement_index: int | None = None) -> None:
        """Keep the line."""
        self.lines.append((level, text, statement_index))

    def progress(self, statement_index: int, total: int, rows: int | None) -> None:
        """Keep the step."""
        self.steps.append((statement_index, total, rows))

    def waiting_on(self, sessions: Sequence[Session]) -> None:
        """Keep who holds us up, and let a test wait for it."""
        self.waits.append(sessions)
        if sessions:
            self.waiting.set()

    @property
    def text(self) -> str:
        """The whole log."""
        return "\n".join(text for _, text, _ in self.lines)
