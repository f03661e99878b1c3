"""Who holds a metadata lock is told for certain where the server has the plugin for it."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from penstock.engines.base import Target, Wait, application_name
from penstock.engines.registry import engine_for
from tests.engines.conftest import change
from tests.engines.recorder import Recorder
from tests.mariadb_server import MariaDbServer, own_server
from tests.waiting import eventually


@pytest.fixture
async def server() -> AsyncIterator[MariaDbServer]:
    """A server of our own, with the plugin."""
    folder = Path(tempfile.mkdtemp(prefix="penstock-mariadb-"))
    try:
        async with own_server(folder) as own:
            await own.execute("INSTALL SONAME 'metadata_lock_info'")
            yield own
    finally:
        shutil.rmtree(folder)


async def test_the_holder_of_a_metadata_lock_is_certain(server: MariaDbServer) -> None:
    name = await server.create_database()
    engine = engine_for("mariadb")
    target = Target("mariadb", server.host, server.port, server.user, server.password, database=name)
    await server.execute("CREATE TABLE orders (id int)", name)
    await server.execute("CREATE TABLE elsewhere (id int)", name)
    blocking, other = await server.open(name), await server.open(name)
    try:
        for connection, table in ((blocking, "orders"), (other, "elsewhere")):
            await connection.run("START TRANSACTION")
            await connection.run(f"INSERT INTO {table} VALUES (1)")
        request = change("ALTER TABLE orders ADD a int")
        mine = application_name(request.deployment, request.task_id, request.attempt)
        work = asyncio.create_task(engine.apply(target, request, Recorder()))

        async def blocked() -> list[Wait]:
            found = await engine.waits(target, mine)
            return found if any(w.role == "blocker" for w in found) else []

        own, *blockers = await eventually(blocked)
        assert own.role == "own" and own.session.waits_for == "Waiting for table metadata lock"
        [blocker] = blockers  # not the one that works on another table
        assert (blocker.session.pid, blocker.certain) == (blocking.thread_id(), True)
        assert (f"{name}.orders", True) in [(lock.object, lock.granted) for lock in blocker.locks]
        await blocking.run("COMMIT")
        assert (await work).state == "applied"
    finally:
        blocking.close()
        other.close()
