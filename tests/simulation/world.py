"""One simulated world: runners on machines that fail, people, our own database, a target; and all that a seed decides.

Real are the runner with its loops, heartbeat and completions, the reaper, the task type, and the PostgreSQL engine from
its session down to each statement that it sends.  Simulated are time, the two databases, the network and the processes.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final
from unittest import mock

from penstock.domain import clock, failpoints
from penstock.engines.postgres import connect
from penstock.runtime.releases import Release
from penstock.store.releases import Change
from tests.simulation.driver import Connection, connector
from tests.simulation.faults import Faults
from tests.simulation.laws import Broken, Laws
from tests.simulation.loops import Killed, ProcessLoop, Timeline
from tests.simulation.machines import Machine
from tests.simulation.replacements import VirtualClock, errors_are_broken_laws
from tests.simulation.store import Stage, Store, Task
from tests.simulation.target import EFFECT, Server, Session
from tests.simulation.trace import Trace

CHAOS: Final = 10.0  # seconds for which things go wrong
CONNECTED: Final = "connected"  # a moment that can be a trap's, beside statements
SOON: Final = 150.0  # seconds after which everything has ended


@dataclass(frozen=True)
class Outcome:
    """What came of a world.

    Args:
        broken: the law that was broken, if one was.
    """

    seed: int
    broken: str | None
    trace: str
    digest: str
    happened: dict[str, int]


class World:
    """Made of a seed; use once."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.timeline = Timeline(self.chance)
        self.trace = Trace(lambda: self.timeline.now)
        self.faults = Faults(self.chance)
        self.happened: dict[str, int] = {}
        self.server = Server(self, notices_death=self.chance.random() < 0.5)
        self.connections: list[Connection] = []
        self.store_is_up = True
        self.store = Store(lambda: self.timeline.now, self._notify, self._notify_cancel, self.chance.randbytes)
        self.laws = Laws(self)
        self.approved: set[str] = set()
        self.parts: dict[str, list[str]] = {}
        self.releases: dict[int, list[str]] = {}
        self._tampered: set[int] = set()  # releases whose bytes are not those that were approved
        self.machines: list[Machine] = []
        self._changes: dict[str, Change] = {}
        self._traps: list[tuple[str, Callable[[], None]]] = []
        self._victim: Session | None = None
        self._over = False
        self._file()

    # What there is to do.

    def _file(self) -> None:
        draw = self.chance.random
        databases = ["d1", "d2", "d3"][: 1 + int(3 * draw())]
        self.store.instances = {1: 1 + int(2 * draw())}
        if draw() < 0.3:
            self.store.most_in_environment = 1 + int(2 * draw())
        versions = 0
        for pipeline_id in range(1, 2 + int(2 * draw())):
            release = [] if draw() < 0.8 else self.releases.get(pipeline_id - 1, [])[:1]  # filed twice
            release = list(release)
            for _ in range(1 + int(2 * draw())):
                versions += 1
                release.append(self._change(f"v{versions}", 1 + int(2 * draw())))
            self.releases[pipeline_id] = release
            if draw() < 0.03:
                self._tampered.add(pipeline_id)
            stage = Stage(pipeline_id, pipeline_id, 1 + pipeline_id % 2)
            for database in databases:
                number = len(self.store.tasks) + 1
                seconds = 8 if draw() < 0.1 else 3600
                self.store.add(Task(number, stage, f"{pipeline_id}/{database}", 1, database, pipeline_id, seconds))

    def _change(self, version: str, parts: int) -> str:
        self.parts[version] = [str(n) for n in range(parts)]
        statements = [f"{EFFECT} VALUES ('{version}.{n}')" for n in range(parts)]
        self.approved |= set(statements)
        script = ";\n".join(statements).encode()
        digest = "sha256:" + hashlib.sha256(script).hexdigest()
        self._changes[version] = Change(version, version, script, None, None, None, None, parts, digest)
        return version

    async def read(self, release_id: int) -> Release:
        """As `runtime.releases.ReleaseReader`; now and then the bytes are not those that were approved."""
        changes = [self._changes[version] for version in self.releases[release_id]]
        if release_id in self._tampered:
            changes[0] = replace(changes[0], statement=changes[0].statement.replace(b"effect", b"effect /* too */"))
        return Release(f"release {release_id}", changes)

    def is_tampered(self, task: Task) -> bool:
        """It can never succeed, and must not run."""
        return task.release_id in self._tampered

    def shares(self, task: Task) -> bool:
        """Another task brings the same changes to the same database."""
        own = set(self.releases[task.release_id])
        others = [t for t in self.store.tasks.values() if t is not task and t.database == task.database]
        return any(own <= set(self.releases[t.release_id]) for t in others)

    # What happens to it.

    def run(self) -> Outcome:
        """Let it happen."""
        state = random.getstate()
        random.seed(self.seed)
        try:
            with self._installed():
                self._run()
        except Broken:
            pass  # the first one is what counts
        finally:
            random.setstate(state)
        self.trace("world", "ends; the next draw would be {:.6f}", self.chance.random())
        return Outcome(self.seed, self.laws.first, self.trace.text(), self.trace.digest(), self.happened)

    def _run(self) -> None:
        try:
            for number in range(1, 3 + int(2 * self.chance.random())):
                self.machines.append(Machine(self, f"runner{number}"))
                self.machines[-1].boot()
            self._plan_misfortunes()
            self.timeline.at(CHAOS, self._calm)
            if not self.timeline.run(lambda: self._over or self.laws.first is not None, CHAOS + SOON):
                open_ = [f"{t.name} {t.status}" for t in self.store.tasks.values() if not _ended(t)]
                self.laws.broken(f"not everything has ended {SOON:.0f} s after the last fault: {open_}")
            self.laws.finally_()
        finally:
            for machine in self.machines:
                machine.process.die()

    def _plan_misfortunes(self) -> None:
        draw = self.chance.random
        happenings = [self._kill, self._kill, self._stop, self._stop, self._block, self._cut, self._swallow]
        happenings += [self._restart_target, self._lose_store, self._drain, self._cancel, self._gate, self._gate]
        happenings += [self._retry, self._kill_at_point, self._trap, self._trap, self._trap]
        for _ in range(2 + int(10 * draw())):
            self.timeline.at(CHAOS * draw(), self._happen, self.chance.choice(happenings))

    def _happen(self, what: Callable[[], None]) -> None:
        if self.faults.last:
            self.count(what.__name__.lstrip("_"))
            what()

    def count(self, name: str) -> None:
        """Something has happened, which a report on many worlds tells."""
        self.happened[name] = self.happened.get(name, 0) + 1

    def _machine(self) -> Machine:
        if self._victim is not None:
            return next(m for m in self.machines if m.name == self._victim.owner)
        return self.chance.choice(self.machines)

    def _kill(self) -> None:
        self._machine().die(1.0 + 4 * self.chance.random())

    def _kill_at_point(self) -> None:
        self._machine().doomed = 1 + int(4 * self.chance.random())

    def _trap(self) -> None:
        """Wait for the worst moment."""
        happening = self.chance.choice((self._kill, self._kill, self._stop, self._block, self._cut, self._swallow))
        if self.chance.random() < 0.2:
            self._traps.append((CONNECTED, self._shut_out))
        else:
            self._traps.append((self.chance.choice(("COMMIT", EFFECT)), happening))

    def begins(self, session: Session) -> float:
        """A session begins to work on a message; answers how long that will take."""
        return self._sprung(session, session.doing) or self.faults.server_seconds(session.doing)

    def connected(self, session: Session) -> float:
        """A client is let in; answers how long that takes it."""
        return self._sprung(session, CONNECTED)

    def _sprung(self, session: Session, text: str) -> float:
        for trap in self._traps:
            kind, happening = trap
            if self.faults.last and text.startswith(kind):
                self._traps.remove(trap)
                self._victim = session
                self.timeline.after(0.5 * self.chance.random(), self._spring, session, happening)
                return (0.5 if kind == CONNECTED else 7) * self.chance.random()
        return 0.0

    def _shut_out(self) -> None:
        """The gate closes while whoever passed it has not begun."""
        assert self._victim is not None
        self._block()
        parts = self._victim.name.split(":")
        if len(parts) == 4:
            stage = self.store.tasks[int(parts[2])].stage
            self.timeline.after(2 * self.chance.random(), self._set_gate, stage, False)

    def _spring(self, session: Session, happening: Callable[[], None]) -> None:
        self._victim = session
        self._happen(happening)
        self._victim = None

    def _stop(self) -> None:
        machine = self._machine()
        if machine.process.alive and not machine.process.stopped:
            seconds = 8 * self.chance.random()
            self.trace(machine.name, "is stopped for {:.1f} s", seconds)
            machine.process.stop()
            self.timeline.after(seconds, machine.go_on, machine.process)

    def _block(self) -> None:
        machine = self._machine()
        if machine.process.alive:
            seconds = 6 * self.chance.random()
            self.trace(machine.name, "decodes rows for {:.1f} s", seconds)
            machine.process.loops[0].block(seconds)

    def _drain(self) -> None:
        self._machine().drain()

    def _cut(self) -> None:
        if alive := self._open_connections():
            self.chance.choice(alive).cut()

    def _swallow(self) -> None:
        if alive := self._open_connections():
            self.chance.choice(alive).swallow()

    def _open_connections(self) -> list[Connection]:
        alive = [c for c in self.connections if not c.is_closed()]
        return [c for c in alive if self._victim is None or c.session is self._victim]

    def _restart_target(self) -> None:
        if self.server.up:
            self.server.restart(3 * self.chance.random())

    def _lose_store(self) -> None:
        seconds = 5 * self.chance.random()
        self.trace("store", "does not answer for {:.1f} s", seconds)
        self.store_is_up = False
        self.timeline.after(seconds, self._find_store)

    def _find_store(self) -> None:
        self.store_is_up = True

    def _cancel(self) -> None:
        tasks = list(self.store.tasks.values())
        doubtful = [t for t in tasks if t.sent and t.status in ("ready", "waiting")]
        task = self.chance.choice(doubtful or tasks)
        self.trace("ana", "cancels {} ({})", task.name, task.status)
        self.store.cancel(task)
        self.laws.after_transaction()

    def _gate(self) -> None:
        stage = self.chance.choice(list(self.store.tasks.values())).stage
        self._set_gate(stage, not stage.open)

    def _set_gate(self, stage: Stage, is_open: bool) -> None:
        self.trace("ana", "{} stage {}", "opens" if is_open else "closes", stage.id)
        self.store.set_gate(stage, is_open=is_open)
        self.laws.after_transaction()

    def _retry(self) -> None:
        for task in self.store.tasks.values():
            if task.status in ("failed", "canceled"):
                self.trace("ana", "retries {}", task.name)
                self.store.retry(task)
        self.laws.after_transaction()

    def rescued(self, tasks: int) -> None:
        """People see that a runner was lost, and some hurry to do something about it."""
        self.count("task rescued")
        self.trace("store", "rescues {} tasks", tasks)
        if self.faults.last and self.chance.random() < 0.3:
            meddle = self.chance.choice((self._cancel, self._gate))
            self.timeline.after(self.chance.random() * self.chance.choice((0.01, 2.0)), self._happen, meddle)

    def _notify(self) -> None:
        for machine in self.machines:
            if not self.faults.last or self.chance.random() < 0.7:
                self.timeline.after(self.faults.network_seconds(), machine.hear, None)

    def _notify_cancel(self, task_id: int) -> None:
        for machine in self.machines:
            if not self.faults.last or self.chance.random() < 0.7:
                self.timeline.after(self.faults.network_seconds(), machine.hear, task_id)

    def _calm(self) -> None:
        """Nothing goes wrong any more."""
        self.trace("world", "is calm")
        self.faults.last = False
        self.store_is_up = True
        for machine in self.machines:
            machine.doomed = 0
            machine.go_on(machine.process)
        self._look_after()

    def _look_after(self) -> None:
        """People open gates and retry what failed, until all is done and no session has anything left to do."""
        for stage in {t.stage.id: t.stage for t in self.store.tasks.values()}.values():
            if not stage.open:
                self._set_gate(stage, True)
        for task in self.store.tasks.values():
            if task.status == "failed" and not self.is_tampered(task):
                self.trace("ana", "retries {}", task.name)
                self.store.retry(task)
        self.laws.after_transaction()
        at_work = any(s.transaction or s.active for b in self.server.bases.values() for s in b.sessions.values())
        self._over = not at_work and all(_ended(t) for t in self.store.tasks.values())
        self.timeline.after(0.5, self._look_after)

    # What takes the place of the real world.

    @contextlib.contextmanager
    def _installed(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            stack.enter_context(clock.replaced(VirtualClock(self.timeline)))
            stack.enter_context(failpoints.armed(self._reached))
            stack.enter_context(mock.patch.object(connect, "_connect", connector(self)))
            stack.enter_context(errors_are_broken_laws(self.laws.broken))
            yield

    def _reached(self, point: StrEnum) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, ProcessLoop)
        machine = next(m for m in self.machines if m.process is loop.process)
        if machine.doomed:
            machine.doomed -= 1
            if not machine.doomed:
                self.trace(machine.name, "dies right after {}", point)
                loop.process.alive = False
                self.timeline.after(0.0, machine.die, 1.0 + 4 * self.chance.random())
                raise Killed


def _ended(task: Task) -> bool:
    return task.status in ("succeeded", "failed", "canceled")
