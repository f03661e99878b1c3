"""The servers that a benchmark runs on, and many databases on them that are dropped at the end."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from penstock.embedded import EmbeddedPostgres
from penstock.store import migrate
from tests.installation import rows
from tests.mariadb_server import MariaDbServer, own_server
from tests.mariadb_server import find_server as find_mariadb
from tests.postgres_server import PostgresServer, find_server

_AT_ONCE: Final = 4  # databases that are made or dropped
_own: Final[set[PostgresServer]] = set()  # whose settings are ours to change


@asynccontextmanager
async def server(*, own: bool = False) -> AsyncIterator[PostgresServer]:
    """$PENSTOCK_TEST_POSTGRES, else a local one that trusts us, else an embedded one with its usual, durable
    settings.

    Args:
        own: an embedded one, whatever else there is.
    """
    url = os.environ.get("PENSTOCK_TEST_POSTGRES")
    if url and not own:
        yield PostgresServer.from_url(url)
    elif not own and (found := await find_server()):
        yield found
    else:
        root = Path(tempfile.mkdtemp(prefix="penstock-bench-"))
        root.chmod(0o755)  # as root, PostgreSQL runs as another account
        postgres = EmbeddedPostgres(root)
        try:
            started = await _usual_login(PostgresServer.from_url(await postgres.start()))
            _own.add(started)
            yield started
        finally:
            await postgres.stop()
            shutil.rmtree(root)


async def _usual_login(own: PostgresServer) -> PostgresServer:
    """With a login as users have one: the server's own is named like the schema of our ledger, which is a case of its
    own and takes longer."""
    await own.execute(f"CREATE ROLE bench SUPERUSER LOGIN PASSWORD '{own.password}'")
    return replace(own, user="bench")


@asynccontextmanager
async def mariadb() -> AsyncIterator[MariaDbServer]:
    """$PENSTOCK_TEST_MARIADB, else a local one that trusts us, else one of our own, which flushes like a usual one."""
    if found := await find_mariadb():
        yield found
        return
    root = Path(tempfile.mkdtemp(prefix="penstock-bench-"))
    try:
        async with own_server(root, durable=True) as own:
            yield own
    finally:
        shutil.rmtree(root)


@asynccontextmanager
async def databases(on: PostgresServer, count: int, step: Callable[[], None]) -> AsyncIterator[list[str]]:
    """Empty databases.

    Args:
        step: called whenever one was made or dropped.
    """
    made: list[str] = []

    async def make() -> None:
        made.append(await on.create_database(template="template0"))
        step()

    async def drop(name: str) -> None:
        await on.drop_database(name)
        step()

    try:
        async with _written_at_once(on):
            await _a_few_at_once(make for _ in range(count))
            await on.execute("CHECKPOINT")
        yield made
    finally:
        await _a_few_at_once(partial(drop, name) for name in made)


@asynccontextmanager
async def _written_at_once(on: PostgresServer) -> AsyncIterator[None]:
    """A database has 300 files: to flush each of those of a thousand databases takes longer than the benchmark.  A
    server of our own leaves that to the system, once for all of them."""
    if on not in _own:
        yield
        return
    await on.execute("ALTER SYSTEM SET fsync = off")
    await on.execute("SELECT pg_reload_conf()")
    try:
        yield
        await asyncio.to_thread(os.sync)
    finally:
        await on.execute("ALTER SYSTEM RESET fsync")
        await on.execute("SELECT pg_reload_conf()")


async def _a_few_at_once(works: Iterable[Callable[[], Awaitable[None]]]) -> None:
    """Making a thousand databases one by one takes minutes."""
    left = iter(works)

    async def some() -> None:
        for work in left:
            await work()

    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(some())


@asynccontextmanager
async def mariadb_databases(on: MariaDbServer, count: int, step: Callable[[], None]) -> AsyncIterator[list[str]]:
    """Empty databases on MariaDB; see `databases`."""
    made: list[str] = []
    try:
        for _ in range(count):
            made.append(await on.create_database())
            step()
        yield made
    finally:
        for name in made:
            await on.drop_database(name)
            step()


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


async def mariadb_described(on: MariaDbServer) -> dict[str, str]:
    """What about a MariaDB server decides what can be measured on it."""
    names = ("version", "innodb_flush_log_at_trx_commit", "sync_binlog", "log_bin", "innodb_buffer_pool_size")
    [values] = await on.execute("SELECT " + ", ".join(f"@@GLOBAL.{name}" for name in names))
    return {name: str(value) for name, value in zip(names, values, strict=True)}
