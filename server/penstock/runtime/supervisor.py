"""Starts every background loop of a process, and stops them in the right order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from penstock.engines.base import Engine, EngineName
from penstock.runtime.dispatcher import Dispatcher
from penstock.runtime.gatekeeper import Gatekeeper
from penstock.runtime.gauges import EVERY_SECONDS as GAUGES_SECONDS
from penstock.runtime.gauges import Gauges
from penstock.runtime.janitor import Janitor
from penstock.runtime.loop import Signal, forever
from penstock.runtime.reaper import Reaper
from penstock.runtime.releases import ReleaseReader
from penstock.runtime.runner import Runner
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.sequencer import Sequencer
from penstock.runtime.wakeup import Wakeup
from penstock.runtime.work.base import Work
from penstock.runtime.work.baseline import SchemaBaseline
from penstock.runtime.work.database_change import DatabaseChange
from penstock.runtime.work.database_create import DatabaseCreate
from penstock.runtime.work.database_query import DatabaseQuery
from penstock.runtime.work.schema_sync import SchemaSync
from penstock.services.attempts import Attempts
from penstock.services.pull_requests import PullRequests
from penstock.services.targets import Targets
from penstock.store.database import Database, driver_dsn
from penstock.store.outbox import OUTBOX_CHANNEL
from penstock.store.pipelines import WAKE_CHANNEL
from penstock.store.tasks import CANCEL_CHANNEL, READY_CHANNEL

log = structlog.get_logger(__name__)

DRAIN_SECONDS: Final = 1.5
GATES_LATER: Final = 0.025  # what a decision has opened is on its way before its gates are asked a second time
SEQUENCER_REST: Final = 0.1  # events reach people that much later at most; a busy runner pays for ten rounds a second


@dataclass(frozen=True, slots=True)
class RunnerSettings:
    """How a process runs tasks."""

    concurrency: int = 8
    lease_seconds: float = 30.0
    beat_seconds: float = 5.0


class Supervisor:
    """The background side of one process.

    Args:
        runner: None for a process that only serves (``--no-runner``): it still stamps events and wakes gates.
        deployment: id of this installation.
        dispatcher: tells plugins of events; None where nobody is told.
        pull_requests: looks at those of Git hosts; None where nobody looks.
        lease_seconds: that of the runners elsewhere, which a process without one needs to judge them by.
    """

    def __init__(
        self,
        database: Database,
        targets: Targets,
        engine_for: Callable[[EngineName], Engine],
        deployment: str,
        runner: RunnerSettings | None,
        dispatcher: Dispatcher | None = None,
        *,
        pull_requests: PullRequests | None = None,
        lease_seconds: float | None = None,
    ) -> None:
        self._database = database
        self._dispatcher = dispatcher
        self._pull_requests = pull_requests
        self._loops: list[asyncio.Task[None]] = []
        self._stopped = False
        self._outbox, self._wake, self._calm = Signal(), Signal(), Signal()
        works: dict[str, Work] = {}
        releases = ReleaseReader(database)
        for work in (
            DatabaseChange(releases, targets, engine_for, deployment),
            SchemaBaseline(releases, targets, engine_for, deployment),
            SchemaSync(database, targets, engine_for),
            DatabaseQuery(database, releases, targets, engine_for, deployment),
            DatabaseCreate(database, releases, targets, engine_for, deployment),
        ):
            works[work.type] = work
        self._lease_seconds = lease_seconds or (runner or RunnerSettings()).lease_seconds
        self._runner = self._make_runner(works, runner) if runner else None

    def _make_runner(self, works: Mapping[str, Work], settings: RunnerSettings) -> Runner:
        return Runner(
            Attempts(self._database),
            works,
            concurrency=settings.concurrency,
            lease_seconds=settings.lease_seconds,
            beat_seconds=settings.beat_seconds,
        )

    async def start(self) -> None:
        """Start all loops."""
        handlers: dict[str, Callable[[str], None]] = {
            OUTBOX_CHANNEL: lambda _: self._outbox.set(),
            WAKE_CHANNEL: lambda _: _soon(GATES_LATER, self._wake),
        }
        self._loop("sequencer", Sequencer(self._database).round, self._outbox, 1.0, rest=SEQUENCER_REST)
        self._loop("gatekeeper", Gatekeeper(self._database).round, self._wake, 2.0)
        self._loop("janitor", Janitor(self._database).round, Signal(), 60.0)
        self._loop("scheduler", Scheduler(self._database).round, self._calm, 2.0)
        gauges = Gauges(self._database, lease_seconds=self._lease_seconds)
        self._loop("gauges", gauges.round, Signal(), GAUGES_SECONDS)
        reaper = Reaper(Attempts(self._database), lease_seconds=self._lease_seconds)
        self._loop("reaper", reaper.round, Signal(), min(2.0, self._lease_seconds / 3))
        if self._dispatcher is not None:
            self._loop("dispatcher", self._dispatcher.round, Signal(), 1.0)
        if self._pull_requests is not None:
            self._loop("pull_requests", self._pull_requests.round, Signal(), 1.0)
        if self._runner is not None:
            runner = self._runner
            await runner.start()
            handlers[READY_CHANNEL] = lambda _: runner.ready.set()
            handlers[CANCEL_CHANNEL] = runner.cancel
            self._loop("runner", runner.round, runner.ready, 3.0)
        wakeup = Wakeup(driver_dsn(self._database.url), handlers)
        self._loops.append(asyncio.create_task(wakeup.run(), name="wakeup"))

    def _loop(
        self, name: str, round_: Callable[[], Awaitable[bool]], signal: Signal, seconds: float, *, rest: float = 0.0
    ) -> None:
        work = forever(name, round_, signal, poll_seconds=seconds, rest_seconds=rest)
        self._loops.append(asyncio.create_task(work, name=name))

    async def failed(self) -> None:
        """Return when a loop has ended, which none should: raises what ended it."""
        done, _ = await asyncio.wait(self._loops, return_when=asyncio.FIRST_COMPLETED)
        for loop in done:
            if not loop.cancelled():
                loop.result()

    async def stop(self) -> None:
        """Drain the runner first, so that what ends meanwhile is still announced; then stop the loops.  Safe to call
        twice."""
        if self._stopped:
            return
        self._stopped = True
        if self._runner is not None:
            await self._runner.drain(DRAIN_SECONDS)
        for loop in self._loops:
            loop.cancel()
        for loop in self._loops:
            with contextlib.suppress(asyncio.CancelledError):
                await loop
        log.info("stopped")


def _soon(seconds: float, signal: Signal) -> None:
    asyncio.get_running_loop().call_later(seconds, signal.set)
