"""What runners and the reaper do with tasks: claimed, started, given back, ended, rescued.  Each is one transaction for
a whole batch; what moves tasks is of one pipeline."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import clock, events
from penstock.services.progress import Progress, task_ended
from penstock.store import contexts, pipelines, queue, runs, stalled, standing, tasks
from penstock.store.database import LOCKED, Database, sqlstate
from penstock.store.direct import Wire

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Taker:
    """A runner, and for how many more tasks it has room."""

    runner_id: uuid.UUID
    room: int
    lease_seconds: float


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of a batch of ends.

    Args:
        written: the attempts of which we had the right to say so.
        following: what the taker works on next.
        began: `clock.monotonic` before that was claimed.
    """

    written: Collection[queue.Claimed]
    following: queue.Next
    began: float


def _told(failure: Mapping[str, Any]) -> dict[str, Any]:
    """A failure as events tell it, also to plugins: rows of a target are for those who may look at the task."""
    return {name: value for name, value in failure.items() if name != "data"}


class Attempts:
    """The lives of attempts, as the metadata database sees them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def apart(self) -> AsyncIterator[Attempts]:
        """The same over a connection of its own, for another event loop."""
        database = Database(self._database.url, pool_size=1, stalled_seconds=self._database.stalled_seconds)
        try:
            yield Attempts(database)
        finally:
            await database.close()

    async def register(self, runner_id: uuid.UUID, host: str, pid: int) -> None:
        """Announce a runner process."""
        await self._database.run(lambda conn: queue.register_runner(conn, runner_id, host, pid))

    async def drain(self, runner_id: uuid.UUID) -> None:
        """Record that a runner stops."""
        await self._database.run(lambda conn: queue.drain_runner(conn, runner_id))

    async def beat(self, runner_id: uuid.UUID, held: Mapping[int, bytes], lease_seconds: float) -> dict[int, bool]:
        """Extend leases; see `queue.beat`."""
        return await self._database.run(lambda conn: queue.beat(conn, runner_id, held, lease_seconds))

    async def start(self, pipeline_id: int, claims: Sequence[queue.Claimed]) -> set[int]:
        """Move claimed tasks to running where lease and permit stand; give the others back to their gates.

        Returns:
            Ids of the tasks that run now.
        """

        async def work(conn: AsyncConnection) -> set[int]:
            return await self._start(await Progress.lock(conn, pipeline_id), claims)

        return await self._database.run(work)

    async def take(self, runner_id: uuid.UUID, limit: int, lease_seconds: float) -> list[queue.Claimed]:
        """Claim what could run now and start it, in one transaction, so that nothing comes between.

        Returns:
            Tasks that run now, ``limit`` at most.
        """

        async def work(wire: Wire) -> list[queue.Claimed]:
            return await queue.claim(wire, runner_id, limit, lease_seconds)

        return await self._database.run_straight(queue.TAKE_TURNS, work)

    async def take_over(self, runner_id: uuid.UUID, limit: int, lease_seconds: float) -> list[queue.Claimed]:
        """Claim what was being canceled when its runner was lost, only to read the proof."""

        async def work(wire: Wire) -> list[queue.Claimed]:
            return await queue.claim_abandoned(wire, runner_id, limit, lease_seconds)

        return await self._database.run_straight(queue.NO_TURNS, work)

    async def standings(self, claims: Sequence[queue.Claimed]) -> Mapping[bytes, standing.Standing]:
        """What may still be done about tasks, by lease."""
        return await standing.standings(self._database, claims)

    async def append_log(
        self, claimed: queue.Claimed, lines: Sequence[runs.Line], progress: str | None, waiting: Sequence[str]
    ) -> bool:
        """Add to a run's log; False when the lease is lost."""
        return await self._database.run(lambda conn: runs.append_log(conn, claimed, lines, progress, waiting))

    async def end_stalled(self, seconds: float) -> int:
        """End sessions whose client fell silent; see `penstock.store.stalled`."""
        return await self._database.run(lambda conn: stalled.end(conn, seconds))

    async def sweep(self, patience: float) -> tasks.Swept | None:
        """Promote what became due by time; see `tasks.sweep`. None when a lock was not to be had for ``patience``
        seconds."""
        return await self._impatiently(tasks.sweep, patience)

    async def expired(self, limit: int) -> dict[int, list[int]]:
        """Tasks whose lease ran out: pipeline id -> task ids."""
        async with self._database.connect() as conn:
            return await queue.expired(conn, limit)

    async def rescue(self, pipeline_id: int, task_ids: Sequence[int], patience: float) -> int:
        """Take those back to ready whose lease has run out; answers how many.

        Whoever was lost may have left a transaction open that locks them, until the server ends it: none is taken then,
        so that those of other pipelines need not wait.
        """

        async def work(conn: AsyncConnection) -> int:
            progress = await Progress.lock(conn, pipeline_id)
            moved = await queue.rescue(conn, task_ids)
            if moved:
                await progress.advance()  # a gate may have closed while it was at work
            await progress.finish(touched=bool(moved))
            return len(moved)

        return await self._impatiently(work, patience) or 0

    async def _impatiently(self, work: Callable[[AsyncConnection], Awaitable[T]], patience: float) -> T | None:
        async def impatient(conn: AsyncConnection) -> T:
            await conn.execute(sa.text(f"SET LOCAL lock_timeout = '{max(1, round(patience * 1000))}ms'"))
            return await work(conn)

        try:
            return await self._database.run(impatient)
        except DBAPIError as error:
            if sqlstate(error) != LOCKED:
                raise
            return None

    async def _start(self, progress: Progress, claims: Sequence[queue.Claimed]) -> set[int]:
        conn = progress.conn
        moved = await runs.start(conn, claims)
        started = {m.id for m in moved}
        left = [c for c in claims if c.id not in started]
        given_back = await runs.give_back(conn, left) if left else []
        canceled = await runs.cancel_unsent(conn, left) if left else []
        for m in moved:
            progress.event(events.TASK_START, task=m.id, name=m.name, attempt=m.attempt)
        task_ended(progress, canceled, outcome="canceled")
        if given_back or canceled:
            await progress.advance()
        await progress.finish()
        return started

    async def end(self, pipeline_id: int, ends: Sequence[runs.End], taker: Taker | None = None) -> Ended:
        """Write how attempts ended, announce it, and let the pipeline go on.

        The cost of one finished task does not depend on how many tasks its pipeline has: only the end of a stage, a
        task of a sequential one, or an attempt that is to be made again, has the gates asked again.

        Args:
            taker: a runner that has room for what comes next.
        """
        ends = _newest(ends)
        claims = [e.claimed for e in ends]

        async def work(wire: Wire) -> Ended:
            began = clock.monotonic()
            head = pipelines.Head(pipeline_id, claims[0].project_id, claims[0].issue_id, "open")
            progress = Progress(wire.conn, head)
            well = [e for e in ends if e.to == "succeeded"]
            succeeded = await runs.succeed(wire, well) if well else {}
            if given := {e.claimed.id: e.outputs for e in well if e.outputs and e.claimed.id in succeeded}:
                await contexts.keep_outputs(wire.conn, given)
            written = await runs.end(wire.conn, [e for e in ends if e.to != "succeeded"])
            for end, moved in written:
                if end.to != "ready":
                    data: dict[str, Any] = {"failure": _told(end.failure)} if end.failure else {}
                    task_ended(progress, [moved], outcome=end.to, **data)
            again = any(s.over for s in succeeded.values()) or any(e.to == "ready" for e, _ in written)
            if not again and written:
                again = await runs.concern_others(wire.conn, [m.stage_id for _, m in written])
            if not again and (one_by_one := {s.stage_id for s in succeeded.values() if s.next}):
                again = await progress.hand_on(one_by_one)
            if again:
                await progress.advance()
            promoted = await tasks.promote_straight(wire, {c.instance_id for c in claims if c.id in succeeded})
            await progress.finish(touched=bool(written) or again)
            following = queue.Next([], left=True)
            if taker is not None and taker.room > 0:
                following = await queue.claim_next(wire, pipeline_id, taker.runner_id, taker.room, taker.lease_seconds)
            if promoted and following.left:
                wire.last = tasks.ANNOUNCE
            ours = {*succeeded, *(m.id for _, m in written)}
            return Ended([c for c in claims if c.id in ours], following, began)

        locks = tasks.locking(pipeline_id, [c.instance_id for c in claims])
        return await self._database.run_straight(locks, work)


def _newest(ends: Sequence[runs.End]) -> list[runs.End]:
    """Without attempts that cannot be ours any more: a runner that was taken for lost and claimed the same task again
    may have both to tell of at once, and every claim voids the lease before it."""
    newest: dict[int, int] = {}
    for end in ends:
        newest[end.claimed.id] = max(newest.get(end.claimed.id, 0), end.claimed.attempt)
    return [end for end in ends if end.claimed.attempt == newest[end.claimed.id]]
