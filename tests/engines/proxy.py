"""A TCP proxy before a database server that hears what it is asked, and can lose what it answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Literal

Loss = Literal["answer", "request", "silently"]


class Proxy:
    """Forwards bytes until armed; then the next COMMIT loses its answer, or is never forwarded.

    Args:
        commit: the bytes of the request that is meant.
        heard: everything that was asked, by all connections.
    """

    def __init__(self, host: str, port: int, commit: bytes = b"COMMIT\0") -> None:
        self._upstream = (host, port)
        self._commit = commit
        self._loss: Loss | None = None
        self._let_through = 0
        self.lost = asyncio.Event()
        self.refusing = False
        self.heard = bytearray()
        self._refuse_after_loss = False
        self.port = 0

    def lose(self, what: Loss, *, after: int = 0) -> None:
        """Lose this of a COMMIT: the request, its answer, or its answer without closing the connection.

        Args:
            after: how many are let through before.
        """
        self._loss = what
        self._let_through = after

    def refuse_after_loss(self) -> None:
        """From the next loss on, refuse everybody."""
        self._refuse_after_loss = True

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[Proxy]:
        """Listen on ``port`` of the loopback interface."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refusing:
            writer.close()
            return
        try:
            up_reader, up_writer = await asyncio.open_connection(*self._upstream)
        except OSError:
            writer.close()
            return
        cut = asyncio.Event()
        ways = [
            asyncio.ensure_future(self._forward_requests(reader, up_writer, cut)),
            asyncio.ensure_future(self._forward_answers(up_reader, writer, cut)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.wait(ways)
        finally:  # also when the test is over first
            writer.close()
            up_writer.close()

    async def _forward_requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: asyncio.Event
    ) -> None:
        while data := await _read(reader):
            self.heard += data
            if self._loss and self._commit in data and self._let_through:
                self._let_through -= 1
            elif self._loss and self._commit in data:
                if self._loss == "request":
                    self._loss = None
                    self._lose()
                    return
                cut.set()
            writer.write(data)

    async def _forward_answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: asyncio.Event
    ) -> None:
        while data := await _read(reader):
            if cut.is_set():
                silently, self._loss = self._loss == "silently", None
                self._lose()
                if silently:
                    await asyncio.Event().wait()
                return
            writer.write(data)

    def _lose(self) -> None:
        self.refusing = self.refusing or self._refuse_after_loss
        self.lost.set()


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(65536)
    except ConnectionError:
        return b""
