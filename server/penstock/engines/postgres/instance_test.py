"""Tests an instance in small steps, so that a person sees which one fails: name, port, TLS, login,
version, rights."""

from __future__ import annotations

import asyncio
import ssl
import struct
from typing import Final

import asyncpg

from penstock.engines.base import Support, Target
from penstock.engines.instance_steps import InstanceSteps, StepFailed
from penstock.engines.postgres import ledger
from penstock.engines.postgres.connect import GONE, OWN_SECONDS, open_connection, tls_context
from penstock.engines.postgres.pooling import refuse_pooling

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


class InstanceTest(InstanceSteps):
    """One test of one instance. Use once."""

    broken = (asyncpg.PostgresError, *GONE)

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._connection: asyncpg.Connection | None = None

    def _support(self) -> Support | None:
        return "supported" if self._version else None

    def _words(self, error: BaseException) -> str:
        return str(error) or type(error).__name__

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.terminate()

    async def _tls(self) -> str:
        if self._target.tls == "disable":
            return "Not used: everything, the password too, is readable on the way."
        reader, writer = await asyncio.open_connection(self._target.host, self._target.port)
        try:
            writer.write(_SSL_REQUEST)
            if await reader.readexactly(1) != b"S":
                if self._target.tls == "prefer":
                    return "The server offers none; going on in clear text, as `prefer` allows."
                raise StepFailed("The server offers no TLS, which this instance requires.")
            context = tls_context(self._target)
            if isinstance(context, ssl.SSLContext):
                await writer.start_tls(context, server_hostname=self._target.host)
                if context.verify_mode is ssl.CERT_REQUIRED:
                    return "Encrypted, and the certificate is valid for this name."
            return "Encrypted; the certificate is not checked."
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise StepFailed("The port answers, but not like PostgreSQL.") from error
        except ssl.SSLError as error:
            raise StepFailed(f"The TLS handshake failed: {error.reason or error}") from error
        finally:
            writer.close()

    async def _login(self) -> str:
        self._connection = await open_connection(self._target)
        async with self._connection.transaction():  # for the sake of proxies: the next step looks for them
            name = await self._ours.fetchval("SELECT current_user", timeout=OWN_SECONDS)
        return f"Signed in as {name}."

    async def _check_version(self) -> str:
        self._flavour = "postgresql"
        self._version = self._ours.get_settings().server_version.split(" ")[0]
        major = self._ours.get_server_version().major
        if major < _OLDEST:
            raise StepFailed(f"PostgreSQL {self._version} is too old; {_OLDEST} to {_NEWEST} are supported.")
        other = await open_connection(self._target)
        try:
            await refuse_pooling(self._ours, other)
        finally:
            other.terminate()
        self._identity = await self._ours.fetchval(
            "SELECT system_identifier::text FROM pg_catalog.pg_control_system()", timeout=OWN_SECONDS
        )
        newer = "" if major <= _NEWEST else f" It is newer than {_NEWEST}, the newest that is supported."
        return f"PostgreSQL {self._version}.{newer}"

    async def _check_privileges(self) -> str:
        row = await self._ours.fetchrow(_PRIVILEGES, timeout=OWN_SECONDS)
        self._privileges = tuple(name for name, held in row.items() if held)
        self._ledger = await ledger.protection(self._ours)
        if self._ledger == "unknown":  # it is there, and no change can be applied without a row in it
            how = f"Let an owner run the SQL that `penstock instance grants {self._target.username}` prints."
            raise StepFailed(f"This login may not write into the ledger. {how}")
        return f"{', '.join(self._privileges) or 'none beyond signing in'}; ledger {self._ledger}."

    @property
    def _ours(self) -> asyncpg.Connection:
        assert self._connection is not None  # the login step came before
        return self._connection
