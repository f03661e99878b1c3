"""Virtual time: one line of events for the whole world, and an event loop for every thread of every simulated process.

Nothing here looks at a clock or waits: the next event is the next moment.  What happens at the same moment happens in
an order that the seed decides.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
from asyncio import events
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar

T = TypeVar("T")


class Killed(BaseException):
    """What the coroutines of a dead process get, so that they end; nothing that they do any more reaches anybody."""


class Timeline:
    """All that will happen.

    Args:
        chance: the seed's choices.
    """

    def __init__(self, chance: random.Random) -> None:
        self.now = 0.0
        self.chance = chance
        self._events: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._numbers = itertools.count()
        self._runnable: list[ProcessLoop] = []

    def at(self, when: float, what: Callable[..., object], *args: Any) -> None:
        """Have something happen."""
        heapq.heappush(self._events, (max(when, self.now), next(self._numbers), what, args))

    def after(self, seconds: float, what: Callable[..., object], *args: Any) -> None:
        """Have something happen in a while."""
        self.at(self.now + seconds, what, *args)

    def wake(self, loop: ProcessLoop) -> None:
        """A loop has something to do now."""
        if not loop.queued:
            loop.queued = True
            self._runnable.append(loop)

    def run(self, over: Callable[[], bool], until: float) -> bool:
        """Let things happen until it is over; answers False when it is not at that time."""
        while not over():
            if self._runnable:
                at = int(self.chance.random() * len(self._runnable)) if len(self._runnable) > 1 else 0
                loop = self._runnable.pop(at)
                loop.queued = False
                loop.turn()
                continue
            if not self._events:
                return False
            when, _, what, args = heapq.heappop(self._events)
            if when > until:
                return False
            self.now = when
            what(*args)
        return True


class Process:
    """One operating system process: it can die, and it can be stopped for a while."""

    def __init__(self, timeline: Timeline, name: str, broken: Callable[[str], None]) -> None:
        self.name = name
        self.timeline = timeline
        self.alive = True
        self.stopped = False
        self.broken = broken
        self.loops: list[ProcessLoop] = []

    def thread(self) -> ProcessLoop:
        """A new thread with an event loop."""
        loop = ProcessLoop(self)  # type: ignore[abstract]  # asyncio calls no more of it than there is
        self.loops.append(loop)
        return loop

    def stop(self) -> None:
        """SIGSTOP: timers ring, packets arrive, and nobody looks."""
        self.stopped = True

    def go_on(self) -> None:
        """SIGCONT."""
        self.stopped = False
        for loop in self.loops:
            loop.look()

    def die(self) -> None:
        """SIGKILL."""
        self.alive = False
        for loop in self.loops:
            loop.die()


class ProcessLoop(asyncio.AbstractEventLoop):
    """What asyncio needs of a loop, and no more."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.queued = False
        self.blocked = False  # by code that does not give way
        self._timeline = process.timeline
        self._ready: list[asyncio.Handle] = []
        self._tasks: list[asyncio.Task[Any]] = []

    # What is called by the timeline.

    def turn(self) -> None:
        """Run what is ready."""
        if not self._runs():
            return
        ready, self._ready = self._ready, []
        events._set_running_loop(self)
        try:
            for at, handle in enumerate(ready):
                if not handle._cancelled:
                    handle._run()
                    if not self._runs():
                        self._ready[:0] = ready[at + 1 :]
                        return
        finally:
            events._set_running_loop(None)
        if self._ready:
            self._timeline.wake(self)

    def _runs(self) -> bool:
        return self.process.alive and not self.process.stopped and not self.blocked

    def look(self) -> None:
        """After having been stopped."""
        if self._ready:
            self._timeline.wake(self)

    def block(self, seconds: float) -> None:
        """Keep this thread, and no other, from doing anything for a while."""
        self.blocked = True
        self._timeline.after(seconds, self._unblock)

    def _unblock(self) -> None:
        self.blocked = False
        self.look()

    def _due(self, handle: asyncio.TimerHandle) -> None:
        if not handle._cancelled and self.process.alive:
            self._ready.append(handle)
            self._timeline.wake(self)

    def die(self) -> None:
        """End every coroutine where it stands."""
        self._ready.clear()
        tasks, self._tasks = self._tasks, []
        events._set_running_loop(self)
        try:
            for task in tasks:
                if not task.done():
                    _end(task)
        finally:
            events._set_running_loop(None)

    # What asyncio calls.

    def time(self) -> float:
        return self._timeline.now

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> asyncio.Handle:  # type: ignore[override]  # as the standard library's own loops have it
        handle = asyncio.Handle(callback, args, self, context)
        if self.process.alive:
            self._ready.append(handle)
            if not self.queued:
                self._timeline.wake(self)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]  # there is but one real thread

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._timeline.now + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        if self.process.alive:
            self._timeline.at(when, self._due, handle)
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It stays on the timeline, and is passed over."""

    def create_future(self) -> asyncio.Future[Any]:
        if not self.process.alive:
            raise Killed
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, T], *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[T]:
        if not self.process.alive:
            coro.close()
            raise Killed
        task = asyncio.Task(coro, loop=self, name=name or "", context=context)
        self._tasks.append(task)
        if len(self._tasks) > 200:
            self._tasks = [t for t in self._tasks if not t.done()]
        return task

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        future = self.create_future()
        future.set_result(func(*args))
        return future

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if self.process.alive:
            error = context.get("exception")
            self.process.broken(f"{context['message']}: {error!r}")


def _end(task: asyncio.Task[Any]) -> None:
    """Throw a task's coroutine out of wherever it waits, and of whatever it would wait for on its way out."""
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    coro = task.get_coro()
    assert coro is not None
    try:
        while True:
            coro.throw(Killed())
    except (Killed, StopIteration):
        pass
