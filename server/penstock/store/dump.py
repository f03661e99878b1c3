"""Writes the metadata database out as SQL, and reads it back, with PostgreSQL's own programs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import asyncpg
from sqlalchemy.engine import make_url

from penstock.domain.errors import PenstockError
from penstock.store.database import driver_dsn

# pg_dump 17 and newer set it for whoever reads the dump; older servers do not know it.
_TRANSACTION_TIMEOUT: Final = "SET transaction_timeout = 0;\n"
_KNOWN_SINCE: Final = 170000
_HEADER_LINES: Final = 100


class DumpFailed(PenstockError):
    """PostgreSQL's own programs could not write or read the metadata database."""

    code = "dump_failed"


async def write(url: str, file: Path, programs: Path | None) -> None:
    """Write the database as of one moment, while it goes on being used.

    Args:
        url: of the metadata database.
        programs: where pg_dump is; None looks along PATH.

    Raises:
        DumpFailed: it is not there, or said no.
    """
    await _run(url, programs, "pg_dump", "--no-owner", "--no-privileges", f"--file={file}")


async def read(url: str, file: Path, more: Iterable[str], programs: Path | None) -> None:
    """Read a dump into an empty database, and run statements after it, in one transaction: all of it or nothing.

    Args:
        file: what `write` made; rewritten where the server does not know what is in it.

    Raises:
        DumpFailed: there is something in the database already, or psql said no.
    """
    connection = await asyncpg.connect(driver_dsn(url))
    try:
        tables = await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        version = connection.get_server_version()
    finally:
        await connection.close()
    if tables:
        raise DumpFailed(f"The database holds {tables} tables already: restore into an empty one.")
    script = file.with_suffix(".restore.sql")
    knows = version.major * 10000 >= _KNOWN_SINCE
    await asyncio.to_thread(_prepare, file, script, list(more), knows=knows)
    try:
        quiet = ("--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--output=/dev/null")
        await _run(url, programs, "psql", *quiet, f"--file={script}")
    finally:
        script.unlink()


def _prepare(file: Path, script: Path, more: list[str], *, knows: bool) -> None:
    with file.open() as source, script.open("w") as out:
        os.chmod(script, 0o600)
        for number, line in enumerate(source):
            if not (number < _HEADER_LINES and line == _TRANSACTION_TIMEOUT and not knows):
                out.write(line)
        out.writelines(f"{statement};\n" for statement in more)


async def _run(url: str, programs: Path | None, program: str, *arguments: str) -> None:
    parts = make_url(url)
    where = {
        "PGHOST": parts.host or parts.query.get("host", ""),
        "PGPORT": str(parts.port or 5432),
        "PGUSER": parts.username or "",
        "PGPASSWORD": str(parts.password or ""),
        "PGDATABASE": parts.database or "postgres",
    }
    given = {name: str(value) for name, value in where.items() if value}
    ssl = parts.query.get("ssl") or parts.query.get("sslmode")
    more = {"PGSSLMODE": str(ssl)} if ssl else {}
    path = str(programs / program) if programs else program
    try:
        process = await asyncio.create_subprocess_exec(
            path,
            *arguments,
            env={**os.environ, **given, **more},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise DumpFailed(
            f"{program} cannot be started: {error.strerror}. Install PostgreSQL's client programs."
        ) from error
    _, said = await process.communicate()
    if process.returncode:
        raise DumpFailed(f"{program}: {said.decode(errors='replace').strip()[:2_000]}")
