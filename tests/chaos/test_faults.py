"""Runners are killed and stopped, servers restarted and connections spoilt while changes are applied; afterwards every
change has taken effect exactly once.

Where nobody can know how something ended, Penstock says so, and only of what was labelled before; a person then looks
and settles it.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy.engine import make_url

from penstock.runtime.loop import Signal, forever
from penstock.runtime.reaper import Reaper
from penstock.services import metrics
from penstock.services.attempts import Attempts
from tests.builders import Site, open_world
from tests.chaos.faults import METADATA, Chaos, Fault, histogram
from tests.chaos.fronts import Front
from tests.chaos.middle import Middle, Pipe
from tests.chaos.runners import Runners
from tests.chaos.shop import PATIENCE, Held, Shop
from tests.own_servers import OwnPostgres, OwnServer
from tests.waiting import eventually

TARGETS: Final = 10
RUNNERS: Final = 3
REPORT: Final = 20  # faults


@asynccontextmanager
async def beside(*works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run coroutines beside the block; an error of theirs is an error of it."""
    tasks = [asyncio.ensure_future(w) for w in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended


class Mischief:
    """Does what goes wrong, one after the other; some of it lasts while the next begins.

    Args:
        struck: how often (fault, phase) was met.
        fenced: tasks that had been taken over when the runner that had them woke up.
    """

    def __init__(self, shop: Shop, runners: Runners, metadata: OwnPostgres, between: Middle) -> None:
        self._shop = shop
        self._runners = runners
        self._metadata = metadata
        self._between = between  # runners and the metadata database
        self._lasting: set[asyncio.Task[None]] = set()
        self._starting: list[asyncio.Task[int]] = []
        self.struck: Counter[tuple[Fault, str]] = Counter()
        self.fenced = 0

    async def strike(self, chaos: Chaos) -> None:
        """Everything, from the first fault that is asked for on."""
        for number, fault in enumerate(chaos.faults()):
            if number >= chaos.first:
                if number % REPORT == 0:  # where a run that is ended stood
                    sys.stderr.write(f"{self._shop.front.engine}: --from {number}, {self._shop.tally}\n")
                rng = chaos.draw(number)
                phase = rng.choice(self._shop.front.phases)
                try:
                    await self._one(fault, phase, rng.uniform(0.0, 1.0))
                except AssertionError as error:
                    left = await self._shop.unfinished()
                    raise AssertionError(f"{fault} in phase {phase}, --from {number}: {error} {left}") from None
        await self.calm()

    async def calm(self) -> None:
        """Wait until nothing goes wrong any more."""
        await asyncio.gather(*self._lasting)
        await self._started()

    async def _started(self) -> None:
        started, self._starting = self._starting, []
        await asyncio.gather(*started)

    async def _one(self, fault: Fault, phase: str, amount: float) -> None:
        shop = self._shop
        if fault in METADATA or fault is Fault.METADATA_RESTART:
            await self._started()  # one that starts without the metadata database ends, as it should
        met = await self._meet(phase, connected=fault in _ON_A_CONNECTION)
        seconds = shop.lease * (0.3 + 1.5 * amount)
        if fault in (Fault.KILL, Fault.STOP):
            pid = met[0].pid
            if fault is Fault.KILL:
                await self._runners.kill(pid)
            else:
                self._runners.stop(pid)
                self._last(self._wake(pid, met, shop.lease * (1.5 + amount)))
            if self._runners.count < RUNNERS:
                self._starting.append(asyncio.create_task(self._runners.start()))
        elif fault is Fault.TARGET_RESTART:
            await self._restart(shop.front.own)
        elif fault is Fault.METADATA_RESTART:
            await self._restart(self._metadata, tls=False)
            shop.disturbed = time.monotonic()
        elif fault is Fault.METADATA_CUT:
            self._between.cut()
            shop.disturbed = time.monotonic()
        elif fault is Fault.METADATA_STALL:
            await self._between.stall(seconds)
            shop.disturbed = time.monotonic()
        elif fault is Fault.METADATA_ANSWER_LOST:
            await self._between.lose_one("answer")
            shop.disturbed = time.monotonic()
        else:
            met = [await self._spoil(fault, phase, met[0], seconds)]
        self.struck.update((fault, h.phase) for h in met)

    async def _meet(self, phase: str, *, connected: bool) -> list[Held]:
        """Wait until a runner has a task in that phase; returns it and everything that this runner has in hand."""

        async def met() -> list[Held]:
            held = await self._shop.held(self._runners)
            found = next((h for h in held if h.phase == phase and (not connected or self._pipe(h))), None)
            return [] if found is None else [found, *(h for h in held if h.pid == found.pid and h != found)]

        found: list[Held] = await eventually(met, PATIENCE, every=0.02, message=f"a task in phase {phase}")
        return found

    def _pipe(self, held: Held) -> Pipe | None:
        return self._shop.front.middle.pipe(held.port)

    async def _spoil(self, fault: Fault, phase: str, held: Held, seconds: float) -> Held:
        """Spoil the connection of one task; another one's, while it ends before that has happened."""
        while True:
            pipe = self._pipe(held)
            if pipe is not None and fault is Fault.CUT:
                pipe.cut()
                return held
            if pipe is not None and fault is Fault.DELAY:
                pipe.delay(0.2)
                return held
            if pipe is not None and fault is Fault.STALL:
                pipe.stall()
                self._last(_flow(pipe, seconds))
                return held
            if pipe is not None:
                pipe.lose("answer" if fault is Fault.ANSWER_LOST else "request")
                waits = [asyncio.ensure_future(event.wait()) for event in (pipe.struck, pipe.closed)]
                await asyncio.wait(waits, timeout=10, return_when=asyncio.FIRST_COMPLETED)
                for wait in waits:
                    wait.cancel()
                pipe.lose(None)
                if pipe.struck.is_set():
                    return held
            [held, *_] = await self._meet(phase, connected=True)

    async def _restart(self, server: OwnServer[Any], *, tls: bool = True) -> None:
        await asyncio.to_thread(server.crash)
        await server.start(tls=tls)

    async def _wake(self, pid: int, held: list[Held], seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._runners.wake(pid)
        now = await self._shop.attempts([h.task for h in held])
        self.fenced += sum(now[h.task] > h.attempt for h in held)

    def _last(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._lasting.add(task)


_ON_A_CONNECTION: Final = (Fault.CUT, Fault.STALL, Fault.DELAY, Fault.COMMIT_LOST, Fault.ANSWER_LOST)


async def _flow(pipe: Pipe, seconds: float) -> None:
    await asyncio.sleep(seconds)
    pipe.flow()


@pytest.mark.timeout(0)
@pytest.mark.parametrize("front", ["postgres", "mariadb"], indirect=True)
async def test_whatever_goes_wrong_no_change_is_lost_or_repeated(
    own_site: Site,
    metadata: OwnPostgres,
    chaos: Chaos,
    front: Front,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    repairs = metrics.slot_repairs._value.get()
    between = Middle("127.0.0.1", metadata.port, b"COMMIT")
    async with between.listening(), front.middle.listening(), open_world(own_site) as world:
        try:
            shop = Shop(world, front, await front.open(world, TARGETS), chaos.lease)
            for variable, value in front.environ.items():  # settling looks into the target from this process
                monkeypatch.setenv(variable, value)
            url = make_url(own_site.url).set(port=between.port).render_as_string(hide_password=False)
            runners = Runners(world, tmp_path, url, front.environ, chaos.lease)
            mischief = Mischief(shop, runners, metadata, between)
            try:
                await _work(shop, runners, mischief, chaos)
            finally:
                codes = await runners.end()
                print(
                    f"chaos on {front.engine}, {chaos}: {shop.tasks} tasks, {mischief.fenced} fenced, {shop.tally}\n"
                    + histogram(mischief.struck, front.phases)
                )
            tally = await shop.look()
            print(f"chaos on {front.engine}: {tally}")
            assert tally.wrong == [], str(chaos)
        finally:
            await front.close()
    assert set(codes) == {0}
    log = runners.log.read_text()
    for word in ("slots_repaired", "40P01", "deadlock", "attempt_crashed", "end_not_written", "Traceback"):
        assert word not in log, log[max(0, log.index(word) - 2500) :][:5000]
    assert metrics.slot_repairs._value.get() == repairs
    if chaos.first == 0 and chaos.kills >= 20:
        assert all(mischief.struck[Fault.KILL, phase] for phase in front.phases)
        assert mischief.fenced >= chaos.stops / 2


async def _work(shop: Shop, runners: Runners, mischief: Mischief, chaos: Chaos) -> None:
    reaper = Reaper(Attempts(shop.world.database), lease_seconds=chaos.lease)  # lives on, as no runner does for long
    async with beside(forever("reaper", reaper.round, Signal(), poll_seconds=0.5), shop.look_after()):
        await asyncio.gather(*(runners.start() for _ in range(RUNNERS)))
        async with beside(shop.keep_busy()):
            await mischief.strike(chaos)
        try:
            await eventually(shop.over, PATIENCE, every=0.1, message="every task ends after the faults")
        except AssertionError as error:
            raise AssertionError(f"{error}: {await shop.unfinished()}") from None
