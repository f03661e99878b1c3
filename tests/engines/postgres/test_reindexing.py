"""REINDEX CONCURRENTLY that is interrupted leaves invalid indexes beside those it renews; they are cleared away."""

from __future__ import annotations

import asyncio
import re

import asyncpg
import pytest

from tests.engines.conftest import Apply
from tests.engines.recorder import Recorder
from tests.waiting import eventually

SCRIPTS = (
    "REINDEX INDEX CONCURRENTLY i",
    "REINDEX TABLE CONCURRENTLY t",
    "REINDEX (CONCURRENTLY) TABLE t",
)


@pytest.fixture(autouse=True)
async def table(database: asyncpg.Connection) -> None:
    """A table with two indexes."""
    await database.execute("CREATE TABLE t (a int, b int); CREATE INDEX i ON t (a); CREATE INDEX j ON t (b)")


async def indexes(database: asyncpg.Connection) -> dict[str, bool]:
    """Name -> whether it is valid, of the table's indexes."""
    rows = await database.fetch(
        "SELECT indexrelid::regclass::text AS name, indisvalid FROM pg_index WHERE indrelid = 't'::regclass"
    )
    return {row["name"]: row["indisvalid"] for row in rows}


async def until_left(database: asyncpg.Connection) -> None:
    """Wait until the new index is there, invalid yet."""

    async def left() -> bool:
        return any(re.search("_ccnew", name) and not valid for name, valid in (await indexes(database)).items())

    await eventually(left)


@pytest.mark.parametrize("script", SCRIPTS)
async def test_a_session_that_is_ended_leaves_nothing_for_good(
    script: str, apply: Apply, database: asyncpg.Connection, bystander: asyncpg.Connection
) -> None:
    port = Recorder()
    async with bystander.transaction():
        await bystander.execute("INSERT INTO t VALUES (1, 1)")  # the build waits for it
        first = asyncio.create_task(apply(script, port))
        await until_left(database)
        await database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE query LIKE 'REINDEX%' AND datname = current_database()"
        )
        await eventually(lambda: "dropping it" in port.text or first.done())
    result = await first
    if result.state != "applied":  # the attempt ended there; the next one goes on
        result = await apply(script, port, attempt=2)
    assert result.state == "applied", result.failure
    assert await indexes(database) == {"i": True, "j": True}
    assert re.search(r"left \S+_ccnew invalid: dropping it", port.text)


@pytest.mark.parametrize("script", SCRIPTS)
async def test_a_cancel_leaves_nothing(
    script: str, apply: Apply, database: asyncpg.Connection, bystander: asyncpg.Connection
) -> None:
    port = Recorder()
    async with bystander.transaction():
        await bystander.execute("INSERT INTO t VALUES (1, 1)")
        running = asyncio.create_task(apply(script, port))
        await until_left(database)
        port.cancel_requested.set()
        await eventually(lambda: "dropping it" in port.text or running.done())
    assert (await running).state == "canceled"
    assert await indexes(database) == {"i": True, "j": True}
    assert (await apply(script, attempt=2)).state == "applied"


async def test_what_somebody_elses_interruption_left_is_not_ours_to_drop(
    apply: Apply, database: asyncpg.Connection, bystander: asyncpg.Connection
) -> None:
    async with bystander.transaction():
        await bystander.execute("INSERT INTO t VALUES (1, 1)")
        other = asyncio.create_task(database.execute("REINDEX INDEX CONCURRENTLY j"))
        await bystander.execute("SELECT 1")
        names = "SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass AND NOT indisvalid"
        await eventually(lambda: bystander.fetchval(names))
        await bystander.execute(f"SELECT pg_terminate_backend({database.get_server_pid()})")
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError)):
        await other
    assert (await apply("REINDEX INDEX CONCURRENTLY i")).state == "applied"
    assert await indexes(bystander) == {"i": True, "j": True, "j_ccnew": False}
