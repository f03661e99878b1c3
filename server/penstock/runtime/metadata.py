"""What runners and the reaper ask of our own database.  Each call is one transaction, or one question.

`services.attempts.Attempts` is what answers; the simulation of the tests has another that keeps all in memory.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from penstock.services.attempts import Ended, Taker
from penstock.store import queue, runs, standing, tasks


class Metadata(Protocol):
    """Whatever is asked may raise what `store.database.TROUBLE` lists: then nobody knows whether it was done."""

    async def register(self, runner_id: uuid.UUID, host: str, pid: int) -> None:
        """Announce a runner process."""

    async def take(self, runner_id: uuid.UUID, limit: int, lease_seconds: float) -> list[queue.Claimed]:
        """Claim what could run now and start it."""

    async def take_over(self, runner_id: uuid.UUID, limit: int, lease_seconds: float) -> list[queue.Claimed]:
        """Claim what was being canceled when its runner was lost, only to read the proof."""

    async def standings(self, claims: Sequence[queue.Claimed]) -> Mapping[bytes, standing.Standing]:
        """What may still be done about tasks, by lease."""

    async def append_log(
        self, claimed: queue.Claimed, lines: Sequence[runs.Line], progress: str | None, waiting: Sequence[str]
    ) -> bool:
        """Add to a run's log; False when the lease is lost."""

    async def end(self, pipeline_id: int, ends: Sequence[runs.End], taker: Taker | None = None) -> Ended:
        """Write how attempts of one pipeline ended, and claim what comes next."""

    async def beat(self, runner_id: uuid.UUID, held: Mapping[int, bytes], lease_seconds: float) -> dict[int, bool]:
        """Extend leases; answers, for those that are still ours, whether somebody wants to cancel the task."""

    async def drain(self, runner_id: uuid.UUID) -> None:
        """Record that a runner stops."""

    async def end_stalled(self, seconds: float) -> int:
        """End sessions of ours whose client has been silent for so long in the midst of a transaction; answers how
        many."""

    async def sweep(self, patience: float) -> tasks.Swept | None:
        """Promote what became due by time; None when a lock was not to be had for ``patience`` seconds."""

    async def expired(self, limit: int) -> dict[int, list[int]]:
        """Tasks whose lease ran out: pipeline id -> task ids."""

    async def rescue(self, pipeline_id: int, task_ids: Sequence[int], patience: float) -> int:
        """Take those back to ready whose lease has run out; answers how many: none when a lock was not to be had for
        ``patience`` seconds."""

    def apart(self) -> AbstractAsyncContextManager[Metadata]:
        """The same over a connection of its own, for another event loop."""
