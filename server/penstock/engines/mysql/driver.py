"""aiomysql with its unsafe defaults turned off, and answers that are read to their end and kept by nobody."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import Any, Final

import aiomysql
import pymysql
from pymysql.constants import CLIENT

from penstock.engines.mysql.codes import CONNECTION_ENDED

# What the driver and the network raise when a statement did not work or the connection is gone. The driver loses its
# reader when it is closed from another coroutine, which is an AttributeError in the one that reads.
BROKEN: Final = (pymysql.err.MySQLError, OSError, TimeoutError, AttributeError)
_CLEAR: Final = "mysql_clear_password"


class Refused(pymysql.err.OperationalError):  # an OSError would be turned into (2003, …)
    """We do not go on: the server would have us send something in clear text."""


@dataclass(frozen=True)
class Answer:
    """What a statement did: rows changed, or sent; and how many warnings there are to read."""

    rows: int
    warnings: int


class Connection(aiomysql.Connection):  # type: ignore[misc]  # the driver carries no types
    """One connection, autocommitting, one statement per message, no local files."""

    def __init__(self, *, tls: ssl.SSLContext | None, may_go_clear: bool, **options: Any) -> None:
        super().__init__(charset="utf8mb4", autocommit=True, local_infile=False, ssl=tls, **options)
        # The driver always asks for MULTI_STATEMENTS.
        self.client_flag &= ~(CLIENT.MULTI_STATEMENTS | CLIENT.LOCAL_FILES)
        self._may_go_clear = may_go_clear
        self._wants_tls = tls is not None

    @property
    def encrypted(self) -> bool:
        """Whether TLS is in use."""
        return bool(self._secure)

    async def _get_server_information(self) -> None:
        await super()._get_server_information()
        offers_tls = bool(self.server_capabilities & CLIENT.SSL)
        if self._wants_tls and not offers_tls:
            if not self._may_go_clear:
                raise Refused(2026, "The server offers no TLS, which this instance requires.")
            self._wants_tls, self._ssl_context = False, None
            self.client_flag &= ~CLIENT.SSL
        if self._server_auth_plugin == _CLEAR and not self._wants_tls:
            raise Refused(2059, "The server asks for the password in clear text.")

    async def _process_auth(self, plugin_name: bytes, auth_packet: Any) -> Any:
        if plugin_name == _CLEAR.encode() and not self._secure:
            raise Refused(2059, "The server asks for the password in clear text.")
        return await super()._process_auth(plugin_name, auth_packet)

    async def run(self, statement: str) -> Answer:
        """Run one statement and drop what it sends; never through a cursor, which raises the server's warnings.

        Raises: see `BROKEN`.
        """
        try:
            await self.query(statement, unbuffered=True)
            rows = 0
            while True:
                result = self._result
                while result.unbuffered_active:
                    if await result._read_rowdata_packet_unbuffered() is not None:
                        rows += 1
                if result.description is None and result.affected_rows:
                    rows += result.affected_rows
                if not result.has_next:  # a CALL answers several
                    return Answer(rows, result.warning_count or 0)
                await self._read_query_result(unbuffered=True)
        except asyncio.CancelledError:
            self.close()  # the answer is on its way: nobody may read it as that of another statement
            raise

    async def fetch(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of one query of our own. Raises: see `BROKEN`."""
        try:
            await self.query(query)
            return list(self._result.rows or ())
        except asyncio.CancelledError:
            self.close()
            raise

    async def value(self, query: str) -> Any:
        """The first value of the first row, or None. Raises: see `BROKEN`."""
        rows = await self.fetch(query)
        return rows[0][0] if rows else None


async def connect(*, timeout: float, tls: ssl.SSLContext | None, may_go_clear: bool, **options: Any) -> Connection:
    """Connect and sign in; the time covers the handshake, too. Raises: see `BROKEN`."""
    connection = Connection(tls=tls, may_go_clear=may_go_clear, **options)
    try:
        async with asyncio.timeout(timeout):
            await connection._connect()
    except BaseException:
        connection.close()
        raise
    return connection


def code_of(error: BaseException) -> int | None:
    """The error's number; None when it has none."""
    if isinstance(error, pymysql.err.MySQLError) and error.args and isinstance(error.args[0], int):
        return error.args[0] or None
    return None


def message_of(error: BaseException) -> str:
    """The error's words."""
    if isinstance(error, pymysql.err.MySQLError) and len(error.args) > 1:
        return str(error.args[1])
    return str(error) or type(error).__name__


def is_answer(error: BaseException) -> bool:
    """Whether the server said it, and the connection lives on."""
    code = code_of(error)
    return code is not None and not 2000 <= code < 3000 and code not in CONNECTION_ENDED


def text(value: str) -> str:
    """A string literal that no setting of the session can change the meaning of."""
    return f"_utf8mb4 0x{value.encode().hex()}" if value else "_utf8mb4 ''"


def name(value: str) -> str:
    """A quoted name."""
    return "`" + value.replace("`", "``") + "`"
