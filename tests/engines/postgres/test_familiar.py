"""In a database that was looked at before, the first look is left out; whatever has changed meanwhile is found all the
same."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import asyncpg
import pytest

from penstock.engines.base import ApplyResult, Target
from penstock.engines.patience import Patience
from penstock.engines.postgres.connect import Familiar, Link, open_familiar
from penstock.engines.postgres.engine import PostgresEngine
from penstock.engines.postgres.line import Line
from tests.engines.conftest import change
from tests.engines.recorder import Recorder
from tests.waiting import eventually

SECOND = "CREATE TABLE second (a int)"


@pytest.fixture
async def familiar(target: Target) -> PostgresEngine:
    """An engine that has applied a change to the target."""
    engine = PostgresEngine()
    assert (await engine.apply(target, change("CREATE TABLE first (a int)"), Recorder())).state == "applied"
    assert target in engine._familiar
    return engine


async def again(engine: PostgresEngine, target: Target, text: str = SECOND, version: str = "2") -> ApplyResult:
    return await engine.apply(target, change(text, version), Recorder())


async def there(database: asyncpg.Connection) -> bool:
    return bool(await database.fetchval("SELECT to_regclass('second') IS NOT NULL"))


async def test_nothing_is_asked_about_it(familiar: PostgresEngine, target: Target) -> None:
    line = Line(target, familiar._familiar)
    line.trusting = True
    assert (await line.link()).assumed
    line.trusting = False
    assert not (await line.link()).assumed, "who needs to know for certain is told"
    await line.close()
    assert (await again(familiar, target)).state == "applied"


async def test_a_change_that_is_there_is_passed_over(familiar: PostgresEngine, target: Target) -> None:
    assert (await again(familiar, target, "CREATE TABLE first (a int)", "1")).state == "already_applied"
    conflict = (await again(familiar, target, SECOND, "1")).failure
    assert conflict is not None and conflict.code == "version_conflict"


async def test_a_ledger_that_is_gone_is_made_again(
    familiar: PostgresEngine, target: Target, database: asyncpg.Connection
) -> None:
    await database.execute("DROP SCHEMA penstock CASCADE")
    assert (await again(familiar, target)).state == "applied"
    assert [tuple(row) for row in await database.fetch("SELECT version FROM penstock.ledger")] == [("2",)]


async def test_a_ledger_of_another_version_is_not_written(
    familiar: PostgresEngine, target: Target, database: asyncpg.Connection
) -> None:
    await database.execute("COMMENT ON TABLE penstock.ledger IS 'penstock ledger 3'")
    failure = (await again(familiar, target)).failure
    assert failure is not None and failure.code == "ledger_version"
    assert not await there(database)


async def test_steps_of_other_bytes_are_found(
    familiar: PostgresEngine, target: Target, database: asyncpg.Connection
) -> None:
    await database.execute(
        "INSERT INTO penstock.journal (project, version, step, step_digest, state, run)"
        " VALUES ('shop', '2', 0, 'sha256:other', 'done', 'run-0')"
    )
    result = await again(familiar, target)
    assert result.state == "failed" and not await there(database)


async def test_a_login_whose_tables_would_lie_beside_the_ledger_is_looked_at(
    familiar: PostgresEngine, target: Target, database: asyncpg.Connection
) -> None:
    """Where "$user" is the ledger's schema."""
    await database.execute("CREATE ROLE penstock LOGIN SUPERUSER")
    try:
        login = replace(target, username="penstock")
        link = await open_familiar(target)
        familiar._familiar.note(login, link)
        await link.connection.close()
        assert (await again(familiar, login)).state == "applied"
        assert await database.fetchval("SELECT to_regclass('public.second') IS NOT NULL")
    finally:
        await database.execute("DROP OWNED BY penstock; DROP ROLE penstock")


async def test_its_statements_are_canceled_on_the_server(
    familiar: PostgresEngine, target: Target, database: asyncpg.Connection
) -> None:
    port = Recorder()
    asleep = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)' AND state = 'active'"
    running = asyncio.create_task(familiar.apply(target, change("SELECT pg_sleep(600)", "2"), port))
    await eventually(lambda: database.fetchval(asleep))
    port.cancel_requested.set()
    assert (await running).state == "canceled"
    assert await database.fetchval(asleep) == 0


async def test_a_session_that_was_given_up_is_known_again(
    familiar: PostgresEngine, target: Target, database: asyncpg.Connection
) -> None:
    """Its lock must not keep the next try waiting."""
    line = Line(target, familiar._familiar)
    line.trusting = True
    link = await line.begin(Patience.of(Recorder()))
    assert link.assumed and link.started_at is None
    line._abandoned.append(link)
    line._link = None  # as after a hang-up that the server has not heard of
    again = await line.begin(Patience.of(Recorder()))
    assert again.pid != link.pid
    assert not await database.fetchval("SELECT count(*) FROM pg_stat_activity WHERE pid = $1", link.pid)
    link.connection.terminate()
    await line.close()


def test_a_memory_is_bounded(target: Target) -> None:
    memory = Familiar(most=2)
    link = Link(None, 1, None, True, "penstock ledger 2")
    targets = [replace(target, database=name) for name in "abc"]
    for each in targets:
        memory.note(each, link)
    assert [each in memory for each in targets] == [False, True, True]
    memory.note(targets[2], replace(link, stamp="penstock ledger 1"))
    assert targets[2] not in memory, "without a journal it is looked at each time"
