"""Opens connections to PostgreSQL targets, and turns what can go wrong on the way into failures."""

from __future__ import annotations

import asyncio
import re
import ssl
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import asyncpg

from penstock.domain import clock
from penstock.engines.base import Failure, Target, TargetUnavailable
from penstock.engines.keepalive import keep_alive
from penstock.engines.postgres.pooling import NO_SUCH_STATEMENT, refuse_pooling
from penstock.engines.postgres.sqlstates import Reaction, reaction

# What asyncpg and the network raise when a connection is gone or was never there.
GONE: Final = (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError)
OWN_SECONDS: Final = 30.0  # for statements of our own, which are all short
STAMP: Final = "penstock ledger 2"  # the ledger's comment: its version
_PROTOCOL_VIOLATION: Final = "08P01"
_A_PROXY: Final = (
    "A proxy such as PgBouncer is in front of the server: connect to the server itself. One that keeps sessions will do"
    " when it passes over the settings that it does not know (ignore_startup_parameters)."
)
_BROKEN_OFF: Final = ("08003", "08006")  # the driver's own words: the server has hung up, and said nothing
_UNKNOWN_SETTING: Final = ("42704", "22023", "0A000")
_SETTINGS: Final = {
    # The server looks for a dead client even in the middle of a statement. Since 14, and not on every
    # platform.
    "client_connection_check_interval": "2000",
    "idle_in_transaction_session_timeout": "60000",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    # The splitter read the text this way, so the server must.
    "standard_conforming_strings": "on",
    "client_min_messages": "notice",
}
# Of functions and base tables alone: a new session pays for every view and every catalog that it is the first to open.
_HELLO: Final = """
    SELECT a.pid, a.backend_start, l.ledger IS NOT NULL AS has_ledger,
           (SELECT d.description FROM pg_catalog.pg_description d
            WHERE d.objoid = l.ledger AND d.classoid = 1259 AND d.objsubid = 0) AS stamp,
           current_user AS login, pg_catalog.current_setting('search_path') AS path
    FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) a,
         (SELECT pg_catalog.to_regclass('penstock.ledger')::oid AS ledger) l
"""


@dataclass
class Link:
    """One open connection, and what we know about it.

    Args:
        started_at: with ``pid`` it names the server's session for good; None when nobody has needed it yet, see
            `activity.started_at`.
        has_ledger, stamp: as of connecting, or of creating it since.
        search_path: what changes must use instead of the login's own; None when that is fine.
        used: a change ran on it, so it must be reset before the next one.
        assumed: nothing was asked: all of this is as it was found before in the same database.
        opened: on `clock.monotonic`, when the server had let us in.
    """

    connection: asyncpg.Connection = field(repr=False)
    pid: int
    started_at: datetime | None
    has_ledger: bool
    stamp: str | None
    search_path: str | None = None
    used: bool = False
    assumed: bool = False
    opened: float = field(default_factory=clock.monotonic)

    @property
    def has_journal(self) -> bool:
        """Whether the ledger there is of the version that has a journal."""
        return self.has_ledger and self.stamp == STAMP

    @property
    def closed(self) -> bool:
        """Whether the connection is gone."""
        return bool(self.connection.is_closed())


async def open_connection(target: Target) -> asyncpg.Connection:
    """Connect and sign in.

    Raises:
        TargetUnavailable: with retry ``connect`` when trying later makes sense.
    """
    try:
        try:
            return await _connect(target, _SETTINGS)
        except asyncpg.PostgresError as error:
            if error.sqlstate not in _UNKNOWN_SETTING:
                raise
            known = {k: v for k, v in _SETTINGS.items() if k != "client_connection_check_interval"}
            return await _connect(target, known)
    except (asyncpg.PostgresError, *GONE, TimeoutError, ValueError) as error:
        raise TargetUnavailable(connect_failure(target, error)) from error


class Familiar:
    """Databases in which this process has found a ledger of today's kind: the first look may be left out there.

    Nothing rests on it: the statement that inserts the ledger row looks itself.
    """

    def __init__(self, most: int = 50_000) -> None:
        self._most = most
        self._known: dict[tuple[object, ...], None] = {}

    def __contains__(self, target: Target) -> bool:
        return _key(target) in self._known

    def note(self, target: Target, link: Link) -> None:
        """Remember a database when there is nothing special about it, and forget it otherwise."""
        self.forget(target)
        if link.has_journal and link.search_path is None:
            self._known[_key(target)] = None
            if len(self._known) > self._most:
                del self._known[next(iter(self._known))]

    def forget(self, target: Target) -> None:
        """Something was not as expected: look again."""
        self._known.pop(_key(target), None)


def _key(target: Target) -> tuple[object, ...]:
    return target.host, target.port, target.username, target.database or target.maintenance_database


async def open_familiar(target: Target) -> Link:
    """Connect to a database that is familiar, and ask nothing. Raises `TargetUnavailable`."""
    connection = await open_connection(target)
    return Link(connection, connection.get_server_pid(), None, True, STAMP, assumed=True)


async def open_link(target: Target) -> Link:
    """Connect, and ask the server who we are. Raises `TargetUnavailable`."""
    return await look(target, await open_connection(target))


async def look(target: Target, connection: asyncpg.Connection) -> Link:
    """Ask the server who we are, and what of ours is there. Raises `TargetUnavailable`."""
    try:
        try:
            row = await connection.fetchrow(_HELLO, timeout=OWN_SECONDS)
        except asyncpg.PostgresError as error:
            if error.sqlstate == NO_SUCH_STATEMENT:
                await _refuse_pooling(target, connection)
            raise
        if row is None:
            raise asyncpg.InterfaceError("the server does not list our own session")
        pid = row["pid"]
        if pid != connection.get_server_pid():  # there is a proxy; it may still keep sessions
            await _refuse_pooling(target, connection)
        # A login named like our schema would have "$user" put its tables beside the ledger.
        path = without_user(row["path"]) if row["login"] == "penstock" else None
        return Link(connection, pid, row["backend_start"], row["has_ledger"], row["stamp"], path)
    except (asyncpg.PostgresError, *GONE, TimeoutError) as error:
        connection.terminate()
        raise TargetUnavailable(connect_failure(target, error)) from error
    except BaseException:
        connection.terminate()
        raise


async def _refuse_pooling(target: Target, connection: asyncpg.Connection) -> None:
    other = await open_connection(target)
    try:
        await refuse_pooling(connection, other)
    finally:
        other.terminate()


def connect_failure(target: Target, error: Exception) -> Failure:
    """Why connecting did not work, in words that name the place and never the password."""
    where = f"{target.host}:{target.port}"
    if isinstance(error, asyncpg.PostgresError) and error.sqlstate not in _BROKEN_OFF:
        code = error.sqlstate or "target_unreachable"
        if code == _PROTOCOL_VIOLATION and "startup parameter" in str(error):
            return Failure("infrastructure", code, f"{where} refused us: {error}", hint=_A_PROXY)
        permanent = reaction(error.sqlstate) in (Reaction.FINAL, Reaction.INTERRUPTED)
        return Failure("infrastructure", code, f"{where} refused us: {error}", retry="no" if permanent else "connect")
    if isinstance(error, ssl.SSLError):
        return Failure("infrastructure", "tls_failed", f"TLS with {where} failed: {error.reason or error}")
    reason = "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
    return Failure("infrastructure", "target_unreachable", f"{where} cannot be reached: {reason}.", retry="connect")


def without_user(search_path: str) -> str:
    """A ``search_path`` setting, as the server spells it, without ``"$user"``."""
    return re.sub(r'^"\$user"(, *)?|, *"\$user"', "", search_path) or "''"


def tls_context(target: Target) -> ssl.SSLContext | str | bool:
    """asyncpg's ``ssl`` argument for a target's mode; never None, which would read the environment."""
    if target.tls == "disable":
        return False
    if target.tls == "prefer":
        return "prefer"
    context = ssl.create_default_context(cafile=target.tls_ca)
    if target.tls == "require":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def _connect(target: Target, settings: dict[str, str]) -> asyncpg.Connection:
    options: dict[str, Any] = {"server_settings": {**settings, "application_name": target.application_name}}
    async with asyncio.timeout(target.connect_timeout):
        connection = await asyncpg.connect(
            host=target.host,
            port=target.port,
            user=target.username,
            password=target.password or "",  # None would read PGPASSWORD and ~/.pgpass
            database=target.database or target.maintenance_database,
            ssl=tls_context(target),
            target_session_attrs="any",
            statement_cache_size=0,  # changes alter what cached plans rely on, and DISCARD ALL drops them
            timeout=target.connect_timeout,
            **options,
        )
    keep_alive(connection._transport)  # the driver has no option for it
    return connection
