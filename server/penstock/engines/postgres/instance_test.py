"""Tests an instance in small steps, so that a person sees which one fails: name, port, TLS, login,
version, rights."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import time
from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg

from penstock.engines.base import InstanceReport, LedgerProtection, Target, TargetUnavailable, TestStep
from penstock.engines.postgres import ledger
from penstock.engines.postgres.connect import GONE, OWN_SECONDS, open_connection, tls_context

_SSL_REQUEST: Final = struct.pack("!ii", 8, 80877103)  # protocol chapter "SSLRequest (F)"
_OLDEST, _NEWEST = 14, 18
_PRIVILEGES: Final = """
    SELECT r.rolsuper AS superuser, r.rolcreatedb AS createdb, r.rolcreaterole AS createrole,
           pg_catalog.has_database_privilege(current_database(), 'CREATE') AS create_in_database,
           r.rolsuper OR pg_catalog.pg_has_role('pg_read_all_stats', 'MEMBER') AS read_all_stats,
           r.rolsuper OR pg_catalog.pg_has_role('pg_signal_backend', 'MEMBER') AS signal_backend,
           pg_catalog.pg_is_in_recovery() AS read_only
    FROM pg_catalog.pg_roles r WHERE r.rolname = current_user
"""


class _Failed(Exception):
    """A step found what is wrong."""


class InstanceTest:
    """One test of one instance. Use once."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._steps: list[TestStep] = []
        self._connection: asyncpg.Connection | None = None
        self._version: str | None = None
        self._identity: str | None = None
        self._privileges: tuple[str, ...] = ()
        self._ledger: LedgerProtection = "unknown"

    async def run(self) -> InstanceReport:
        """Take the steps in order; the first that fails is the last."""
        steps: dict[str, Callable[[], Awaitable[str]]] = {
            "dns": self._dns,
            "tcp": self._tcp,
            "tls": self._tls,
            "login": self._login,
            "version": self._check_version,
            "privileges": self._check_privileges,
        }
        try:
            for name, step in steps.items():
                if not await self._take(name, step):
                    break
        finally:
            if self._connection is not None:
                self._connection.terminate()
        passed = {step.name for step in self._steps if step.ok}
        return InstanceReport(
            reachable="tcp" in passed,
            authenticated="login" in passed,
            version=self._version,
            flavour="postgresql" if self._version else None,
            privileges=self._privileges,
            ledger=self._ledger,
            identity=self._identity,
            steps=tuple(self._steps),
        )

    async def _take(self, name: str, step: Callable[[], Awaitable[str]]) -> bool:
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._target.connect_timeout):
                detail, ok = await step(), True
        except TimeoutError:
            detail, ok = f"No answer within {self._target.connect_timeout:g} s.", False
        except _Failed as error:
            detail, ok = str(error), False
        except TargetUnavailable as error:
            detail, ok = error.message, False
        except (asyncpg.PostgresError, *GONE) as error:
            detail, ok = str(error) or type(error).__name__, False
        self._steps.append(TestStep(name, ok, detail, round((time.monotonic() - started) * 1000, 1)))
        return ok

    async def _dns(self) -> str:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(self._target.host, self._target.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise _Failed(f"The name {self._target.host!r} cannot be resolved: {error}") from error
        return ", ".join(sorted({str(address[4][0]) for address in found}))

    async def _tcp(self) -> str:
        _, writer = await asyncio.open_connection(self._target.host, self._target.port)
        writer.close()
        return f"Port {self._target.port} answers."

    async def _tls(self) -> str:
        if self._target.tls == "disable":
            return "Not used: everything, the password too, is readable on the way."
        reader, writer = await asyncio.open_connection(self._target.host, self._target.port)
        try:
            writer.write(_SSL_REQUEST)
            if await reader.readexactly(1) != b"S":
                if self._target.tls == "prefer":
                    return "The server offers none; going on in clear text, as `prefer` allows."
                raise _Failed("The server offers no TLS, which this instance requires.")
            context = tls_context(self._target)
            if isinstance(context, ssl.SSLContext):
                await writer.start_tls(context, server_hostname=self._target.host)
                if context.verify_mode is ssl.CERT_REQUIRED:
                    return "Encrypted, and the certificate is valid for this name."
            return "Encrypted; the certificate is not checked."
        except asyncio.IncompleteReadError as error:
            raise _Failed("The port answers, but not like PostgreSQL.") from error
        except ssl.SSLError as error:
            raise _Failed(f"The TLS handshake failed: {error.reason or error}") from error
        finally:
            writer.close()

    async def _login(self) -> str:
        self._connection = await open_connection(self._target)
        name = await self._ours.fetchval("SELECT current_user", timeout=OWN_SECONDS)
        return f"Signed in as {name}."

    async def _check_version(self) -> str:
        self._version = self._ours.get_settings().server_version.split(" ")[0]
        major = self._ours.get_server_version().major
        if major < _OLDEST:
            raise _Failed(f"PostgreSQL {self._version} is too old; {_OLDEST} to {_NEWEST} are supported.")
        await self._refuse_pooling()
        self._identity = await self._ours.fetchval(
            "SELECT system_identifier::text FROM pg_catalog.pg_control_system()", timeout=OWN_SECONDS
        )
        newer = "" if major <= _NEWEST else f" It is newer than {_NEWEST}, the newest that is supported."
        return f"PostgreSQL {self._version}.{newer}"

    async def _refuse_pooling(self) -> None:
        """A proxy that gives each transaction another session breaks every lock that a session holds."""
        first = await self._pid(self._ours)
        if first == self._ours.get_server_pid():
            return
        other = await open_connection(self._target)
        try:
            await other.execute("BEGIN", timeout=OWN_SECONDS)
            taken = await self._pid(other)
            if taken == first or await self._pid(self._ours) != first:
                raise _Failed("A transaction-pooling proxy is in front of the server; connect to the server itself.")
        finally:
            other.terminate()

    async def _pid(self, connection: asyncpg.Connection) -> int:
        return int(await connection.fetchval("SELECT pg_catalog.pg_backend_pid()", timeout=OWN_SECONDS))

    async def _check_privileges(self) -> str:
        row = await self._ours.fetchrow(_PRIVILEGES, timeout=OWN_SECONDS)
        self._privileges = tuple(name for name, held in row.items() if held)
        self._ledger = await ledger.protection(self._ours)
        return f"{', '.join(self._privileges) or 'none beyond signing in'}; ledger {self._ledger}."

    @property
    def _ours(self) -> asyncpg.Connection:
        assert self._connection is not None  # the login step came before
        return self._connection
