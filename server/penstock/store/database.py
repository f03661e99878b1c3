"""The one way to our own database: short transactions that are retried when PostgreSQL says so.

A service hands a function to ``Database.run``; it may be called again from the start, so it must have no effect but
on the
connection it is given.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

T = TypeVar("T")

# What is raised when the metadata database does not answer, or answers with an error: worth another try later.
TROUBLE: Final = (DBAPIError, PoolTimeout, OSError)
ATTEMPTS: Final = 5
SERIALIZATION: Final = frozenset({"40001", "40P01"})
IDLE_SECONDS: Final = 1.0
PREPARED: Final = 500  # statements per connection; we have some hundred in all
_RETURNED: Final = "penstock_returned"


def sqlstate(error: BaseException) -> str | None:
    """The SQLSTATE of a driver's error, or None when the server did not answer."""
    return getattr(getattr(error, "orig", None), "sqlstate", None)


def constraint(error: BaseException) -> str | None:
    """The name of the constraint that refused a write, or None."""
    cause = getattr(getattr(error, "orig", None), "__cause__", None)
    name = getattr(cause, "constraint_name", None)
    return str(name) if name else None


def asyncpg_url(url: str) -> str:
    """Spell a PostgreSQL URL the way SQLAlchemy wants it for asyncpg: a plain ``postgresql://`` means psycopg there."""
    parsed = make_url(url)
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise ValueError(f"PENSTOCK_DATABASE_URL must be a PostgreSQL URL, not {parsed.get_backend_name()}://")
    return parsed.set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)


def driver_dsn(url: str) -> str:
    """The same database for asyncpg itself: ``postgresql://`` without SQLAlchemy's driver name."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


class Database:
    """A pool of connections to the metadata database.

    Args:
        url: a PostgreSQL URL; the driver name is put right.
        pool_size: connections that are kept open.
    """

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = asyncpg_url(url)
        self.engine: AsyncEngine = create_async_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_use_lifo=True,
            hide_parameters=True,  # errors are logged, and what people wrote is not ours to log
            connect_args={
                "server_settings": {"application_name": "penstock", "timezone": "UTC"},
                "prepared_statement_cache_size": PREPARED,
            },
        )
        self._reads = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        sa.event.listen(self.engine.sync_engine, "checkout", self._try_when_idle)
        sa.event.listen(self.engine.sync_engine, "checkin", _note_return)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncConnection]:
        """A connection for reading: every statement sees what is committed when it begins, and holds no lock after."""
        async with self._reads.connect() as connection:
            yield connection

    async def run(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Run ``work`` in one READ COMMITTED transaction and return what it returned, after the commit.

        Serialization failures and deadlocks (40001, 40P01) run it again, up to five times, with jitter; so does a
        connection that was lost before COMMIT was sent.
        """
        for attempt in range(1, ATTEMPTS + 1):
            worked = False
            try:
                async with self.engine.begin() as connection:
                    result = await work(connection)
                    worked = True
                return result
            except DBAPIError as error:
                lost = error.connection_invalidated and not worked
                if (sqlstate(error) not in SERIALIZATION and not lost) or attempt == ATTEMPTS:
                    raise
            await asyncio.sleep(random.uniform(0.2, 1.0) * 0.02 * 2**attempt)  # jitter, not a secret
        raise AssertionError("unreachable")

    def _try_when_idle(self, dbapi: DBAPIConnection, entry: ConnectionPoolEntry, _: PoolProxiedConnection) -> None:
        """Try a connection that lay in the pool for a while: that its server went away must not be its user's trouble.

        One that is passed from hand to hand costs no round trip; see ``run`` for when it is lost all the same.
        """
        if time.monotonic() - entry.info.get(_RETURNED, math.inf) > IDLE_SECONDS:
            dialect = self.engine.dialect
            try:
                dialect.do_ping(dbapi)
            except dialect.loaded_dbapi.Error as error:
                raise InvalidatePoolError from error  # the pool opens a new one

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


def _note_return(_: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
    entry.info[_RETURNED] = time.monotonic()


def row_dict(row: Any) -> dict[str, Any]:
    """A result row as a plain dictionary."""
    return dict(row._mapping)
