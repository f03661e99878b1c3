"""The embedded PostgreSQL: starts, survives, never outlives us, never runs twice on the same files."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from penstock.embedded import AlreadyRunning, EmbeddedPostgres, EmbeddedPostgresError
from tests.waiting import eventually

FAST = {"fsync": "off", "max_connections": "20", "shared_buffers": "16MB"}

# Starts a server, tells its process id and URL, and waits to be killed.
PARENT = """
import asyncio, sys
from pathlib import Path
from penstock.embedded import EmbeddedPostgres

async def main():
    postgres = EmbeddedPostgres(Path(sys.argv[1]), max_connections="20", shared_buffers="16MB")
    url = await postgres.start()
    print(postgres.pid, url, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def root() -> Iterator[Path]:
    # Not tmp_path: pytest closes that to other accounts, and as root PostgreSQL runs as one.
    directory = Path(tempfile.mkdtemp(prefix="penstock-test-"))
    directory.chmod(0o755)
    yield directory / "postgres"
    shutil.rmtree(directory)


@pytest.fixture
async def postgres(root: Path) -> AsyncIterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(root, **FAST)
    yield server
    await server.stop()


async def ask(url: str, question: str) -> object:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""), timeout=5)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def answers(url: str) -> bool:
    try:
        return await ask(url, "SELECT true") is True
    except (OSError, asyncpg.PostgresError):
        return False


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def started_elsewhere(root: Path) -> tuple[subprocess.Popen[str], int, str]:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(root)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert parent.stdout is not None
    pid, url = parent.stdout.readline().split()
    return parent, int(pid), url


def end(parent: subprocess.Popen[str]) -> None:
    parent.kill()
    parent.wait()
    assert parent.stdout is not None
    parent.stdout.close()


async def test_data_and_address_survive_a_restart(postgres: EmbeddedPostgres, root: Path) -> None:
    first = await postgres.start()
    await ask(first, "CREATE TABLE kept AS SELECT 42 AS n")
    await postgres.stop()
    assert not await answers(first)

    second = await postgres.start()

    assert second == first
    assert await ask(second, "SELECT n FROM kept") == 42


async def test_only_the_password_opens_it(postgres: EmbeddedPostgres, root: Path) -> None:
    url = await postgres.start()
    password = (root / "password").read_text()

    assert (root / "password").stat().st_mode & 0o077 == 0
    with pytest.raises(asyncpg.InvalidPasswordError):
        await ask(url.replace(password, "guess"), "SELECT 1")


async def test_a_second_start_is_refused(postgres: EmbeddedPostgres, root: Path) -> None:
    url = await postgres.start()

    with pytest.raises(AlreadyRunning):
        await EmbeddedPostgres(root, **FAST).start()

    assert await answers(url)


async def test_it_goes_when_its_parent_is_killed(postgres: EmbeddedPostgres, root: Path) -> None:
    parent, pid, _ = started_elsewhere(root)
    try:
        assert alive(pid)
    finally:
        end(parent)

    await eventually(lambda: not alive(pid), message="the orphan shuts down")
    assert await answers(await postgres.start())


async def test_a_start_waits_for_the_orphan_of_a_killed_parent(postgres: EmbeddedPostgres, root: Path) -> None:
    parent, _, url = started_elsewhere(root)
    await ask(url, "CREATE TABLE kept AS SELECT 42 AS n")
    end(parent)

    assert await ask(await postgres.start(), "SELECT n FROM kept") == 42


async def test_it_comes_back_on_the_same_address_when_it_is_killed(postgres: EmbeddedPostgres) -> None:
    url = await postgres.start()
    await ask(url, "CREATE TABLE kept AS SELECT 42 AS n")
    killed = postgres.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)

    await eventually(lambda: postgres.pid != killed, message="a new postmaster is started")
    await eventually(lambda: answers(url), timeout=20, message="the server answers again")

    assert await ask(url, "SELECT n FROM kept") == 42


async def test_a_stale_process_id_of_another_program_does_not_matter(postgres: EmbeddedPostgres, root: Path) -> None:
    await postgres.start()
    await postgres.stop()
    bystander = await asyncio.create_subprocess_exec("cat", stdin=subprocess.PIPE)
    try:
        (root / "pgdata" / "postmaster.pid").write_text(f"{bystander.pid}\n{root / 'pgdata'}\n")

        assert await answers(await postgres.start())
        assert bystander.returncode is None
    finally:
        bystander.terminate()
        await bystander.wait()


@pytest.mark.parametrize("content", ["", "not a number\n", "999999999\n"])
async def test_a_damaged_process_id_file_does_not_matter(postgres: EmbeddedPostgres, root: Path, content: str) -> None:
    await postgres.start()
    await postgres.stop()
    (root / "pgdata" / "postmaster.pid").write_text(content)

    assert await answers(await postgres.start())


async def test_a_taken_port_is_left_alone(postgres: EmbeddedPostgres, root: Path) -> None:
    await postgres.start()
    await postgres.stop()
    port = int((root / "port").read_text())

    with socket.create_server(("127.0.0.1", port)):
        url = await postgres.start()

    assert f":{port}/" not in url
    assert await answers(url)


async def test_an_abandoned_set_up_is_done_again(postgres: EmbeddedPostgres, root: Path) -> None:
    (root / "init-abandoned" / "pgdata").mkdir(parents=True)
    (root / "init-abandoned" / "pgdata" / "PG_VERSION").write_text("18\n")
    root.chmod(0o755)

    assert await answers(await postgres.start())
    assert not (root / "init-abandoned").exists()


async def test_a_failed_start_says_why_and_frees_the_files(root: Path, postgres: EmbeddedPostgres) -> None:
    with pytest.raises(EmbeddedPostgresError, match="no_such_parameter"):
        await EmbeddedPostgres(root, **FAST, no_such_parameter="1").start()

    assert await answers(await postgres.start())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another account")
async def test_a_directory_out_of_reach_is_named(root: Path) -> None:
    root.parent.chmod(0o700)

    with pytest.raises(EmbeddedPostgresError, match="cannot reach"):
        await EmbeddedPostgres(root, **FAST).start()
