"""One run of the postmaster: start it so that it cannot outlive us, wait until it answers, stop it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from penstock.embedded.cluster import Cluster
from penstock.embedded.errors import EmbeddedPostgresError

# Runs between fork and postgres: drops root, then asks the kernel for SIGINT (a fast shutdown) when our
# process dies. In this order: a change of credentials clears that request. If the parent died before the
# request, it never comes, hence the last check.
_SHIM = """
import ctypes, os, sys
uid, gid, parent, *argv = sys.argv[1:]
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(int(gid))
    os.setuid(int(uid))
if sys.platform == "linux":
    PR_SET_PDEATHSIG, SIGINT = 1, 2
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, SIGINT)
    if os.getppid() != int(parent):
        sys.exit(1)
os.execv(argv[0], argv)
"""
_STATUS_LINE = 7  # of postmaster.pid: "starting", "ready   ", "stopping"
_POLL_SECONDS = 0.02


class Postmaster:
    """A running postmaster; made by `launch`."""

    def __init__(self, process: asyncio.subprocess.Process, cluster: Cluster) -> None:
        self.pid = process.pid
        self._cluster = cluster
        self._exit = asyncio.ensure_future(process.wait())

    @classmethod
    async def launch(cls, cluster: Cluster, programs: Path, settings: Mapping[str, str]) -> Postmaster:
        """Start a postmaster without waiting for it.

        The kernel ends it when the *thread* that called this ends; call it in the main thread.

        Args:
            cluster: the files it serves.
            programs: directory of the executable ``postgres``.
            settings: configuration parameters, by name.
        """
        account = cluster.account
        options = [f"-c{name}={value}" for name, value in settings.items()]
        with cluster.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(
                    sys.executable,
                    "-I",
                    "-S",
                    "-c",
                    _SHIM,
                    str(account.uid),
                    str(account.gid),
                    str(os.getpid()),
                ),
                *(str(programs / "postgres"), "-D", str(cluster.pgdata), *options),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us: we stop it when we are done with it
                cwd="/",
            )
        return cls(process, cluster)

    async def ready(self, timeout: float) -> bool:
        """Wait until it accepts connections; false when it ended instead.

        Raises:
            EmbeddedPostgresError: it did neither in time; it is stopped.
        """
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self._exit.done():
                return False
            if self._reports_ready():
                return True
            await asyncio.sleep(_POLL_SECONDS)
        await self.stop()
        raise EmbeddedPostgresError(f"PostgreSQL was not ready after {timeout:g} s, see {self._cluster.log}.")

    async def exited(self) -> int:
        """Wait until it has ended; answer its exit code."""
        return await asyncio.shield(self._exit)

    async def stop(self, timeout: float = 3) -> None:
        """Shut down fast, or when that takes too long, at once: the next start then recovers from the log."""
        for number, patience in ((signal.SIGINT, timeout), (signal.SIGQUIT, 2.0), (signal.SIGKILL, None)):
            if self._exit.done():
                return
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
            await asyncio.wait([self._exit], timeout=patience)

    def _reports_ready(self) -> bool:
        try:
            lines = (self._cluster.pgdata / "postmaster.pid").read_text().splitlines()
            return int(lines[0]) == self.pid and lines[_STATUS_LINE].strip() == "ready"
        except (FileNotFoundError, ValueError, IndexError):  # not written yet, or half
            return False
