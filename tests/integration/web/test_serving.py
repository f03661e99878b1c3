"""The HTTP server inside our loop: no stream holds up a stop, a failed start is an error like any other."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator

import httpx2
import pytest
from litestar import Litestar, get
from litestar.response import ServerSentEvent

from penstock.signals import stop_on_signals
from penstock.web.serving import listen, serve


@get("/hello", sync_to_thread=False)
def hello() -> str:
    return "hello"


def streaming(stopping: asyncio.Event) -> Litestar:
    @get("/stream")
    async def stream() -> ServerSentEvent:
        async def events() -> AsyncIterator[str]:
            yield "first"
            await stopping.wait()

        return ServerSentEvent(events())

    return Litestar([hello, stream], logging_config=None)


async def test_requests_are_answered_until_told_to_stop() -> None:
    stopping = asyncio.Event()
    sock = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    serving = asyncio.create_task(serve(streaming(stopping), sock, stopping))

    async with httpx2.AsyncClient() as client:
        assert (await client.get(f"{url}/hello")).text == "hello"
        stopping.set()
        await serving
        with pytest.raises(httpx2.ConnectError):
            await client.get(f"{url}/hello")


async def test_an_open_stream_does_not_hold_up_the_stop() -> None:
    stopping = asyncio.Event()
    sock = listen("127.0.0.1", 0)
    serving = asyncio.create_task(serve(streaming(stopping), sock, stopping))

    async with (
        httpx2.AsyncClient() as client,
        client.stream("GET", f"http://127.0.0.1:{sock.getsockname()[1]}/stream") as response,
    ):
        lines = response.aiter_lines()
        assert await anext(lines) == "data: first"
        started = time.monotonic()
        stopping.set()
        await serving

    assert time.monotonic() - started < 2


async def test_a_failed_start_raises_its_reason_and_frees_the_port() -> None:
    async def broken(_: Litestar) -> None:
        raise ConnectionError("no database")

    sock = listen("127.0.0.1", 0)
    app = Litestar([hello], on_startup=[broken], logging_config=None)

    with pytest.RaisesGroup(pytest.RaisesExc(ConnectionError, match="no database")):
        await serve(app, sock, asyncio.Event())

    assert sock.fileno() == -1


async def test_a_taken_port_is_an_error() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", taken.getsockname()[1])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_asks_for_the_stop(number: signal.Signals) -> None:
    stopping = asyncio.Event()

    with stop_on_signals(stopping):
        os.kill(os.getpid(), number)
        await asyncio.wait_for(stopping.wait(), timeout=5)
