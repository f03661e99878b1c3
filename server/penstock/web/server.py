"""The application object: what must surround routing itself, where Litestar's own middleware does not
reach."""

from __future__ import annotations

import re
import time
import uuid
from typing import Final
from urllib.parse import unquote

import structlog
from litestar import Litestar
from litestar.enums import ScopeType
from litestar.types import HTTPScope, Message, Receive, Scope, Send

from penstock.web import metrics

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_ENCODED_SLASH = re.compile(r"%2f", re.IGNORECASE)
_STREAM: Final = b"text/event-stream"

_SECURITY_HEADERS: Final = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"cache-control": b"no-store",
}


class Application(Litestar):
    """Litestar with request ids, security headers and metrics on every answer, also on those of no route."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]
        """Serve one connection."""
        if scope["type"] != ScopeType.HTTP:
            await super().__call__(scope, receive, send)
            return
        _keep_encoded_slashes(scope)
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        begun = time.perf_counter()
        status, streaming = 500, False

        async def wrapped(message: Message) -> None:
            nonlocal status, streaming
            if message["type"] == "http.response.start":
                status = message["status"]
                present = {name.lower(): value for name, value in message["headers"]}
                streaming = present.get(b"content-type", b"").startswith(_STREAM)
                added = [(name, value) for name, value in _SECURITY_HEADERS.items() if name not in present]
                added.append((b"x-request-id", request_id.encode()))
                message["headers"] = [*message["headers"], *added]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await super().__call__(scope, receive, wrapped)
            finally:
                if not streaming:
                    route = scope.get("path_template")
                    metrics.observe(scope["method"], route, status, time.perf_counter() - begun)


def _request_id(scope: HTTPScope) -> str:
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return given.decode() if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def _keep_encoded_slashes(scope: HTTPScope) -> None:
    """A database is named ``instance/name``; in a path its slash comes as %2F and must stay inside its
    segment."""
    raw = scope.get("raw_path") or b""
    if b"%2f" in raw.lower():
        text = raw.partition(b"?")[0].decode("ascii", "replace")
        scope["path"] = "%2F".join(unquote(part) for part in _ENCODED_SLASH.split(text))
