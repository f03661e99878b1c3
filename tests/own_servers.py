"""Database servers of the tests' own, on free ports: for what cannot be asked of a server that others use, such as
encryption, rights on the whole server, and dying.
"""

from __future__ import annotations

import abc
import asyncio
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

import asyncpg
import pytest

from penstock.engines.mysql.driver import BROKEN
from tests.certificates import Certificate, make_certificate
from tests.mariadb_server import MariaDbServer
from tests.postgres_server import PostgresServer
from tests.waiting import eventually

ServerT = TypeVar("ServerT", MariaDbServer, PostgresServer)
_ACCOUNT = "nobody"  # database servers refuse to run as root


def die_with_us() -> None:
    """End when the tests do, even if these are killed. Runs in the child, after it has changed its account."""
    if sys.platform == "linux":
        PR_SET_PDEATHSIG, SIGKILL = 1, 9
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, SIGKILL)


class OwnServer(abc.ABC, Generic[ServerT]):
    """A server that is made, started, killed and started again by tests.

    Args:
        port: on 127.0.0.1, the same after each start.
        certificate: what it shows to those who ask for TLS.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="penstock-server-"))
        self.folder.chmod(0o755)
        self.certificate: Certificate = make_certificate(self.folder)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None
        if os.geteuid() == 0:
            shutil.chown(self.folder, _ACCOUNT)
            shutil.chown(self.certificate.key, _ACCOUNT)

    @property
    @abc.abstractmethod
    def server(self) -> ServerT:
        """How to reach it."""

    async def make(self, *, tls: bool = True) -> None:
        """Make its data and start it."""
        made = self._spawn(self.maker())
        assert made.wait() == 0, made.args
        await self.start(tls=tls)

    async def start(self, *, tls: bool = True) -> None:
        """Start it and wait until it answers."""
        self._process = self._spawn(self.command(tls=tls))
        await eventually(self._answers, timeout=60, every=0.05, message="our server to answer")

    def kill(self) -> None:
        """End it as the kernel would that has run out of memory."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def crash(self) -> None:
        """End it at once and wait until nothing of it runs: what was not committed is gone when it starts again."""
        self.kill()

    def remove(self) -> None:
        """Stop it, and forget its data."""
        self.kill()
        shutil.rmtree(self.folder)

    @abc.abstractmethod
    def maker(self) -> list[str]:
        """The command that makes its data."""

    @abc.abstractmethod
    def command(self, *, tls: bool) -> list[str]:
        """The command that runs it. Raises `LookupError` when it is not installed."""

    async def _answers(self) -> bool:
        assert self._process is not None and self._process.poll() is None, (self.folder / "log").read_text()[-2000:]
        try:
            await self.server.execute("SELECT 1")
        except (*BROKEN, asyncpg.PostgresError):
            return False
        return True

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        account: Mapping[str, Any] = {"user": _ACCOUNT, "extra_groups": []} if os.geteuid() == 0 else {}
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, preexec_fn=die_with_us, **account)


class OwnMariaDb(OwnServer[MariaDbServer]):
    """MariaDB."""

    @property
    def _places(self) -> list[str]:
        """Its data, and its temporary tables: a server that starts removes all that lie there, also those of others.

        What it writes has to outlive its process, and not the machine.
        """
        return [f"--datadir={self.folder / 'data'}", f"--tmpdir={self.folder}", "--debug-no-sync"]

    @property
    def server(self) -> MariaDbServer:
        """How to reach it."""
        return MariaDbServer("127.0.0.1", self.port, "root")

    def maker(self) -> list[str]:
        """The command that makes its data."""
        options = ["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]
        return [_program("mariadb-install-db", "mariadb-server"), *options, *self._places]

    def command(self, *, tls: bool) -> list[str]:
        """The command that runs it."""
        shown = self.certificate
        encryption = [f"--ssl-ca={shown.authority}", f"--ssl-cert={shown.certificate}", f"--ssl-key={shown.key}"]
        return [
            *(_program("mariadbd", "mariadb-server"), "--no-defaults", *self._places),
            *(f"--port={self.port}", "--bind-address=127.0.0.1", f"--socket={self.folder / 'socket'}"),
            "--innodb-flush-log-at-trx-commit=2",  # what is committed outlives the process
            *(encryption if tls else ["--skip-ssl"]),
        ]


class OwnPostgres(OwnServer[PostgresServer]):
    """PostgreSQL; the one that comes with us is built without TLS, so it is one of the system's.

    Args:
        settings: of the server, beside ours.
    """

    def __init__(self, **settings: str) -> None:
        super().__init__()
        self._settings = settings

    def crash(self) -> None:
        """Its ``immediate`` stop: it ends its sessions first, which a killed postmaster would leave at work."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait()
        self._process = None

    @property
    def server(self) -> PostgresServer:
        """How to reach it."""
        return PostgresServer("127.0.0.1", self.port, "postgres")

    def maker(self) -> list[str]:
        """The command that makes its data."""
        options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        return [_program("initdb", "postgresql"), *options, f"--pgdata={self.folder / 'data'}"]

    def command(self, *, tls: bool) -> list[str]:
        """The command that runs it."""
        shown = self.certificate
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",
            "ssl": "on" if tls else "off",
            "ssl_cert_file": shown.certificate,
            "ssl_key_file": shown.key,
            **self._settings,
        }
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        return [_program("postgres", "postgresql"), "-D", str(self.folder / "data"), *settings]


def _program(name: str, package: str) -> str:
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    found = shutil.which(name, path=os.pathsep.join([*map(str, debian), os.environ.get("PATH", ""), "/usr/sbin"]))
    if found is None:
        raise LookupError(f"{name} is not installed; apt-get install {package}")
    return found


@pytest.fixture(scope="session")
def own_postgres(session_runner: asyncio.Runner) -> Iterator[OwnPostgres]:
    """A PostgreSQL server of the tests' own."""
    server = OwnPostgres()
    try:
        session_runner.run(server.make())
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def own_mariadb(session_runner: asyncio.Runner) -> Iterator[OwnMariaDb]:
    """A MariaDB server of the tests' own."""
    server = OwnMariaDb()
    try:
        session_runner.run(server.make())
        yield server
    finally:
        server.remove()
