"""The files of one embedded server: ``ROOT/{lock,password,port,postgres.log,pgdata/}``."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

from penstock.embedded import binaries
from penstock.embedded.account import Account
from penstock.embedded.errors import AlreadyRunning, EmbeddedPostgresError

SUPERUSER = "penstock"
_LOG_LIMIT = 10 * 1024 * 1024


class Cluster:
    """A data directory, its password and its port.

    Args:
        root: directory of everything; made when missing. Must be local: its lock is a flock.
        account: who owns the data.
    """

    def __init__(self, root: Path, account: Account) -> None:
        self.root = root.resolve()  # postgres runs in another working directory
        self.account = account
        self.pgdata = self.root / "pgdata"
        self.log = self.root / "postgres.log"
        self._port = self.root / "port"
        self._password = self.root / "password"

    def lock(self) -> int:
        """Make this process the only user of the directory; the lock lasts until the answer is closed.

        Returns:
            a file descriptor.
        Raises:
            AlreadyRunning: another process holds it.
        """
        if not self.root.exists():
            self.root.mkdir(parents=True)
            if self.account.switch:
                self.root.chmod(0o755)  # whatever our umask is, the account must get through
        descriptor = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise AlreadyRunning(f"{self.root} is used by another process.") from None
        return descriptor

    def prepare(self) -> Path:
        """Make the data directory if there is none yet; answer the directory of the programs that fit it.

        Raises:
            EmbeddedPostgresError: the account cannot reach the directory, or initdb failed.
        """
        self.account.check_reach(self.root)
        if not self._version.exists():
            self._initdb()
        if self.log.exists() and self.log.stat().st_size > _LOG_LIMIT:
            os.replace(self.log, self.log.with_suffix(".log.1"))
        return binaries.programs(int(self._version.read_text()), self.account, self.root)

    def choose_port(self) -> int:
        """Answer the port of the last run if it is free, else any free one, and remember it."""
        port = self._remembered_port()
        if port is None or not _is_free(port):
            port = _free_port()
        self._port.write_text(str(port))
        return port

    def forget_port(self) -> None:
        """Let the next start choose another port."""
        self._port.unlink(missing_ok=True)

    def url(self, port: int) -> str:
        """A SQLAlchemy URL of the database ``postgres``."""
        password = quote(self._password.read_text(), safe="")
        return f"postgresql+asyncpg://{SUPERUSER}:{password}@127.0.0.1:{port}/postgres"

    @property
    def _version(self) -> Path:
        return self.pgdata / "PG_VERSION"

    def _remembered_port(self) -> int | None:
        try:
            return int(self._port.read_text())
        except (FileNotFoundError, ValueError):
            return None

    def _initdb(self) -> None:
        # Into a temporary directory, renamed when complete: a crash leaves nothing that looks finished.
        for abandoned in self.root.glob("init-*"):
            shutil.rmtree(abandoned)
        work = Path(tempfile.mkdtemp(prefix="init-", dir=self.root))
        password = secrets.token_urlsafe(24)
        password_file = work / "password"
        password_file.write_text(password)
        for path in (password_file, work):
            self.account.take(path)
        initdb = binaries.programs(binaries.NEWEST, self.account, self.root) / "initdb"
        command: list[str | Path] = [
            initdb,
            "-D",
            work / "pgdata",
            "-U",
            SUPERUSER,
            "--pwfile",
            password_file,
        ]
        command += ["--auth=scram-sha-256", "-E", "UTF8", "--locale=C", "--no-instructions"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]  # same order on every machine
        made = subprocess.run(command, cwd=work, capture_output=True, text=True, **self.account.credentials())
        if made.returncode:
            raise EmbeddedPostgresError(f"initdb failed: {made.stderr.strip()}")
        descriptor = os.open(self._password, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(password)
        os.rename(work / "pgdata", self.pgdata)
        shutil.rmtree(work)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as postgres does: TIME_WAIT is no obstacle
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
