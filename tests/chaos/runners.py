"""Real runner processes, to be killed, and to be stopped for a while."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import penstock
from penstock.store.database import TROUBLE
from tests.builders import World
from tests.waiting import eventually

ROOT: Final = Path(__file__).parents[2]
LEASE_SECONDS: Final = 3.0
BEATS: Final = 4  # in a lease


class Runners:
    """Keeps some runner processes alive, whatever happens to them.

    Args:
        url: where they find the metadata database.
        environ: what else they are told.
        lease: seconds.
    """

    def __init__(
        self,
        world: World,
        directory: Path,
        url: str,
        environ: Mapping[str, str],
        lease: float = LEASE_SECONDS,
    ) -> None:
        self.log = directory / "runners.log"
        self._world = world
        self._environ = {
            **{k: v for k, v in os.environ.items() if not k.startswith("PENSTOCK_")},
            "PYTHONPATH": f"{Path(penstock.__file__).parents[1]}:{ROOT}",
            "PENSTOCK_DATABASE_URL": url,
            "PENSTOCK_DATA_DIR": str(directory),
            "PENSTOCK_LEASE_SECONDS": str(lease),
            "PENSTOCK_HEARTBEAT_SECONDS": str(lease / BEATS),
            "PENSTOCK_LOG_FORMAT": "json",
            "PENSTOCK_RUNNER_CONCURRENCY": "3",
            **environ,
        }
        self._nursery: asyncio.subprocess.Process | None = None
        self._asking = asyncio.Lock()
        self._starting: set[int] = set()
        self._living: set[int] = set()
        self._stopped: set[int] = set()

    async def start(self) -> int:
        """Start one and wait until it has announced itself; returns its process id."""
        pid = int(await self._ask("start"))
        self._starting.add(pid)

        async def announced() -> bool:
            query = "SELECT 1 FROM runner WHERE pid = :pid AND beat_at > now() - interval '10 s'"
            try:
                return bool(await self._world.sql(query, pid=pid))
            except TROUBLE:  # the metadata database is away
                return False

        await eventually(announced, 30, every=0.05, message="the runner announces itself")
        self._starting.discard(pid)
        self._living.add(pid)
        return pid

    async def kill(self, pid: int) -> None:
        """kill -9."""
        self._living.discard(pid)
        os.kill(pid, signal.SIGKILL)
        assert int(await self._ask(f"wait {pid}")) == -signal.SIGKILL, "it had ended by itself"

    def stop(self, pid: int) -> None:
        """SIGSTOP: it keeps its connections, and does nothing."""
        self._living.discard(pid)
        self._stopped.add(pid)
        os.kill(pid, signal.SIGSTOP)

    def wake(self, pid: int) -> None:
        """SIGCONT: it goes on as if nothing had happened."""
        self._stopped.discard(pid)
        self._living.add(pid)
        os.kill(pid, signal.SIGCONT)

    async def end(self) -> list[int]:
        """End all, as one is supposed to; returns their exit codes."""
        for pid in list(self._stopped):
            self.wake(pid)
        pids = sorted(self._starting | self._living)
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
        codes = [int(await self._ask(f"wait {pid}")) for pid in pids]
        if self._nursery is not None and self._nursery.stdin is not None:
            self._nursery.stdin.close()
            await self._nursery.wait()
        return codes

    @property
    def count(self) -> int:
        """How many there are, or will soon be, that are awake."""
        return len(self._living | self._starting)

    @property
    def pids(self) -> list[int]:
        """Those that live and have announced themselves."""
        return sorted(self._living)

    async def _ask(self, order: str) -> str:
        async with self._asking:
            if self._nursery is None:
                self._nursery = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "tests.chaos.nursery", str(self.log)),
                    cwd=ROOT,
                    env=self._environ,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                )
            assert self._nursery.stdin is not None and self._nursery.stdout is not None
            self._nursery.stdin.write(f"{order}\n".encode())
            return (await self._nursery.stdout.readline()).decode()
