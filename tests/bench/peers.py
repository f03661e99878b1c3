"""Other tools with the same work, for ``scripts/bench tasks --peers``: every one in the way that its users run it over
many databases, and only those that are there.

- alembic: one process, a loop over the databases, a revision per round; its version table, one transaction.
- psql: one process per database, ``psql -X -1 -f``, as many at once as Penstock has.
- dbmate: one process per database, ``dbmate up``, as many at once.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, NullPool
from sqlalchemy.ext.asyncio import create_async_engine

from tests.postgres_server import PostgresServer

Side = Callable[[str, Sequence[str]], Awaitable[None]]

DBMATE: Final = "2.36.0"  # the package of that name on npm brings a binary
_ENVIRONMENT: Final = """
from alembic import context

context.configure(connection=context.config.attributes["connection"], transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
"""
_REVISION: Final = """
from alembic import op

revision, down_revision, branch_labels, depends_on = {revision!r}, {before!r}, None, None


def upgrade():
    for statement in {statements!r}:
        op.execute(statement)
"""


@asynccontextmanager
async def peers(server: PostgresServer, databases: Sequence[str], at_once: int) -> AsyncIterator[dict[str, Side]]:
    """Those that are there: name -> run these statements, under this name, on every database."""
    folder = Path(tempfile.mkdtemp(prefix="penstock-bench-"))
    try:
        found: dict[str, Side] = {"alembic": _Alembic(server, databases, folder / "alembic").run}
        if shutil.which("psql"):
            found["psql"] = partial(_psql, server, databases, at_once, folder)
        if (dbmate := await _dbmate_binary(folder / "npm")) is not None:
            (folder / "dbmate").mkdir()
            found["dbmate"] = partial(_dbmate, server, databases, at_once, folder / "dbmate", dbmate)
        yield found
    finally:
        shutil.rmtree(folder)


class _Alembic:
    """One revision after the other; every database is brought to the newest."""

    def __init__(self, server: PostgresServer, databases: Sequence[str], folder: Path) -> None:
        self._server, self._databases, self._folder = server, databases, folder
        (folder / "versions").mkdir(parents=True)
        (folder / "env.py").write_text(_ENVIRONMENT)
        self._last: str | None = None

    async def run(self, name: str, statements: Sequence[str]) -> None:
        """Add a revision, and upgrade the databases in turn."""
        text = _REVISION.format(revision=name, before=self._last, statements=list(statements))
        (self._folder / "versions" / f"{name}.py").write_text(text)
        self._last = name
        for database in self._databases:
            engine = create_async_engine(
                self._server.sqlalchemy_url(database), poolclass=NullPool, connect_args={"ssl": False}
            )
            async with engine.connect() as connection:
                await connection.run_sync(self._upgrade)
                await connection.commit()
            await engine.dispose()

    def _upgrade(self, connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(self._folder))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


async def _psql(
    server: PostgresServer,
    databases: Sequence[str],
    at_once: int,
    folder: Path,
    name: str,
    statements: Sequence[str],
) -> None:
    script = folder / f"{name}.sql"
    script.write_text(";\n".join(statements) + ";\n")
    flags = ("psql", "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-f", str(script))
    await _each(databases, at_once, lambda database: (*flags, f"{server.url(database)}?sslmode=disable"))


async def _dbmate(
    server: PostgresServer,
    databases: Sequence[str],
    at_once: int,
    folder: Path,
    binary: str,
    name: str,
    statements: Sequence[str],
) -> None:
    number = len(list(folder.iterdir())) + 1
    up = ";\n".join(statements)
    (folder / f"{number:04}_{name}.sql").write_text(f"-- migrate:up\n{up};\n-- migrate:down\n")
    flags = (binary, "--migrations-dir", str(folder), "--no-dump-schema")
    await _each(databases, at_once, lambda db: (*flags, "--url", f"{server.url(db)}?sslmode=disable", "migrate"))


async def _each(databases: Sequence[str], at_once: int, line: Callable[[str], Sequence[str]]) -> None:
    places = asyncio.Semaphore(at_once)

    async def one(database: str) -> None:
        async with places:
            process = await asyncio.create_subprocess_exec(*line(database), stdout=PIPE, stderr=PIPE)
            said, errors = await process.communicate()
            assert process.returncode == 0, (said + errors).decode(errors="replace")[-2000:]

    async with asyncio.TaskGroup() as group:
        for database in databases:
            group.create_task(one(database))


async def _dbmate_binary(folder: Path) -> str | None:
    """On the path, else fetched with npm; None where neither is possible."""
    if found := shutil.which("dbmate"):
        return found
    if not shutil.which("npm"):
        return None
    folder.mkdir(parents=True)
    process = await asyncio.create_subprocess_exec(
        *("npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), f"dbmate@{DBMATE}"),
        stdout=PIPE,
        stderr=PIPE,
        env=os.environ | {"npm_config_update_notifier": "false"},
    )
    await process.communicate()
    binaries = sorted(folder.glob("node_modules/@dbmate/*/bin/dbmate*"))
    return str(binaries[0]) if process.returncode == 0 and binaries else None
