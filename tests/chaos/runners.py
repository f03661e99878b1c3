"""Real runner processes, to be killed; and what they are at when one looks at them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg

import penstock
from tests.builders import World
from tests.waiting import eventually

MAIN: Final = "from penstock.cli.main import main; main()"
LEASE_SECONDS: Final = 2.4
BEAT_SECONDS: Final = 0.6


@dataclass(frozen=True)
class Held:
    """A task that a runner process has in hand, and how far it is.

    Args:
        phase: ``claimed``: its session has not begun or has ended; ``script``; ``commit``: COMMIT is being executed.
    """

    task: int
    attempt: int
    pid: int
    phase: str


class Runners:
    """Keeps some runner processes alive, whatever happens to them."""

    def __init__(self, world: World, directory: Path, environ: Mapping[str, str]) -> None:
        self.log = directory / "runners.log"
        self._world = world
        self._environ = {
            **{k: v for k, v in os.environ.items() if not k.startswith("PENSTOCK_")},
            "PYTHONPATH": str(Path(penstock.__file__).parents[1]),
            "PENSTOCK_DATABASE_URL": world.site.url,
            "PENSTOCK_DATA_DIR": str(directory),
            "PENSTOCK_LEASE_SECONDS": str(LEASE_SECONDS),
            "PENSTOCK_HEARTBEAT_SECONDS": str(BEAT_SECONDS),
            "PENSTOCK_LOG_FORMAT": "json",
            "PENSTOCK_RUNNER_CONCURRENCY": "3",
            **environ,
        }
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._starting: list[asyncio.subprocess.Process] = []

    async def start(self) -> int:
        """Start one and wait until it has announced itself; returns its process id."""
        with self.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", MAIN, "runner"), env=self._environ, stdout=log, stderr=log
            )
        self._starting.append(process)

        async def announced() -> bool:
            assert process.returncode is None, self.log.read_text()[-3000:]
            query = "SELECT 1 FROM runner WHERE pid = :pid AND beat_at > now() - interval '10 s'"
            return bool(await self._world.sql(query, pid=process.pid))

        await eventually(announced, 30, every=0.1, message="the runner announces itself")
        self._starting.remove(process)
        self._processes[process.pid] = process
        return process.pid

    async def kill(self, pid: int) -> None:
        """kill -9."""
        process = self._processes.pop(pid)
        process.send_signal(signal.SIGKILL)
        await process.wait()

    async def stop(self) -> list[int]:
        """End all, as one is supposed to; returns their exit codes."""
        living = [*self._starting, *self._processes.values()]
        for process in living:
            process.terminate()
        return [await p.wait() for p in living]

    @property
    def pids(self) -> list[int]:
        """Those that live and have announced themselves."""
        return sorted(self._processes)

    async def held(self, server: asyncpg.Connection) -> list[Held]:
        """What living runners have in hand right now."""
        tasks = await self._world.sql(
            "SELECT t.id, t.attempt, r.pid FROM task t JOIN runner r ON r.id = t.runner_id"
            " WHERE t.status IN ('scheduled', 'running', 'canceling') AND r.pid = ANY(:pids)",
            pids=self.pids,
        )
        sessions: dict[str, Any] = {
            ":".join(row["application_name"].rsplit(":", 2)[1:]): row
            for row in await server.fetch(
                "SELECT application_name, state, query FROM pg_stat_activity WHERE application_name LIKE 'penstock:%'"
            )
        }
        return [Held(t, a, pid, _phase(sessions.get(f"{t}:a{a}"))) for t, a, pid in tasks]


def _phase(session: Any) -> str:
    if session is None or session["state"] == "idle":
        return "claimed"
    return "commit" if session["query"] == "COMMIT" and session["state"] == "active" else "script"
