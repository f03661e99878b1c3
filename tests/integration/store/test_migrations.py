"""Our own migrations go up and down one by one, and end at exactly the tables that the code declares."""

from __future__ import annotations

import asyncio

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import create_async_engine

from penstock.store import migrate
from penstock.store.tables import metadata
from tests.postgres_server import PostgresServer


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names()) - {"alembic_version"}


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, metadata))


def definitions(connection: Connection) -> set[tuple[str, ...]]:
    """What Alembic does not compare: every constraint and index, as PostgreSQL spells it."""
    rows = connection.execute(
        text(
            """
            SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
             WHERE connamespace = 'public'::regnamespace AND conrelid <> 'alembic_version'::regclass
             UNION ALL
            SELECT tablename, indexname, indexdef FROM pg_indexes
             WHERE schemaname = 'public' AND tablename <> 'alembic_version'
            """
        )
    )
    return {tuple(row) for row in rows}


@pytest.fixture
def empty_url(postgres_server: PostgresServer, fresh_database: str) -> str:
    return postgres_server.sqlalchemy_url(fresh_database)


async def test_every_revision_goes_up_and_down_and_up(empty_url: str) -> None:
    steps = migrate.revisions()
    assert steps
    for before, revision in zip(["base", *steps], steps, strict=False):
        await migrate.upgrade(empty_url, revision)
        await migrate.downgrade(empty_url, before)
        await migrate.upgrade(empty_url, revision)

    await migrate.downgrade(empty_url, "base")
    engine = create_async_engine(empty_url)
    async with engine.connect() as connection:
        assert await connection.run_sync(tables) == set()
    await engine.dispose()


async def test_the_newest_revision_is_what_the_code_declares(metadata_url: str) -> None:
    engine = create_async_engine(metadata_url)
    async with engine.connect() as connection:
        assert await connection.run_sync(tables) == set(metadata.tables)
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_constraints_and_indexes_are_those_that_the_code_declares(metadata_url: str, empty_url: str) -> None:
    found = []
    for url, declare in ((metadata_url, False), (empty_url, True)):
        engine = create_async_engine(url)
        async with engine.begin() as connection:
            if declare:
                await connection.execute(text("CREATE TABLE alembic_version ()"))
                await connection.run_sync(metadata.create_all)
            found.append(await connection.run_sync(definitions))
        await engine.dispose()

    migrated, declared = found
    assert migrated == declared


async def test_pending_revisions_are_listed_until_they_are_applied(empty_url: str) -> None:
    assert await migrate.check(empty_url) == migrate.revisions()

    await migrate.upgrade(empty_url)

    assert await migrate.check(empty_url) == []


async def test_two_starters_take_turns(empty_url: str) -> None:
    await asyncio.gather(*(migrate.upgrade(empty_url) for _ in range(3)))

    assert await migrate.check(empty_url) == []


async def test_a_newer_database_is_refused_and_left_alone(metadata_url: str) -> None:
    engine = create_async_engine(metadata_url)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = 'from_the_future'"))
        before = await connection.run_sync(tables)

    with pytest.raises(migrate.SchemaIsNewer):
        await migrate.check(metadata_url)
    with pytest.raises(migrate.SchemaIsNewer):
        await migrate.upgrade(metadata_url)

    async with engine.connect() as connection:
        assert await connection.run_sync(tables) == before
    await engine.dispose()
