"""The runner: claims what may run, works on it under a lease, and says how it ended.

The target database is the truth about what was applied there; everything here may die at any moment, and
the next attempt finds out by reading the target's proof under the target's lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import structlog

from penstock.domain import clock, failpoints
from penstock.domain.errors import PenstockError
from penstock.engines.base import Failure, LeaseLost
from penstock.runtime import logbook
from penstock.runtime.beside import Beside, Thread
from penstock.runtime.completions import REFUSED, Completions
from penstock.runtime.heartbeat import Heartbeat
from penstock.runtime.loop import Signal
from penstock.runtime.metadata import Metadata
from penstock.runtime.points import Point
from penstock.runtime.port import TaskPort
from penstock.runtime.standings import Standings
from penstock.runtime.work.base import Work, again, failed
from penstock.services import metrics
from penstock.services.attempts import Ended, Taker
from penstock.store import queue, runs
from penstock.store.database import TROUBLE

MARGIN_SECONDS: Final = 2.0

log = structlog.get_logger(__name__)


class Runner:
    """Works on tasks; one per process.

    Args:
        works: the task types by name.
        concurrency: tasks at once.
        lease_seconds: how long a claim lasts without a heartbeat.
        beat_seconds: between heartbeats.
        beside: where the heart beats; a thread of its own if not given.
    """

    def __init__(
        self,
        metadata: Metadata,
        works: Mapping[str, Work],
        *,
        concurrency: int,
        lease_seconds: float,
        beat_seconds: float,
        beside: Beside | None = None,
    ) -> None:
        self.id = uuid.uuid4()
        self.ready = Signal()
        self._metadata = metadata
        self._works = works
        self._concurrency = concurrency
        self._lease_seconds = lease_seconds
        self._completions = Completions(metadata, self._taking, self._taken)
        self._standings = Standings(metadata)
        self._ports: dict[int, TaskPort] = {}
        self._ports_lock = threading.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._draining = False
        self._kept = 0  # places for which something is being claimed
        self._claiming = asyncio.Lock()
        self._look_for_abandoned = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._heartbeat = Heartbeat(
            metadata,
            self.id,
            lease_seconds=lease_seconds,
            beat_seconds=beat_seconds,
            beside=beside or Thread("heartbeat"),
            held=self._held,
            answer=self._answered,
        )

    async def start(self) -> None:
        """Announce this runner and begin to beat."""
        self._loop = asyncio.get_running_loop()
        await self._metadata.register(self.id, socket.gethostname(), os.getpid())
        self._heartbeat.start()

    async def round(self) -> bool:
        """Claim up to what there is room for; returns whether there may be more to claim at once."""
        async with self._claiming:
            return not self._draining and await self._claim()

    async def _claim(self) -> bool:
        room = self._room()
        if room <= 0:
            return False
        began = clock.monotonic()
        self._kept += room  # not given away a second time by what ends meanwhile
        try:
            claims = await self._take(room, began)
        finally:
            self._kept -= room
        if claims:
            failpoints.reach(Point.CLAIMED)
        for claimed in claims:
            self._begin(claimed, began)
        return bool(claims)

    def _room(self) -> int:
        return max(0, self._concurrency - len(self._ports) - self._kept)

    def _taking(self, ending: int) -> Taker:
        """What ends makes room for what comes next, which is claimed in the same transaction."""
        if self._draining:
            return Taker(self.id, 0, self._lease_seconds)
        room = self._room()
        self._kept += room
        return Taker(self.id, room + ending, self._lease_seconds)

    def _taken(self, taker: Taker, ending: int, ended: Ended | None) -> None:
        self._kept -= max(0, taker.room - ending)
        if ended is None:
            return
        failpoints.reach(Point.END_WRITTEN)
        for claimed in ended.written:
            self._forget(claimed.id, claimed.lease)
        for claimed in ended.following.claims:
            self._begin(claimed, ended.began)
        if ended.following.left:
            self.ready.set()

    async def _take(self, room: int, began: float) -> list[queue.Claimed]:
        with metrics.claim_seconds.time():
            claims = await self._metadata.take(self.id, room, self._lease_seconds)
        if len(claims) < room and began >= self._look_for_abandoned:
            claims += await self._metadata.take_over(self.id, room - len(claims), self._lease_seconds)
            if len(claims) < room:
                self._look_for_abandoned = began + min(1.0, self._lease_seconds / 4)
        return claims

    def _begin(self, claimed: queue.Claimed, began: float) -> None:
        metrics.claimed.labels(type=claimed.type).inc()
        metrics.wait_seconds.labels(type=claimed.type).observe(max(0.0, claimed.waited))
        port = TaskPort(
            self._standings,
            claimed,
            lease_until=began + self._lease_seconds,
            margin=min(MARGIN_SECONDS, self._lease_seconds / 3),
            deadline=began + claimed.timeout_seconds,
        )
        with self._ports_lock:
            self._ports[claimed.id] = port
        task = asyncio.create_task(self._work(claimed), name=f"task-{claimed.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, claimed: queue.Claimed) -> None:
        port = self._ports[claimed.id]
        bound = structlog.contextvars.bound_contextvars(task=claimed.id, run=claimed.run_id, attempt=claimed.attempt)
        keeper = asyncio.create_task(logbook.keep(self._metadata, port))
        began = clock.monotonic()
        metrics.running.inc()
        outcome = "lost"
        try:
            with bound:
                end = await self._attempt(claimed, port)
                if end is not None:
                    keeper.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await keeper
                    outcome = end.to if await self._end(end, port) else "lost"
                if outcome == "lost":
                    metrics.leases_lost.inc()
                    log.warning("lease_lost")
        except Exception:
            log.exception("end_not_written")  # the lease runs out, and the next attempt reads the proof
        finally:
            keeper.cancel()
            metrics.running.dec()
            metrics.ended.labels(type=claimed.type, outcome=outcome).inc()
            metrics.run_seconds.labels(type=claimed.type).observe(clock.monotonic() - began)
            if self._forget(claimed.id, claimed.lease):  # else whoever wrote its end has used its place already
                self.ready.set()

    async def _attempt(self, claimed: queue.Claimed, port: TaskPort) -> runs.End | None:
        """Work on a task; None when the lease is lost, so that nothing may be said."""
        try:
            return await self._works[claimed.type].run(claimed, port)
        except LeaseLost:
            if port.lost:
                return None
            # A gate closed before anything was sent: give it back.
            return runs.End(claimed, "ready", sent=port.sent) if not claimed.canceling else None
        except PenstockError as error:
            port.log("error", error.message)
            return failed(claimed, Failure("infrastructure", error.code, error.message), sent=port.sent)
        except Exception as error:
            if isinstance(error, TROUBLE) and not isinstance(error, REFUSED):
                # Engines answer with results, so this is our own database: nothing is wrong with the task.
                port.log("warning", f"The metadata database did not answer ({type(error).__name__}).")
                message = "Penstock's own database did not answer while this task was being worked on."
                return again(claimed, Failure("infrastructure", "metadata_unavailable", message), sent=port.sent)
            log.exception("attempt_crashed")
            message = (
                f"Penstock made a mistake ({type(error).__name__}); it was logged. The database was not told to go on."
            )
            return failed(claimed, Failure("infrastructure", "internal", message), sent=port.sent)

    async def _end(self, end: runs.End, port: TaskPort) -> bool:
        """Write an end together with the last lines of its log; returns whether it was still ours to say."""
        if port.more_lines_than(logbook.BATCH):
            try:
                await logbook.flush(self._metadata, port)
            except TROUBLE as error:
                log.warning("log_flush_failed", error=repr(error)[:200])
        lines = port.unstored(logbook.BATCH)
        failpoints.reach(Point.ATTEMPT_MADE)
        return await self._completions.write(replace(end, lines=lines, progress=port.progress_text))

    def _forget(self, task_id: int, lease: bytes) -> bool:
        """Returns whether its place was still taken."""
        with self._ports_lock:
            port = self._ports.get(task_id)
            if port is None or port.claimed.lease != lease:
                return False
            del self._ports[task_id]
            return True

    def cancel(self, payload: str) -> None:
        """Somebody asked to cancel a task; the heartbeat's answer says so too."""
        if payload.isdecimal() and (port := self._ports.get(int(payload))) is not None:
            port.cancel("person")

    async def drain(self, grace_seconds: float) -> None:
        """Stop claiming, let short work end, roll the rest back and release it; leases are kept alive meanwhile."""
        self._draining = True
        async with self._claiming:
            pass  # what is being claimed is begun, and so waited for
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_seconds)
        with self._ports_lock:
            left = list(self._ports.values())
        for port in left:
            port.cancel("drain")
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_seconds)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self._heartbeat.stop)
        await self._metadata.drain(self.id)

    def _held(self) -> Mapping[int, bytes]:
        with self._ports_lock:
            return {i: port.claimed.lease for i, port in self._ports.items()}

    def _answered(self, began: float, ours: Mapping[int, bool], asked: Mapping[int, bytes]) -> None:
        """In the heartbeat's thread: leases that were extended reach further, the others are lost."""
        with self._ports_lock:
            ports = [(i, self._ports[i]) for i in asked if i in self._ports]
        for task_id, port in ports:
            if port.claimed.lease != asked[task_id]:
                continue  # it ended and was claimed again, while this beat was under way
            if task_id in ours:
                port.lease_until = began + self._lease_seconds
                if ours[task_id]:
                    self._call(port.cancel, "person")
            else:
                self._call(port.lose)

    def _call(self, what: object, *args: object) -> None:
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # the loop is closed: the process is at its end
            self._loop.call_soon_threadsafe(what, *args)  # type: ignore[arg-type]
