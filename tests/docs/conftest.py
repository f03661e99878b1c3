"""A server and target databases for the examples of the documentation, as its first page leaves them behind."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from penstock.embedded import EmbeddedPostgres
from penstock.store.database import driver_dsn
from tests.docs.pages import DOCS, ROOT, Example, examples

STOP_SECONDS = 30
PAGE_SECONDS = 60
ADMIN_PASSWORD = "admins-like-long-passwords"

_MARK = "@@example "
_PEOPLE = "ADMIN ANA BO DANA"


@dataclass
class Shell:
    """Runs examples with bash, the way a reader would paste them.

    Args:
        environment: variables that the examples expect.
        known: functions and variables of the first page, once it has run.
    """

    directory: Path
    environment: dict[str, str]
    server_log: Path
    known: str = field(default="")

    def run(self, blocks: list[Example], *, keep: bool = False) -> dict[int, str]:
        """Run a page's examples in one shell and answer what each printed, by its line.

        Raises:
            AssertionError: a command failed; says in which example.
        """
        lines = ["set -euo pipefail", self.known]
        for block in blocks:
            lines += [_mark(block.line), block.script]
        if keep:
            lines += [_mark(0), "declare -f pick token api", f"declare -p PENSTOCK {_PEOPLE}"]
        with open(self.directory / "shell.log", "w+") as log:
            process = subprocess.Popen(
                ["bash", "-c", "\n".join(lines)],
                cwd=self.directory,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                code: int | None = process.wait(PAGE_SECONDS)
            except subprocess.TimeoutExpired:
                code = None
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            log.seek(0)
            said = log.read()
        parts = re.split(rf"^{_MARK}(\d+)\n", said, flags=re.MULTILINE)
        printed = {int(line): text for line, text in zip(parts[1::2], parts[2::2], strict=True)}
        how = "did not end" if code is None else f"exit code {code}"
        assert code == 0, (
            f"line {max(printed, default=0)}: {how}:\n{said[-3000:]}\n{self.server_log.read_text()[-3000:]}"
        )
        if keep:
            self.known = printed.pop(0)
        return printed


def _mark(line: int) -> str:
    return f"printf '\\n{_MARK}{line}\\n'"


@pytest.fixture(scope="session")
def roomy_directory() -> Iterator[Path]:
    """Not pytest's own: that is closed to the account that PostgreSQL runs as when we are root."""
    directory = Path(tempfile.mkdtemp(prefix="penstock-docs-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def starting(roomy_directory: Path) -> Iterator[subprocess.Popen[str]]:
    """A real, empty server on its way up."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PENSTOCK_")}
    admin = {"PENSTOCK_ADMIN_EMAIL": "admin@example.com", "PENSTOCK_ADMIN_PASSWORD": ADMIN_PASSWORD}
    command = [sys.executable, "-c", "from penstock.cli.main import main; main()", "serve"]
    command += ["--port", "0", "--data-dir", str(roomy_directory / "server"), "--no-demo"]
    environment = clean | admin | {"PYTHONPATH": str(ROOT / "server")}
    with (
        open(roomy_directory / "server.log", "w") as log,
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        yield process
        process.terminate()
        process.communicate(timeout=STOP_SECONDS)


@pytest.fixture(scope="session")
def target_url(starting: subprocess.Popen[str], session_runner: asyncio.Runner, roomy_directory: Path) -> Iterator[str]:
    """A server of our own for the examples' databases, which have fixed names; starts beside the other one."""
    postgres = EmbeddedPostgres(roomy_directory / "target", fsync="off", full_page_writes="off")
    url = driver_dsn(session_runner.run(postgres.start()))
    session_runner.run(_prepare(url))
    yield url
    session_runner.run(postgres.stop())


async def _prepare(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("CREATE ROLE penstock_change LOGIN CREATEDB PASSWORD 'of-the-change-login'")
        for environment in ("dev", "staging", "prod"):
            await connection.execute(f"CREATE DATABASE shop_{environment} OWNER penstock_change")
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def server(starting: subprocess.Popen[str], target_url: str, roomy_directory: Path) -> str:
    """The server's address."""
    assert starting.stdout is not None
    url = next((line.strip() for line in starting.stdout if line.startswith("http://")), None)
    assert url is not None, (roomy_directory / "server.log").read_text()
    return url


@pytest.fixture(scope="session")
def shell(server: str, target_url: str, roomy_directory: Path) -> tuple[Shell, dict[int, str]]:
    """A shell that knows what the first page defines, and what that page's examples printed."""
    target = urlsplit(target_url)
    environment = {
        # This Python first: a version manager's would start slower, a hundred times.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(roomy_directory),
        "PENSTOCK": server,
        "PENSTOCK_DATA_DIR": str(roomy_directory / "server"),
        "ADMIN_PASSWORD": ADMIN_PASSWORD,
        "ANA_PASSWORD": "ana-likes-long-passwords",
        "DB_HOST": str(target.hostname),
        "DB_PORT": str(target.port),
        "DB_USER": "penstock_change",
        "DB_PASSWORD": "of-the-change-login",
    }
    made = Shell(roomy_directory, environment, roomy_directory / "server.log")
    return made, made.run(examples(DOCS / "guide" / "getting-started.md"), keep=True)
