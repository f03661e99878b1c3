"""An HTTP server that answers what a test tells it to, and remembers what it was asked: real sockets, real HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """A request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Answer:
    """What is answered.

    Args:
        cut: the connection ends without an answer.
    """

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = "application/json"
    cut: bool = False


CUT = Answer(cut=True)
Script = Callable[[Asked], Answer]


def problem(code: str, status: int = 400, **headers: str) -> Answer:
    """A refusal as Penstock words it."""
    return Answer({"code": code, "detail": code, "status": status}, status, headers)


def events(*given: tuple[str, str, Any]) -> Answer:
    """A stream of events (id, name, data) that ends after them."""
    head = [
        (f"id: {position}\n" if position else "") + (f"event: {name}\n" if name else "") for position, name, _ in given
    ]
    return Answer(
        "".join(f"{h}data: {json.dumps(e[2])}\n\n" for h, e in zip(head, given, strict=True)), kind="text/event-stream"
    )


@dataclass
class Scripted:
    """The server.

    Args:
        asked: what it was asked so far, in order.
    """

    url: str
    asked: list[Asked] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The requests, each as ``METHOD /path``."""
        return [f"{each.method} {each.path}" for each in self.asked]


@contextmanager
def scripted(answer: Script, host: str = "127.0.0.1") -> Iterator[Scripted]:
    """A server on a free port, until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            parts = urlsplit(self.path)
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(
                self.command,
                parts.path.removeprefix("/api/v1"),
                dict(parse_qsl(parts.query)),
                {name.lower(): value for name, value in self.headers.items()},
                json.loads(data) if data else None,
            )
            there.asked.append(asked)
            found = answer(asked)
            if found.cut:
                self.close_connection = True
                return
            body = found.body if isinstance(found.body, str) else json.dumps(found.body)
            self.send_response(found.status)
            for name, value in {"Content-Type": found.kind, **found.headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # as the base class looks for them

        def log_message(self, *_: object) -> None:
            """Nothing on the standard error of a test."""

    server = ThreadingHTTPServer((host, 0), Handler)
    server.daemon_threads = True
    there = Scripted(f"http://{host}:{server.server_address[1]}")
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    try:
        yield there
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
