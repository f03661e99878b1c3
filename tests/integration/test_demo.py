"""`penstock serve` as a process of its own: brings up the demo, keeps it, completes it, and stops in time."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import stat
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest

from tests.waiting import eventually

ADMIN = ("admin@example.com", "correct horse battery staple")
PROGRAM = "from penstock.cli.main import main; main()"
STOP_SECONDS = 5.0
START_SECONDS = 60.0


@dataclass
class Process:
    """A running `penstock serve`; what it prints goes to files."""

    child: asyncio.subprocess.Process
    printed: Path
    progress: Path

    @property
    def url(self) -> str:
        """The first line that it prints."""
        return self.printed.read_text().split("\n", 1)[0]

    @property
    def logins(self) -> dict[str, str]:
        """E-mail address -> password, as greeted; without the administrator."""
        lines = [line.rsplit(maxsplit=2) for line in self.printed.read_text().splitlines()[1:]]
        return {line[1]: line[2] for line in lines if line[0] in ("Developer", "Project owner")}

    async def greeted(self, *, logins: int = 2) -> None:
        """Wait for the greeting with that many people."""
        await self._eventually(lambda: "\n" in self.printed.read_text() and len(self.logins) == logins, "the greeting")

    async def said(self, text: str) -> None:
        """Wait for a line of progress."""
        await self._eventually(lambda: text in " ".join(self.progress.read_text().split()), text)

    async def _eventually(self, condition: Callable[[], bool], what: str) -> None:
        def met() -> bool:
            ended = condition() is False and self.child.returncode is not None
            assert not ended, f"It ended before {what}: {self.progress.read_text()}"
            return condition()

        await eventually(met, START_SECONDS, message=what)

    async def stopped_by(self, number: signal.Signals) -> float:
        """Send a signal, wait for the end, and answer how many seconds it took."""
        began = time.monotonic()
        self.child.send_signal(number)
        async with asyncio.timeout(30):
            await self.child.wait()
        return time.monotonic() - began


async def spawn(data_dir: Path, *options: str, **streams: Any) -> asyncio.subprocess.Process:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PENSTOCK_")}
    environment |= {"PENSTOCK_ADMIN_EMAIL": ADMIN[0], "PENSTOCK_ADMIN_PASSWORD": ADMIN[1]}
    arguments = ("serve", "--port", "0", "--data-dir", str(data_dir), *options)
    return await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, *arguments, env=environment, **streams)


@asynccontextmanager
async def serving(data_dir: Path, *options: str) -> AsyncIterator[Process]:
    printed, progress = data_dir.with_suffix(".out"), data_dir.with_suffix(".err")
    with printed.open("w") as out, progress.open("w") as err:
        child = await spawn(data_dir, *options, stdout=out, stderr=err)
    try:
        yield Process(child, printed, progress)
    finally:
        if child.returncode is None:
            child.terminate()
            await child.wait()


@asynccontextmanager
async def signed_in(process: Process, email: str, password: str) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=f"{process.url}/api/v1", timeout=10) as client:
        answer = await client.post("/auth/login", json={"email": email, "password": password})
        assert answer.status_code == 200, answer.text
        client.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
        yield client


async def items(client: httpx2.AsyncClient, path: str) -> list[dict[str, Any]]:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def stages_of(issue: dict[str, Any]) -> dict[str, str]:
    return {stage["name"]: stage["status"] for stage in issue["stages"]}


async def issues_of(process: Process) -> list[dict[str, Any]]:
    async with signed_in(process, *ADMIN) as client:
        return sorted(await items(client, "/issues"), key=lambda issue: issue["id"])


@pytest.fixture
def data_dir() -> Iterator[Path]:
    # Not tmp_path: pytest closes that to other accounts, and as root PostgreSQL runs as one.
    parent = Path(tempfile.mkdtemp(prefix="penstock-test-"))
    parent.chmod(0o755)
    yield parent / "data"
    shutil.rmtree(parent)


class Seeded:
    """A data directory whose demo is complete, and a later start on it for all tests that only read.

    Args:
        directory: which the first start makes.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.first_logins: dict[str, str] = {}
        self._process: Process | None = None
        self._stack = AsyncExitStack()

    async def seed(self) -> None:
        """Start for the first time, and keep what that greets with."""
        async with serving(self.directory) as process:
            await process.greeted()
            self.first_logins = process.logins

    async def opened(self) -> Process:
        """A process that uses it: the one that does, or a new one."""
        if self._process is None:
            self._process = await self._stack.enter_async_context(serving(self.directory))
            await self._process.greeted()
        return self._process

    async def close(self) -> None:
        """Have no process use it."""
        self._process = None
        await self._stack.aclose()


@pytest.fixture(scope="module")
def installed(session_runner: asyncio.Runner) -> Iterator[Seeded]:
    """What all tests share that make nothing anew."""
    parent = Path(tempfile.mkdtemp(prefix="penstock-test-"))
    parent.chmod(0o755)
    made = Seeded(parent / "data")
    try:
        session_runner.run(made.seed())
        yield made
    finally:
        session_runner.run(made.close())
        shutil.rmtree(parent)


@pytest.fixture
def seeded(session_runner: asyncio.Runner, installed: Seeded) -> Path:
    """A data directory whose demo is complete, and that no process uses."""
    session_runner.run(installed.close())
    return installed.directory


@pytest.fixture
def demo(session_runner: asyncio.Runner, installed: Seeded) -> Process:
    """A later start on the seeded directory, to read from."""
    return session_runner.run(installed.opened())


async def test_one_issue_is_done_one_waits_for_approval_and_one_has_failed(demo: Process) -> None:
    done, waiting, failed = await issues_of(demo)

    assert (done["status"], stages_of(done)) == ("done", {"dev": "succeeded", "staging": "succeeded"})
    assert (waiting["result"], stages_of(waiting)) == (
        "blocked",
        {"dev": "succeeded", "staging": "waiting", "prod": "waiting"},
    )
    assert "role:project:owner" in waiting["waiting_for"]
    assert (failed["result"], stages_of(failed)["dev"], stages_of(failed)["staging"]) == (
        "failed",
        "succeeded",
        "failed",
    )
    async with signed_in(demo, *ADMIN) as client:
        issue = (await client.get(f"/issues/{failed['id']}")).json()
        tasks = await items(client, f"/pipelines/{issue['pipeline']['id']}/tasks?stage=staging")
    assert tasks[0]["failure"]["code"] == "23505"  # unique_violation: the data, not the demo, is at fault


async def test_its_people_can_sign_in_and_do_what_their_roles_say(demo: Process) -> None:
    waiting = (await issues_of(demo))[1]
    may: dict[str, list[str]] = {}
    for email, password in demo.logins.items():
        async with signed_in(demo, email, password) as client:
            issue = (await client.get(f"/issues/{waiting['id']}")).json()
            may[email] = next(s["actions"] for s in issue["pipeline"]["stages"] if s["name"] == "staging")

    assert "approve" not in may["ana@example.com"]
    assert "approve" in may["bo@example.com"]


async def test_each_instance_was_synced_and_sees_its_own_database_only(demo: Process) -> None:
    async with signed_in(demo, *ADMIN) as client:
        databases = await items(client, "/databases")
        instances = await items(client, "/instances")

    assert [(d["instance"], d["name"], d["project"]) for d in databases] == [
        ("demo-dev", "shop_dev", "shop"),
        ("demo-prod", "shop_prod", "shop"),
        ("demo-staging", "shop_staging", "shop"),
    ]
    assert all(i["last_synced_at"] and not i["last_sync_error"] for i in instances)


async def test_target_logins_own_one_database_and_are_no_superusers(demo: Process, installed: Seeded) -> None:
    passwords = json.loads((installed.directory / "demo-logins.json").read_text())["databases"]
    async with signed_in(demo, *ADMIN) as client:
        port = (await items(client, "/instances"))[0]["port"]

    for name, password in passwords.items():
        login = {"host": "127.0.0.1", "port": port, "user": name, "password": password, "ssl": False}
        connection = await asyncpg.connect(**login, database=name, timeout=5)
        try:
            rights = await connection.fetchrow(
                "SELECT rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication"
                " FROM pg_roles WHERE rolname = current_user"
            )
            assert not any(rights.values())
        finally:
            await connection.close()
        for other in {*passwords, "postgres"} - {name}:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await asyncpg.connect(**login, database=other, timeout=5)


async def test_a_second_process_on_the_same_directory_says_so(demo: Process, installed: Seeded) -> None:
    child = await spawn(installed.directory, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    async with asyncio.timeout(30):
        _, complaint = await child.communicate()

    assert child.returncode not in (0, None)
    assert "is used by another process" in " ".join(complaint.decode().split())


async def test_a_second_start_keeps_everything(seeded: Path, installed: Seeded) -> None:
    async with serving(seeded) as process:
        await process.greeted()
        before, logins = await issues_of(process), process.logins
    async with serving(seeded) as process:
        await process.greeted()
        assert await issues_of(process) == before
        assert process.logins == logins == installed.first_logins

    assert len(logins) == 2
    assert stat.S_IMODE((seeded / "demo-logins.json").stat().st_mode) == 0o600


async def test_instances_follow_the_targets_to_another_port(seeded: Path) -> None:
    # Whoever sits on the port while Penstock is down makes its next start choose another one.
    with socket.create_server(("127.0.0.1", int((seeded / "demo-targets" / "port").read_text()))) as taken:
        async with serving(seeded) as process:
            await process.greeted()
            async with signed_in(process, *ADMIN) as client:
                instances = await items(client, "/instances")
                tests = [(await client.post(f"/instances/{i['slug']}/test")).json() for i in instances]

        assert taken.getsockname()[1] not in {i["port"] for i in instances}
        assert all(t["authenticated"] for t in tests)


async def test_an_open_stream_does_not_hold_up_the_stop(seeded: Path) -> None:
    async with serving(seeded) as process:
        await process.greeted()
        port = int((seeded / "demo-targets" / "port").read_text())
        async with (
            signed_in(process, *ADMIN) as client,
            client.stream("GET", "/events/stream", params={"after": 0}) as stream,
        ):
            assert await anext(stream.aiter_lines())
            seconds = await process.stopped_by(signal.SIGTERM)

    assert seconds < STOP_SECONDS
    assert process.child.returncode == 0
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


async def test_an_interrupt_while_seeding_stops_it(data_dir: Path) -> None:
    async with serving(data_dir) as process:
        await process.said("Making the demo's shop databases")
        seconds = await process.stopped_by(signal.SIGINT)

        assert seconds < STOP_SECONDS
        assert process.child.returncode == 0


async def test_a_killed_start_is_completed_by_the_next(data_dir: Path) -> None:
    async with serving(data_dir) as process:
        await process.said("one waits for approval")
        await process.stopped_by(signal.SIGKILL)
    async with serving(data_dir) as process:
        await process.greeted()
        issues = await issues_of(process)

        assert [issue["result"] for issue in issues] == ["succeeded", "blocked", "failed"]
        assert len(process.logins) == 2


async def test_without_a_runner_the_rest_is_left_to_a_later_start(data_dir: Path) -> None:
    async with serving(data_dir, "--no-runner") as process:
        await process.greeted()
        await process.said("needs a runner")
        assert await issues_of(process) == []
    async with serving(data_dir) as process:
        await process.greeted()
        assert len(await issues_of(process)) == 3


async def test_without_the_demo_there_is_nothing_of_it(data_dir: Path) -> None:
    async with serving(data_dir, "--no-demo") as process:
        await process.greeted(logins=0)
        async with signed_in(process, *ADMIN) as client:
            assert await items(client, "/projects") == await items(client, "/instances") == []
        assert process.logins == {}

    assert not (data_dir / "demo-targets").exists()


async def test_the_targets_stay_down_when_the_demo_is_not_wanted(seeded: Path) -> None:
    async with serving(seeded, "--no-demo") as process:
        await process.greeted(logins=0)
        assert len(await issues_of(process)) == 3
        port = int((seeded / "demo-targets" / "port").read_text())
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
