"""A proxy before PostgreSQL that gives every transaction any session that is free, as transaction-pooling proxies do.

Each client's login is passed through; then its session is thrown into the pool.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

_SSL_REQUEST: Final = 80877103
_READY: Final = b"Z"


@dataclass(eq=False)
class _Server:
    """One session on the server, and whom its answers go to."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    client: asyncio.StreamWriter | None = None


class Pooler:
    """Listens on the loopback interface.

    Args:
        last_first: hand out the session that came back last; otherwise the one that has been free for longest.
        by_session: give a session back only when its client leaves, as session-pooling proxies do.
    """

    def __init__(self, host: str, port: int, *, last_first: bool = True, by_session: bool = False) -> None:
        self.port = 0
        self._upstream = (host, port)
        self._last_first = last_first
        self._by_session = by_session
        self._all: list[_Server] = []
        self._free: list[_Server] = []
        self._freed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[Pooler]:
        """Listen until it is left."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for writer in self._writers:
                writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            if server := await self._sign_in(reader, writer):
                await self._work(reader, writer, server)
        writer.close()

    async def _sign_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> _Server | None:
        """Pass the login through, and say another process id than the server did."""
        startup = await _startup(reader)
        if struct.unpack("!i", startup[4:8])[0] == _SSL_REQUEST:
            writer.write(b"N")
            startup = await _startup(reader)
        server = _Server(*await asyncio.open_connection(*self._upstream), client=writer)
        self._writers.append(server.writer)
        server.writer.write(startup)
        while True:
            kind, body = await _message(server.reader)
            if kind == b"K":
                body = struct.pack("!ii", 1, 1)
            writer.write(kind + struct.pack("!i", len(body) + 4) + body)
            if kind == b"R" and struct.unpack("!i", body[:4])[0] not in (0, 12):
                kind, body = await _message(reader)
                server.writer.write(kind + struct.pack("!i", len(body) + 4) + body)
            if kind == _READY:
                break
        answers = asyncio.ensure_future(self._answer(server))
        self._tasks.add(answers)
        if not self._by_session:
            await self._give_back(server)
        return server

    async def _work(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, own: _Server) -> None:
        while True:
            kind, body = await _message(reader)
            if kind == b"X":
                return
            mine = next((s for s in self._all if s.client is writer), None)
            server = own if self._by_session else mine or await self._take(writer)
            server.writer.write(kind + struct.pack("!i", len(body) + 4) + body)

    async def _answer(self, server: _Server) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                kind, body = await _message(server.reader)
                client = server.client
                idle = kind == _READY and body == b"I" and not self._by_session
                if idle:
                    await self._give_back(server)
                if client is not None:
                    client.write(kind + struct.pack("!i", len(body) + 4) + body)

    async def _give_back(self, server: _Server) -> None:
        server.client = None
        if server not in self._all:
            self._all.append(server)
        async with self._freed:
            self._free.append(server)
            self._freed.notify()

    async def _take(self, client: asyncio.StreamWriter) -> _Server:
        async with self._freed:
            await self._freed.wait_for(lambda: self._free)
            server = self._free.pop(-1 if self._last_first else 0)
        server.client = client
        return server


async def _startup(reader: asyncio.StreamReader) -> bytes:
    length = await reader.readexactly(4)
    return length + await reader.readexactly(struct.unpack("!i", length)[0] - 4)


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    kind = await reader.readexactly(1)
    length = struct.unpack("!i", await reader.readexactly(4))[0]
    return kind, await reader.readexactly(length - 4)
