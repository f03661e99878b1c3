"""A simulated process's way to the simulated store, over a network with faults."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from penstock.domain import clock
from penstock.services.attempts import Ended, Taker
from penstock.store import queue, runs, standing, tasks

if TYPE_CHECKING:
    from tests.simulation.world import World

T = TypeVar("T")
PATIENCE = 4.0  # seconds until the kernel gives a silent connection up


class SimulatedMetadata:
    """Implements `penstock.runtime.metadata.Metadata`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._store = world.store

    @asynccontextmanager
    async def apart(self) -> AsyncIterator[SimulatedMetadata]:
        yield self

    async def register(self, runner_id: uuid.UUID, host: str, pid: int) -> None:
        await self._ask(lambda: None)

    async def drain(self, runner_id: uuid.UUID) -> None:
        await self._ask(lambda: None)

    async def take(self, runner_id: uuid.UUID, limit: int, lease_seconds: float) -> list[queue.Claimed]:
        return await self._ask(lambda: self._store.take(runner_id, limit, lease_seconds))

    async def take_over(self, runner_id: uuid.UUID, limit: int, lease_seconds: float) -> list[queue.Claimed]:
        return await self._ask(lambda: self._store.take_over(runner_id, limit, lease_seconds))

    async def standings(self, claims: Sequence[queue.Claimed]) -> Mapping[bytes, standing.Standing]:
        return await self._ask(lambda: self._store.standings(claims))

    async def append_log(
        self, claimed: queue.Claimed, lines: Sequence[runs.Line], progress: str | None, waiting: Sequence[str]
    ) -> bool:
        return await self._ask(lambda: self._store.append_log(claimed))

    async def end(self, pipeline_id: int, ends: Sequence[runs.End], taker: Taker | None = None) -> Ended:
        began, laws = clock.monotonic(), self._world.laws
        turn = not self._world.faults.crowded()

        def work() -> Ended:
            leases = {e.claimed.lease: self._store.tasks[e.claimed.id].lease for e in ends}
            ended = self._store.end(pipeline_id, ends, taker, turn=turn)
            laws.fenced([c for c in ended.written if leases[c.lease] != c.lease])
            laws.said([e for e in ends if e.claimed in ended.written])
            return ended

        return replace(await self._ask(work), began=began)

    async def beat(self, runner_id: uuid.UUID, held: Mapping[int, bytes], lease_seconds: float) -> dict[int, bool]:
        return await self._ask(lambda: self._store.beat(runner_id, held, lease_seconds))

    async def end_stalled(self, seconds: float) -> int:
        return 0  # a transaction is one message here

    async def sweep(self, patience: float) -> tasks.Swept | None:
        return await self._ask(self._store.sweep)

    async def expired(self, limit: int) -> dict[int, list[int]]:
        return await self._ask(lambda: self._store.expired(limit))

    async def rescue(self, pipeline_id: int, task_ids: Sequence[int], patience: float) -> int:
        def work() -> int:
            rescued = self._store.rescue(pipeline_id, task_ids)
            if rescued:
                self._world.rescued(rescued)
            return rescued

        return await self._ask(work)

    async def _ask(self, work: Callable[[], T]) -> T:
        """One transaction: it is done or not, and the answer arrives or not."""
        world, timeline, faults = self._world, self._world.timeline, self._world.faults
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        fate = faults.fate_of_a_transaction()
        if fate == "request lost":
            loop.call_later(faults.network_seconds(), _break, answer)
            return await answer

        def arrived() -> None:
            if not world.store_is_up:
                timeline.after(faults.network_seconds(), _break, answer)
                return
            result = work()
            world.laws.after_transaction()
            if fate == "reply lost":
                timeline.after(PATIENCE * world.chance.random(), _break, answer)
            else:
                timeline.after(faults.network_seconds(), _give, answer, result)

        timeline.after(faults.network_seconds(), arrived)
        return await answer


def _break(answer: asyncio.Future[T]) -> None:
    if not answer.done():
        answer.set_exception(ConnectionResetError("the metadata database does not answer"))


def _give(answer: asyncio.Future[T], result: T) -> None:
    if not answer.done():
        answer.set_result(result)
