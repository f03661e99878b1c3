"""A TCP proxy through which runners reach a server, and that spoils single connections, or all, while they are used."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Literal

Loss = Literal["request", "answer"]


class Pipe:
    """One connection through the proxy.

    Args:
        struck: set when the loss that it was armed with has happened.
        closed: set when it has ended.
    """

    def __init__(self, commit: bytes, struck: asyncio.Event) -> None:
        self._commit = commit
        self._flows = asyncio.Event()
        self._flows.set()
        self._delay = 0.0
        self._loss: Loss | None = None
        self._committing = False
        self._cut = asyncio.Event()
        self._struck = struck
        self.struck = asyncio.Event()
        self.closed = asyncio.Event()

    def cut(self) -> None:
        """End it for both sides."""
        self._cut.set()

    def lose(self, what: Loss | None) -> None:
        """End it at the next COMMIT: before it is forwarded, or before it is answered. None: do not, after all."""
        self._loss = what

    def stall(self) -> None:
        """Let nothing pass."""
        self._flows.clear()

    def flow(self) -> None:
        """Let everything pass again."""
        self._flows.set()
        self._delay = 0.0

    def delay(self, seconds: float) -> None:
        """Let everything pass, but late."""
        self._delay = seconds

    async def carry(self, client: tuple[asyncio.StreamReader, asyncio.StreamWriter], host: str, port: int) -> None:
        """Forward until one side ends it, or we do."""
        reader, writer = client
        try:
            up_reader, up_writer = await asyncio.open_connection(host, port)
        except OSError:
            writer.close()
            self.closed.set()
            return
        self.port = up_writer.get_extra_info("sockname")[1]
        ways = [
            asyncio.ensure_future(self._requests(reader, up_writer)),
            asyncio.ensure_future(self._answers(up_reader, writer)),
            asyncio.ensure_future(self._cut.wait()),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            writer.close()
            up_writer.close()
            self.closed.set()

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await self._pass(reader):
            if self._commit in data:
                if self._loss == "request":
                    self._strike()
                    return
                self._committing = True
            writer.write(data)

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await self._pass(reader):
            if self._committing and self._loss == "answer":
                self._strike()
                return
            self._committing = False
            writer.write(data)

    async def _pass(self, reader: asyncio.StreamReader) -> bytes:
        try:
            data = await reader.read(65536)
        except ConnectionError:
            return b""
        await self._flows.wait()
        if self._delay:
            await asyncio.sleep(self._delay)
        return data

    def _strike(self) -> None:
        self.struck.set()
        self._struck.set()


class Middle:
    """Listens in the place of a server.

    Args:
        commit: what is in a request to commit.
        port: where it listens; the same as long as it lives.
    """

    def __init__(self, host: str, port: int, commit: bytes) -> None:
        self._upstream = (host, port)
        self._commit = commit
        self._pipes: set[Pipe] = set()
        self._works: set[asyncio.Task[None]] = set()
        self._loss: Loss | None = None
        self._stalled = False
        self._struck = asyncio.Event()
        self.port = 0

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[Middle]:
        """Listen on ``port`` of the loopback interface."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for pipe in self._pipes:
                pipe.cut()
            await asyncio.gather(*self._works)

    def pipe(self, port: int) -> Pipe | None:
        """The connection that the server sees coming from this port."""
        return next((p for p in self._pipes if getattr(p, "port", 0) == port and not p.closed.is_set()), None)

    def cut(self) -> None:
        """End every connection."""
        for pipe in self._pipes:
            pipe.cut()

    async def lose_one(self, what: Loss) -> None:
        """Lose this of the next COMMIT, whoever asks for it, and wait until that has happened."""
        self._struck.clear()
        self._lose(what)
        try:
            async with asyncio.timeout(30):
                await self._struck.wait()
        finally:
            self._lose(None)

    def _lose(self, what: Loss | None) -> None:
        self._loss = what
        for pipe in self._pipes:
            pipe.lose(what)

    async def stall(self, seconds: float) -> None:
        """Let nothing pass for so long."""
        self._stalled = True
        for pipe in self._pipes:
            pipe.stall()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._stalled = False
            for pipe in self._pipes:
                pipe.flow()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        work = asyncio.current_task()
        assert work is not None  # it is what runs this
        pipe = Pipe(self._commit, self._struck)
        pipe.lose(self._loss)
        if self._stalled:
            pipe.stall()
        self._pipes.add(pipe)
        self._works.add(work)
        try:
            await pipe.carry((reader, writer), *self._upstream)
        finally:
            self._pipes.discard(pipe)
            self._works.discard(work)
