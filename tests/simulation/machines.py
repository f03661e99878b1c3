"""The machines of a simulated world: one runner process after another, with its loops as the supervisor starts them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from penstock.engines.postgres.engine import PostgresEngine
from penstock.runtime.beside import Beating
from penstock.runtime.loop import Signal, forever
from penstock.runtime.reaper import Reaper
from penstock.runtime.runner import Runner
from penstock.runtime.work.database_change import DatabaseChange
from penstock.services.targets import Targets
from penstock.store.database import TROUBLE
from tests.simulation.loops import Process
from tests.simulation.metadata import SimulatedMetadata

if TYPE_CHECKING:
    from tests.simulation.world import World

LEASE: Final = 3.0
BEAT: Final = 0.75


class _Beside:
    """Implements `penstock.runtime.beside.Beside`: the thread is a second loop of the same process."""

    def __init__(self, process: Process) -> None:
        self._loop = process.thread()
        self._stop = asyncio.Event()

    def start(self, run: Beating) -> None:
        self._loop.create_task(run(self._stop))

    def stop(self, seconds: float) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)


class Machine:
    """Where one runner process lives, and another after it."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        self.doomed = 0  # at how many more points it dies
        self.process = Process(world.timeline, name, world.laws.broken)
        self._runner: Runner | None = None
        self._draining = asyncio.Event()

    def boot(self) -> None:
        """Start a runner process."""
        self.process = Process(self.world.timeline, self.name, self.world.laws.broken)
        self._draining = asyncio.Event()
        self.process.thread().create_task(self._main(self.process))

    async def _main(self, process: Process) -> None:
        world, metadata = self.world, SimulatedMetadata(self.world)
        engine = PostgresEngine()
        work = DatabaseChange(world, Targets(None), lambda _: engine, "sim")  # type: ignore[arg-type]  # nothing is sealed
        runner = Runner(
            metadata,
            {work.type: work},
            concurrency=2,
            lease_seconds=LEASE,
            beat_seconds=BEAT,
            beside=_Beside(process),
        )
        try:
            await runner.start()
        except TROUBLE:
            self._exit(process)
            return
        self._runner = runner
        reaper = Reaper(metadata, lease_seconds=LEASE)
        loops = [
            asyncio.create_task(forever("runner", runner.round, runner.ready, poll_seconds=3.0)),
            asyncio.create_task(forever("reaper", reaper.round, Signal(), poll_seconds=LEASE / 3)),
        ]
        for loop in loops:
            loop.add_done_callback(self._loop_ended)
        await self._draining.wait()
        with contextlib.suppress(*TROUBLE):  # it says goodbye to nobody
            await runner.drain(1.5)
        self._exit(process)

    def _loop_ended(self, loop: asyncio.Task[None]) -> None:
        if not loop.cancelled():
            self.world.laws.broken(f"a loop of {self.name} ended: {loop.exception()!r}")

    def _exit(self, process: Process) -> None:
        if process is self.process and process.alive:
            self.world.timeline.after(0.0, self.die, 0.5)

    def drain(self) -> None:
        """SIGTERM."""
        if self.process.alive and self._runner is not None and not self._draining.is_set():
            self.world.trace(self.name, "drains")
            self.process.loops[0].call_soon(self._draining.set)

    def die(self, seconds: float) -> None:
        """SIGKILL; a new process starts after that time."""
        process = self.process
        if self._dead is process:
            return
        self._dead = process
        self.world.trace(self.name, "dies")
        process.die()
        self._runner = None
        for connection in self.world.connections:
            connection.process_died(process)
        self.world.timeline.after(seconds, self._reboot)

    _dead: Process | None = None

    def _reboot(self) -> None:
        self.world.trace(self.name, "starts again")
        self.boot()

    def go_on(self, process: Process) -> None:
        """SIGCONT."""
        if process.stopped and process.alive:
            self.world.trace(self.name, "goes on")
            process.go_on()

    def hear(self, task_id: int | None) -> None:
        """A NOTIFY has arrived."""
        runner = self._runner
        if runner is not None and self.process.alive:
            loop = self.process.loops[0]
            if task_id is None:
                loop.call_soon(runner.ready.set)
            else:
                loop.call_soon(runner.cancel, str(task_id))
