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
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import asyncpg
import sqlalchemy as sa
import structlog
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from penstock.store.direct import BEGIN, Statement, Wire

T = TypeVar("T")

log = structlog.get_logger(__name__)

# What is raised when the metadata database does not answer, or answers with an error: worth another try later.
# The driver raises the last one when the server has ended a session that lay idle, and its farewell came in just now.
TROUBLE: Final = (
    DBAPIError,
    PoolTimeout,
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
OURS: Final = "penstock"  # the name of our sessions
ATTEMPTS: Final = 5
SERIALIZATION: Final = frozenset({"40001", "40P01"})
IDLE_SECONDS: Final = 1.0
# A process that is paused or cut off in the midst of a transaction must not keep its locks from everybody: the server
# ends it.  What goes straight to the driver is short, and holds the locks for which all runners take turns; who waits
# for a target in the midst of a transaction asks for more time.
STALLED_SECONDS: Final = 15
STALLED_STRAIGHT_SECONDS: Final = 5
PATIENT: Final = sa.text("SET LOCAL idle_in_transaction_session_timeout = '2min'")
# What goes straight to the driver finds its few rows by key, whatever it is given: to plan such a statement anew, which
# the server may well choose to do every time, takes longer than to run it.
PLANNED_ONCE: Final = "SET LOCAL plan_cache_mode = force_generic_plan"
LOCKED: Final = "55P03"  # lock_timeout ran out
PREPARED: Final = 500  # statements per connection; we have some hundred in all
ROLLBACK_SECONDS: Final = 5.0
_RETURNED: Final = "penstock_returned"


def sqlstate(error: BaseException) -> str | None:
    """The SQLSTATE of a driver's error, or None when the server did not answer."""
    return getattr(getattr(error, "orig", error), "sqlstate", None)


def constraint(error: BaseException) -> str | None:
    """The name of the constraint that refused a write, or None."""
    cause = getattr(getattr(error, "orig", None), "__cause__", None)
    name = getattr(cause, "constraint_name", None)
    return str(name) if name else None


def _milliseconds(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"


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
        stalled_seconds: when the server ends a transaction whose process is paused or cut off; a runner's must be
            well below its lease, for whoever takes its tasks back waits for its locks.
    """

    def __init__(self, url: str, *, pool_size: int = 10, stalled_seconds: float = STALLED_SECONDS) -> None:
        self.url = asyncpg_url(url)
        self.stalled_seconds = stalled_seconds
        self.engine: AsyncEngine = create_async_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_use_lifo=True,
            hide_parameters=True,  # errors are logged, and what people wrote is not ours to log
            connect_args={
                "server_settings": {
                    "application_name": OURS,
                    "timezone": "UTC",
                    "idle_in_transaction_session_timeout": _milliseconds(stalled_seconds),
                },
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
            except (DBAPIError, asyncpg.InternalClientError) as error:
                lost = not worked and (not isinstance(error, DBAPIError) or error.connection_invalidated)
                if (sqlstate(error) not in SERIALIZATION and not lost) or attempt == ATTEMPTS:
                    raise
                await _before_another(attempt, error)
        raise AssertionError("unreachable")

    async def run_straight(self, locks: str, work: Callable[[Wire], Awaitable[T]]) -> T:
        """As ``run``, for statements that go straight to the driver.

        Args:
            locks: statements that go along with BEGIN in one message; each sees what is committed when it begins.
        """
        for attempt in range(1, ATTEMPTS + 1):
            worked, lost = False, False
            try:
                async with self._reads.connect() as connection:
                    driver = (await connection.get_raw_connection()).driver_connection
                    assert driver is not None
                    try:
                        seconds = min(STALLED_STRAIGHT_SECONDS, self.stalled_seconds)
                        stalled = f"SET LOCAL idle_in_transaction_session_timeout = '{_milliseconds(seconds)}'"
                        await driver.execute(f"{BEGIN}; {stalled}; {PLANNED_ONCE}; {locks}")
                        wire = Wire(connection, driver)
                        result = await work(wire)
                        worked = True
                        await _commit(driver, wire.last)
                    except Exception as error:
                        lost = not worked and (driver.is_closed() or isinstance(error, asyncpg.InternalClientError))
                        await self._end(connection, driver)
                        raise
                    except BaseException:  # we are being cancelled: whatever is under way must not meet its next user
                        await connection.invalidate()
                        raise
                return result
            except (*TROUBLE, asyncpg.InvalidCachedStatementError) as error:
                stale = isinstance(error, asyncpg.InvalidCachedStatementError)  # a migration changed a table meanwhile
                if not (lost or stale or sqlstate(error) in SERIALIZATION) or attempt == ATTEMPTS:
                    raise
                await _before_another(attempt, error)
        raise AssertionError("unreachable")

    async def ask(self, statement: Statement, given: Mapping[str, Any]) -> list[asyncpg.Record]:
        """Read with one statement that goes straight to the driver; it sees what is committed when it begins."""
        async with self._reads.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None
            try:
                return await statement.fetch(driver, given)
            except asyncpg.PostgresError:
                raise
            except BaseException:  # the connection is gone, or we are being cancelled in the middle of an answer
                await connection.invalidate()
                raise

    async def _end(self, connection: AsyncConnection, driver: asyncpg.Connection) -> None:
        """Roll back, or give the connection up."""
        try:
            if not driver.is_closed():
                await driver.execute("ROLLBACK", timeout=ROLLBACK_SECONDS)
                return
        except (*TROUBLE, TimeoutError) as error:
            log.debug("rollback_failed", error=type(error).__name__)
        await connection.invalidate()

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


async def _before_another(attempt: int, error: BaseException) -> None:
    log.info("transaction_again", attempt=attempt, sqlstate=sqlstate(error), error=type(error).__name__)
    await asyncio.sleep(random.uniform(0.2, 1.0) * 0.02 * 2**attempt)  # jitter, not a secret


async def _commit(driver: asyncpg.Connection, last: str) -> None:
    tag = await driver.execute(f"{last}; COMMIT" if last else "COMMIT")
    if tag != "COMMIT":
        raise asyncpg.InFailedSQLTransactionError(f"the server answered COMMIT with {tag}")


def _note_return(_: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
    entry.info[_RETURNED] = time.monotonic()


def row_dict(row: Any) -> dict[str, Any]:
    """A result row as a plain dictionary."""
    return dict(row._mapping)
