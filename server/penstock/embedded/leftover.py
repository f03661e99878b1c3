"""Clears what an earlier run left behind in a data directory whose lock we hold."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from penstock.embedded.errors import AlreadyRunning


def settle(pgdata: Path, timeout: float = 10) -> None:
    """Stop an orphaned postmaster of this directory, and disarm a stale ``postmaster.pid``.

    Holding the directory's lock means that a postmaster which still runs here has lost its parent. A number
    in ``postmaster.pid`` that now belongs to another program (containers reuse small numbers) would keep
    PostgreSQL from starting; our own number is put there, which it ignores. Deleting the file instead would
    lose PostgreSQL's own check for shared memory that is still in use.

    Args:
        pgdata: the data directory.
        timeout: seconds that an orphan gets for its shutdown.
    Raises:
        AlreadyRunning: an orphan does not stop.
    """
    file = pgdata / "postmaster.pid"
    if not file.exists():
        return
    try:
        lines = file.read_text().splitlines()
        pid = int(lines[0])
    except (ValueError, IndexError):
        file.unlink()  # half written when the machine went down; PostgreSQL would refuse to judge it
        return
    if not _alive(pid):
        return
    if str(pgdata) not in _command_line(pid):
        file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
        return
    _stop(pid, pgdata, timeout)


def _stop(pid: int, pgdata: Path, timeout: float) -> None:
    try:
        os.kill(pid, signal.SIGINT)
    except ProcessLookupError:
        return
    deadline = time.monotonic() + timeout
    while _alive(pid):
        if time.monotonic() > deadline:
            raise AlreadyRunning(f"An orphaned PostgreSQL (process {pid}) in {pgdata} does not stop.")
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _command_line(pid: int) -> str:
    if Path("/proc/self").exists():  # slim containers have no ps, macOS has no /proc
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return ""
    listed = subprocess.run(["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True)
    return listed.stdout
