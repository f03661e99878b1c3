"""Listens between a client program and its server, and keeps the statements that go by: the client's own account of how
it cuts a script, which the server then read.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

_COM_QUERY: Final = 3


@contextlib.asynccontextmanager
async def overheard(host: str, port: int, engine: str) -> AsyncIterator[tuple[int, list[str]]]:
    """Listen before a server.

    Returns:
        the port to use instead of the server's, and the list that statements are added to. Without TLS only.
    """
    statements: list[str] = []
    listen = _listen_to_postgres if engine == "postgres" else _listen_to_mysql

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(host, port)
        copy = asyncio.StreamReader(limit=2**30)
        async with asyncio.TaskGroup() as group:
            group.create_task(_forward(reader, up_writer, copy.feed_data, copy.feed_eof))
            group.create_task(_forward(up_reader, writer))
            group.create_task(_until_the_end(listen(copy, statements.append)))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], statements
    finally:
        server.close()


async def _forward(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    copy: Callable[[bytes], None] = lambda data: None,
    end: Callable[[], None] = lambda: None,
) -> None:
    while data := await reader.read(65536):
        copy(data)
        writer.write(data)
        await writer.drain()
    end()
    writer.close()


async def _until_the_end(listening: Awaitable[None]) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError):  # the client has hung up
        await listening


async def _listen_to_postgres(reader: asyncio.StreamReader, found: Callable[[str], None]) -> None:
    startup = int.from_bytes(await reader.readexactly(4))
    await reader.readexactly(startup - 4)
    while True:
        kind = await reader.readexactly(1)
        body = await reader.readexactly(int.from_bytes(await reader.readexactly(4)) - 4)
        if kind == b"Q":
            found(body[:-1].decode())


async def _listen_to_mysql(reader: asyncio.StreamReader, found: Callable[[str], None]) -> None:
    while True:
        length, number = int.from_bytes(await reader.readexactly(3), "little"), await reader.readexactly(1)
        body = await reader.readexactly(length)
        if number == b"\0" and body[0] == _COM_QUERY:  # what belongs to signing in has other numbers
            found(body[1:].decode())
