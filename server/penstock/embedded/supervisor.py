"""Keeps one embedded PostgreSQL running for as long as this process does."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import structlog

from penstock.embedded import leftover
from penstock.embedded.account import Account
from penstock.embedded.cluster import Cluster
from penstock.embedded.errors import EmbeddedPostgresError
from penstock.embedded.postmaster import Postmaster

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "300",
    "max_parallel_workers_per_gather": "0",  # containers often have a /dev/shm of 64 MiB
    "password_encryption": "scram-sha-256",
    "shared_buffers": "128MB",
    "unix_socket_directories": "",
}
_START_TRIES = 3
_RESTART_TRIES = 20  # backends of a killed postmaster need a moment to notice
_RESTART_PAUSE = 0.25

log = structlog.get_logger(__name__)


class EmbeddedPostgres:
    """A PostgreSQL server on 127.0.0.1 that starts, is watched and stops with this process.

    If we are killed, the kernel tells it to shut down. If it is killed, it is started again on the same port
    and recovers by itself; connections that were open are lost.

    Args:
        root: directory of its files; one process at a time.
        settings: PostgreSQL configuration parameters that differ from `SETTINGS`.
    """

    def __init__(self, root: Path, **settings: str) -> None:
        self._cluster = Cluster(root, Account.choose())
        self._settings = SETTINGS | settings
        self._lock: int | None = None
        self._postmaster: Postmaster | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the postmaster, while there is one."""
        return self._postmaster.pid if self._postmaster else None

    async def start(self, timeout: float = 60) -> str:
        """Start and wait until it answers.

        Args:
            timeout: seconds for each try, recovery included.
        Returns:
            a ``postgresql+asyncpg://`` URL of the database ``postgres``.
        Raises:
            AlreadyRunning: another process uses the directory.
            EmbeddedPostgresError: it cannot be started.
        """
        self._lock = self._cluster.lock()
        try:
            programs = await asyncio.to_thread(self._cluster.prepare)
            await asyncio.to_thread(leftover.settle, self._cluster.pgdata)
            port = await self._first_launch(programs, timeout)
        except BaseException:
            await self.stop()
            raise
        self._watch = asyncio.create_task(self._keep_running(programs, port, timeout))
        return self._cluster.url(port)

    async def stop(self, timeout: float = 3) -> None:
        """Shut down and give the directory free. Safe to call twice, and after a failed start.

        Args:
            timeout: seconds for a clean shutdown; after that it is ended and recovers at the next start.
        """
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])
            self._watch = None
        if self._postmaster is not None:
            await self._postmaster.stop(timeout)
            self._postmaster = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def _first_launch(self, programs: Path, timeout: float) -> int:
        for _ in range(_START_TRIES):
            port = self._cluster.choose_port()
            if await self._launch(programs, port, timeout):
                return port
            self._cluster.forget_port()  # another program may have taken it since it was probed
        tail = "\n".join(self._cluster.log.read_text(errors="replace").splitlines()[-5:])
        raise EmbeddedPostgresError(f"PostgreSQL did not start, see {self._cluster.log}:\n{tail}")

    async def _launch(self, programs: Path, port: int, timeout: float) -> bool:
        settings = self._settings | {"port": str(port)}
        self._postmaster = await Postmaster.launch(self._cluster, programs, settings)
        return await self._postmaster.ready(timeout)

    async def _keep_running(self, programs: Path, port: int, timeout: float) -> None:
        while self._postmaster is not None:
            code = await self._postmaster.exited()
            log.warning("embedded_postgres.ended", exit_code=code, log=str(self._cluster.log))
            for _ in range(_RESTART_TRIES):
                # The port stays: it is part of the URL that everybody has.
                if await self._launch(programs, port, timeout):
                    log.info("embedded_postgres.restarted", port=port)
                    break
                await asyncio.sleep(_RESTART_PAUSE)
            else:
                log.error("embedded_postgres.gave_up", log=str(self._cluster.log))
                return
