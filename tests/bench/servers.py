"""The PostgreSQL server that a benchmark runs on, and many databases on it that are dropped at the end."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from penstock.embedded import EmbeddedPostgres
from penstock.store import migrate
from tests.installation import rows
from tests.postgres_server import PostgresServer, find_server


@asynccontextmanager
async def server() -> AsyncIterator[PostgresServer]:
    """$PENSTOCK_TEST_POSTGRES, else a local one that trusts us, else an embedded one with its usual, durable
    settings."""
    if url := os.environ.get("PENSTOCK_TEST_POSTGRES"):
        yield PostgresServer.from_url(url)
    elif found := await find_server():
        yield found
    else:
        root = Path(tempfile.mkdtemp(prefix="penstock-bench-"))
        root.chmod(0o755)  # as root, PostgreSQL runs as another account
        postgres = EmbeddedPostgres(root)
        try:
            yield PostgresServer.from_url(await postgres.start())
        finally:
            await postgres.stop()
            shutil.rmtree(root)


@asynccontextmanager
async def databases(on: PostgresServer, count: int, step: Callable[[], None]) -> AsyncIterator[list[str]]:
    """Empty databases.

    Args:
        step: called whenever one was made or dropped.
    """
    made: list[str] = []
    connection = await asyncpg.connect(on.url())
    try:
        for _ in range(count):
            made.append(await on.create_database(template="template0"))
            step()
        await connection.execute("CHECKPOINT")
        yield made
    finally:
        for name in made:
            await on.drop_database(name)
            step()
        await connection.close()


@asynccontextmanager
async def metadata_database(on: PostgresServer) -> AsyncIterator[str]:
    """The SQLAlchemy URL of a metadata database with our migrations applied."""
    name = await on.create_database()
    try:
        await migrate.upgrade(on.sqlalchemy_url(name))
        yield on.sqlalchemy_url(name)
    finally:
        await on.drop_database(name)


async def described(on: PostgresServer) -> dict[str, str]:
    """What about the server decides what can be measured on it."""
    [row] = await rows(
        on.url(),
        "SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync,"
        " current_setting('synchronous_commit') AS synchronous_commit,"
        " current_setting('shared_buffers') AS shared_buffers",
    )
    return dict(row)
