"""Runs our own Alembic migrations inside the running loop, one starter at a time.

For the metadata database only: changes to target databases go through pipelines, never through here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from penstock.domain.errors import PenstockError
from penstock.store.database import asyncpg_url

_ADVISORY_LOCK = 0x70656E73  # "pens"
_RETRY_SECONDS = 0.2


class SchemaIsNewer(PenstockError):
    """The metadata database was written by a newer Penstock; run that version or restore a backup."""

    code = "schema_is_newer"
    status = 503


async def upgrade(url: str, revision: str = "head") -> None:
    """Bring the metadata database to a revision, waiting for another starter that is at it.

    Each migration commits on its own, so an interrupted upgrade continues where it stopped.

    Args:
        url: a PostgreSQL URL; the driver name is put right.
        revision: ``head``, or a revision of ``migrations/versions``.
    Raises:
        SchemaIsNewer: the database has a revision that this release does not know.
    """
    await _run(url, lambda connection: _upgrade(connection, revision))


async def downgrade(url: str, revision: str) -> None:
    """Take the metadata database back to a revision; ``base`` removes every table.

    Args:
        url: a PostgreSQL URL; the driver name is put right.
        revision: the revision to stop at.
    """
    await _run(url, lambda connection: command.downgrade(_config(connection), revision))


async def check(url: str) -> list[str]:
    """Answer the revisions that the database still lacks, oldest first; empty means it is up to date.

    Args:
        url: a PostgreSQL URL; the driver name is put right.
    Raises:
        SchemaIsNewer: the database has a revision that this release does not know.
    """
    engine = create_async_engine(asyncpg_url(url), poolclass=pool.NullPool)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_pending)
    finally:
        await engine.dispose()


def revisions() -> list[str]:
    """Answer every revision that this release carries, oldest first."""
    return [script.revision for script in reversed(list(_scripts().walk_revisions()))]


async def _run(url: str, work: Callable[[Connection], None]) -> None:
    engine = create_async_engine(asyncpg_url(url), poolclass=pool.NullPool)
    try:
        async with engine.connect() as connection:
            await _lock(connection)
            await connection.run_sync(work)
            await connection.commit()
    finally:
        await engine.dispose()  # closes the session, which frees the lock


async def _lock(connection: AsyncConnection) -> None:
    # Never the blocking form: its snapshot and a CREATE INDEX CONCURRENTLY would wait for each other.
    while True:
        locked = await connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _ADVISORY_LOCK})
        # Alembic must be handed a connection without an open transaction; a session lock survives this.
        await connection.commit()
        if locked:
            return
        await asyncio.sleep(_RETRY_SECONDS)


def _upgrade(connection: Connection, revision: str) -> None:
    _pending(connection)
    connection.commit()
    command.upgrade(_config(connection), revision)


def _pending(connection: Connection) -> list[str]:
    current = MigrationContext.configure(connection).get_current_heads()
    known = revisions()
    if unknown := set(current) - set(known):
        raise SchemaIsNewer(revisions=sorted(unknown))
    return known[known.index(current[0]) + 1 :] if current else known


def _config(connection: Connection) -> Config:
    config = Config()  # there is no alembic.ini: this module is the one way to run migrations
    config.set_main_option("script_location", str(_location()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(_location()))


def _location() -> Path:
    package = Path(__file__).resolve().parents[1]
    installed, checkout = package / "_migrations", package.parents[1] / "migrations"
    return installed if installed.is_dir() else checkout
