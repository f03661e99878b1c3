"""Twins: the same scripts by ``psql``, and the schema of a database as ``pg_dump`` spells it."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from penstock.embedded import binaries
from tests.inputs.histories import Script
from tests.postgres_server import PostgresServer

# Differs from run to run, by design of pg_dump.
_RANDOM: Final = re.compile(r"^\\(?:un)?restrict .*$\n?", re.MULTILINE)


async def by_psql(server: PostgresServer, database: str, scripts: Sequence[Script]) -> None:
    """Apply scripts the way their authors do; the first error ends it."""
    for script in scripts:
        await _run(
            server,
            [program("psql", server), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database],
            script.text,
            script.version,
        )


async def schema_of(server: PostgresServer, database: str) -> str:
    """The schema of a database without owners, privileges and Penstock's own ledger."""
    command = [program("pg_dump", server), "-s", "-O", "-x", "--exclude-schema=penstock", "-d", database]
    return _RANDOM.sub("", await _run(server, command, "", "pg_dump"))


def program(name: str, server: PostgresServer) -> str:
    """Where a client program is that knows this server: the machine's, or the one that came with us."""
    asked = f"postgresql://{server.user}@{server.host}:{server.port}/postgres"
    environment = os.environ | {"PGPASSWORD": server.password}
    for found in _programs(name):
        # pg_dump refuses servers that are newer than itself.
        check = [found, "-d", asked] + (["-s", "--schema=none", "--no-sync"] if name == "pg_dump" else ["-Xqc", ""])
        done = subprocess.run(check, env=environment, capture_output=True, text=True, check=False)
        if done.returncode == 0 or "no matching schemas" in done.stderr:
            return found
    raise FileNotFoundError(f"There is no {name} here that knows this server: install PostgreSQL's client programs")


def _programs(name: str) -> Iterator[str]:
    yield from filter(None, [shutil.which(name)])
    versions = Path("/usr/lib/postgresql")
    yield from (str(path) for path in sorted(versions.glob(f"*/bin/{name}"), reverse=True))
    yield from (str(path) for path in sorted(binaries.package().glob(f"*/bin/{name}"), reverse=True))


async def _run(server: PostgresServer, command: list[str], text: str, what: str) -> str:
    environment = os.environ | {
        "PGHOST": server.host,
        "PGPORT": str(server.port),
        "PGUSER": server.user,
        "PGPASSWORD": server.password,
        "PGCLIENTENCODING": "UTF8",
    }
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    out, errors = await process.communicate(text.encode())
    assert process.returncode == 0, f"{what}: {errors.decode()[:2000]}"
    return out.decode()
