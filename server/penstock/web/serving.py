"""uvicorn inside our own process and loop: our socket, our signals, a stop that open streams cannot delay."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Sequence

import uvicorn
from litestar import Litestar

_BACKLOG = 2048
_GRACE_SECONDS = 2


class Server(uvicorn.Server):
    """uvicorn without its signal handlers, which raise the signal again after the stop (exit code 143)."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to whoever made the loop."""
        yield


def listen(host: str, port: int) -> socket.socket:
    """Open the socket to serve on.

    Args:
        host: IPv4 or IPv6 address, or a name.
        port: TCP port; 0 takes any free one.
    Raises:
        OSError: the address is taken or not ours.
    """
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


async def serve(
    app: Litestar, sock: socket.socket, stopping: asyncio.Event, *, trusted_proxies: Sequence[str] = ()
) -> None:
    """Serve an application until told to stop; then finish requests, and cut off those that take too long.

    Streams must watch the same event: the server waits for them for two seconds.

    Args:
        app: the application; its lifespan encloses the serving.
        sock: a listening socket; closed at the end.
        stopping: set it to stop.
        trusted_proxies: addresses or networks whose ``X-Forwarded-*`` headers are believed.
    Raises:
        ExceptionGroup: of what the application's lifespan raised.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",  # ours below: uvicorn's answer to a failed start is sys.exit
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    server = Server(config)

    async def stop() -> None:
        await stopping.wait()
        server.should_exit = True

    with sock:
        async with app.lifespan():
            watching = asyncio.create_task(stop())
            try:
                await server.serve(sockets=[sock])
            finally:
                watching.cancel()
