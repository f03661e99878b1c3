"""aiomysql with its unsafe defaults turned off, and answers that are read to their end and kept by nobody."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiomysql
import pymysql
from pymysql.constants import CLIENT

from penstock.engines.keepalive import keep_alive
from penstock.engines.mysql.codes import CONNECTION_ENDED

# What the driver and the network raise when a statement did not work or the connection is gone. The driver loses its
# reader when it is closed from another coroutine, which is an AttributeError in the one that reads.
BROKEN: Final = (pymysql.err.MySQLError, OSError, TimeoutError, AttributeError)
_CLEAR: Final = "mysql_clear_password"
_BREATHE: Final = 1000  # rows


class Refused(pymysql.err.OperationalError):  # an OSError would be turned into (2003, …)
    """We do not go on: the server would have us send something in clear text."""


class TooLarge(pymysql.err.InternalError):
    """A row is larger than `Connection.head` was to read; the connection is closed."""


@dataclass(frozen=True)
class Answer:
    """What a statement did: rows changed, or sent; and how many warnings there are to read."""

    rows: int
    warnings: int


class Connection(aiomysql.Connection):  # type: ignore[misc]  # the driver carries no types
    """One connection, autocommitting, one statement per message, no local files.

    Args:
        own_seconds: how long an answer may take, reading it included; None is as long as it wants. After that the
            connection is closed, since a network may swallow an answer without a word.
        received: rows that have been read, of all answers.
    """

    own_seconds: float | None = None
    received: int = 0
    _largest: int | None = None
    _reader: asyncio.StreamReader | None
    _writer: asyncio.StreamWriter | None

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

    def close(self) -> None:
        """Let the connection go at once. An encrypted one that is closed politely keeps its socket until the server has
        said good-bye, too, for which a loop that ends does not wait."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None

    def _set_keep_alive(self) -> None:
        super()._set_keep_alive()
        if self._writer is not None:
            keep_alive(self._writer.transport)

    async def _request_authentication(self) -> None:
        try:
            await super()._request_authentication()
        except BaseException:
            self.close()  # before the driver closes it politely
            raise

    async def _process_auth(self, plugin_name: bytes, auth_packet: Any) -> Any:
        if plugin_name == _CLEAR.encode() and not self._secure:
            raise Refused(2059, "The server asks for the password in clear text.")
        return await super()._process_auth(plugin_name, auth_packet)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Answers may take as long as they want meanwhile: somebody looks after them."""
        self.own_seconds, bound = None, self.own_seconds
        try:
            yield
        finally:
            self.own_seconds = bound

    async def run(self, statement: str) -> Answer:
        """Run one statement and drop what it sends; never through a cursor, which raises the server's warnings.

        Raises: see `BROKEN`.
        """
        async with asyncio.timeout(self.own_seconds):
            return await self._run(statement)

    async def _run(self, statement: str) -> Answer:
        try:
            await self.query(statement, unbuffered=True)
            rows = 0
            while True:
                result = self._result
                while result.unbuffered_active:
                    if await result._read_rowdata_packet_unbuffered() is not None:
                        rows += 1
                        self.received += 1
                        if rows % _BREATHE == 0:  # what has come already is read without waiting
                            await asyncio.sleep(0)
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
        async with asyncio.timeout(self.own_seconds):
            return await self._fetch(query)

    async def _fetch(self, query: str) -> list[tuple[Any, ...]]:
        try:
            await self.query(query)
            return list(self._result.rows or ())
        except asyncio.CancelledError:
            self.close()
            raise

    async def head(self, query: str, most: int, largest: int) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Names of the columns and the first rows of a query; the connection is closed where there are more.

        Args:
            most: rows.
            largest: bytes of one row as the server sends it.

        Raises:
            TooLarge: a row is larger; it has not been read.
        """
        try:
            self._largest = largest
            await self.query(query, unbuffered=True)
            rows: list[tuple[Any, ...]] = []
            result = self._result
            columns = [column[0] for column in result.description or ()]
            while result.unbuffered_active and len(rows) < most:
                row = await result._read_rowdata_packet_unbuffered()
                if row is not None:
                    rows.append(row)
            if result.unbuffered_active:
                self.close()
            return columns, rows
        except asyncio.CancelledError:
            self.close()
            raise
        finally:
            self._largest = None

    async def _read_bytes(self, num_bytes: int) -> Any:
        if self._largest is not None and num_bytes > self._largest:
            self.close()
            raise TooLarge(2020, f"A row has more than {self._largest:,} bytes.")
        return await super()._read_bytes(num_bytes)

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
