"""A bad network: a TCP proxy before a database server that spoils one exchange, chosen by what the client asks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Literal

# What becomes of the exchange: the request is lost with the connection, or its answer is; the answer is lost and nobody
# is told; the answer takes its time.
Fault = Literal["request lost", "answer lost", "silence", "delay"]


class BadNetwork:
    """Forwards bytes, but for one exchange.

    Args:
        fault: what becomes of the exchange.
        marker: part of the request that is meant; the first one, if empty.
        delay: seconds that a late answer is late.
        struck: set when it has happened; from then on the network is a good one.
        port: to connect to.
    """

    def __init__(self, host: str, port: int, fault: Fault, marker: bytes, delay: float = 0.2) -> None:
        self._upstream = (host, port)
        self._fault = fault
        self._marker = marker
        self._delay = delay
        self._closing = asyncio.Event()
        self._connections: set[asyncio.Task[None]] = set()
        self.struck = asyncio.Event()
        self.port = 0

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[BadNetwork]:
        """Listen on ``port`` of the loopback interface."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self._closing.set()
            await asyncio.gather(*self._connections)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # it is what runs this
        self._connections.add(task)
        up_reader, up_writer = await asyncio.open_connection(*self._upstream)
        spoiled = asyncio.Event()
        ways = [
            asyncio.ensure_future(self._requests(reader, up_writer, spoiled)),
            asyncio.ensure_future(self._answers(up_reader, writer, spoiled)),
            asyncio.ensure_future(self._closing.wait()),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.wait(ways)
        writer.close()
        up_writer.close()
        self._connections.discard(task)

    async def _requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, spoiled: asyncio.Event
    ) -> None:
        while data := await _read(reader):
            if not self.struck.is_set() and self._marker in data:
                self.struck.set()
                if self._fault == "request lost":
                    return
                spoiled.set()
            writer.write(data)

    async def _answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, spoiled: asyncio.Event
    ) -> None:
        while data := await _read(reader):
            if spoiled.is_set():
                if self._fault == "answer lost":
                    return
                if self._fault == "silence":
                    await asyncio.Event().wait()
                spoiled.clear()
                await asyncio.sleep(self._delay)
            writer.write(data)


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(65536)
    except ConnectionError:
        return b""
