"""``scripts/bench memory``: what a runner needs of memory while a large script runs and a long queue waits.

A runner in a process of its own applies one script of some megabytes to several databases at once; a script as large
waits for thousands of other databases, on an instance that has no free place.  Measured is the resident memory of the
runner's process, as the kernel counts it, until the databases are done.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
import uuid
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
from rich.console import Console

from penstock.runtime.supervisor import RunnerSettings
from penstock.services.attempts import Attempts
from penstock.store import queue
from penstock.store.database import driver_dsn
from tests.bench import servers
from tests.installation import EMAIL, Installation, installation
from tests.postgres_server import PostgresServer

ABOUT: Final = "resident memory of a runner with a large script and a long queue"
AIM: Final = 300.0
_FAR: Final = "far"  # the instance whose databases wait
_LINE: Final = "INSERT INTO padding VALUES ('{}');\n"


@dataclass(frozen=True)
class Measured:
    """Megabytes of resident memory.

    Args:
        idle: before there was anything to do.
        peak: the most that the kernel saw.
    """

    script: float
    queued: int
    databases: int
    idle: float
    median: float
    peak: float
    seconds: float


def options(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--queued", type=int, default=10_000, metavar="N", help="tasks that wait")
    parser.add_argument("--megabytes", type=float, default=9.0, metavar="N", help="size of the script")
    parser.add_argument("--statement", type=int, default=100_000, metavar="N", help="bytes of one of its statements")
    parser.add_argument("--databases", type=int, default=8, metavar="N", help="that are worked on at once")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


async def main(given: argparse.Namespace) -> None:
    """Run the benchmark and print what it found."""
    async with (
        servers.server() as server,
        servers.databases(server, given.databases, lambda: None) as names,
        servers.metadata_database(server) as metadata,
    ):
        async with installation(metadata, runner=RunnerSettings()) as penstock:
            await penstock.register(server, max_running_tasks=given.databases)
            near = await penstock.adopt(names)
            far = await _waiting(penstock, server, metadata, given.queued)
        # That one's runner has ended; the runner that is measured is the only one from here on.
        result = await _measure(metadata, near, far, given)
    if given.json:
        json.dump(asdict(result), sys.stdout, indent=2)
        print()
        return
    console = Console(soft_wrap=True)
    console.print(
        f"{result.databases} databases at once × {result.script:.1f} MB, {result.queued:,} tasks queued,"
        f" {result.seconds:.0f} s"
    )
    verdict = "under" if result.peak < AIM else "NOT under"
    console.print(
        f"Resident memory of the runner: idle {result.idle:.0f} MB, median {result.median:.0f} MB,"
        f" peak {result.peak:.0f} MB ({verdict} {AIM:.0f} MB)"
    )


async def _waiting(penstock: Installation, server: PostgresServer, metadata: str, n: int) -> list[int]:
    """Databases of an instance whose only place will be taken by somebody else."""
    await penstock.call(
        "POST",
        "/instances",
        slug=_FAR,
        engine="postgres",
        environment=penstock.environment,
        host=server.host,
        port=server.port,
        username=server.user,
        tls="disable",
        options={"max_running_tasks": 1},
    )
    connection = await asyncpg.connect(driver_dsn(metadata))
    try:
        found = await connection.fetch(
            "INSERT INTO database (instance_id, name, project_id) SELECT i.id, 'far' || g, p.id"
            " FROM instance i, project p, generate_series(1, $1) g WHERE i.slug = $2 AND p.slug = $3 RETURNING id",
            n,
            _FAR,
            penstock.project,
        )
    finally:
        await connection.close()
    return [row["id"] for row in found]


async def _measure(metadata: str, near: list[int], far: list[int], given: argparse.Namespace) -> Measured:
    script = _script(int(given.megabytes * 1_000_000), given.statement)
    async with installation(metadata, works=False) as penstock:
        # A statement of megabytes is not parsed, and then somebody has to approve it, whatever the tier says.
        steps = [{"any_of": [{"user": EMAIL}]}]
        await penstock.call("POST", "/approval-tiers", slug="own", name="Own", steps=steps, self_approval=True)
        await penstock.call("PATCH", f"/environments/{penstock.environment}", tier="own")
        await _file(penstock, "SELECT 1", far[:1])
        elsewhere = uuid.uuid4()
        await penstock.database.run(lambda conn: queue.register_runner(conn, elsewhere, "far", 1))
        assert len(await Attempts(penstock.database).take(elsewhere, 1, 86_400)) == 1  # the only place there
        await _file(penstock, script, far[1:])
        async with _runner(metadata) as process:
            idle = _resident(process, "VmRSS")
            working = await _file(penstock, script, near)
            samples, began = [idle], time.monotonic()
            state: dict[str, Any] = {"result": "running"}
            while state["result"] in ("pending", "running"):
                await asyncio.sleep(0.2)
                samples.append(_resident(process, "VmRSS"))
                state = await penstock.call("GET", f"/pipelines/{working}")
            seconds, peak = time.monotonic() - began, _resident(process, "VmHWM")
        assert state["result"] == "succeeded", await penstock.explain(working)
    return Measured(len(script) / 1_000_000, len(far) - 1, len(near), idle, statistics.median(samples), peak, seconds)


def _script(size: int, statement: int) -> str:
    line = _LINE.format("x" * (statement - len(_LINE)))
    return "CREATE TABLE padding (t text);\n" + line * (size // len(line))


async def _file(penstock: Installation, statement: str, targets: list[int]) -> int:
    filed = await penstock.call(
        "POST",
        "/issues",
        project=penstock.project,
        title="Memory",
        statement=statement,
        targets={"databases": targets},
    )
    [stage] = filed["pipeline"]["stages"]
    body = {"stages": [stage["name"]], "digest": {stage["name"]: stage["digest"]}, "decision": "approve"}
    await penstock.call("POST", f"/issues/{filed['id']}/approvals", **body)
    found: int = filed["pipeline"]["id"]
    return found


@asynccontextmanager
async def _runner(metadata: str) -> AsyncIterator[Process]:
    """A runner in a process of its own that has come up."""
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as folder:
        environment: dict[str, Any] = os.environ | {
            "PENSTOCK_DATABASE_URL": metadata,
            "PENSTOCK_DATA_DIR": folder,
            "PENSTOCK_LOG_LEVEL": "error",
        }
        said = await asyncio.to_thread((Path(folder) / "said").open, "wb")
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).parent / "penstock"),
            "runner",
            env=environment,
            stderr=asyncio.subprocess.PIPE,
            stdout=said,
        )
        try:
            assert process.stderr is not None
            while b"ready" not in (line := await process.stderr.readline()):
                assert line, "the runner ended before it was ready"
            yield process
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
            said.close()


def _resident(process: Process, name: str) -> float:
    text = Path(f"/proc/{process.pid}/status").read_text()
    return int(text.split(f"{name}:")[1].split()[0]) / 1000
