"""``Idempotency-Key``: the same key and request give the same answer, another request with the key is 409."""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

import structlog
from litestar import Request
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, HTTPResponseStartEvent, Message, Receive, Scope, Send

from penstock.domain.access.decide import Principal
from penstock.domain.errors import BadRequest
from penstock.services.container import Services
from penstock.services.idempotency import Answer, Claim
from penstock.store.database import TROUBLE

log = structlog.get_logger(__name__)

HEADER: Final = "Idempotency-Key"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_KEPT_HEADERS: Final = frozenset({"content-type", "etag", "location"})


class IdempotencyKeys(ASGIMiddleware):
    """In front of routes that say ``idempotent``; the answer is kept before it is sent."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, services: Services) -> None:
        self._services = services

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Answer from what is kept, or let the request through and keep its answer."""
        request: Request[Any, Any, Any] = Request(scope, receive)
        key, caller = request.headers.get(HEADER), scope.get("user")
        idempotent = scope["route_handler"].opt.get("idempotent")
        if key is None or not idempotent or not isinstance(caller, Principal):
            await next_app(scope, receive, send)
            return
        if not _KEY.fullmatch(key):
            raise BadRequest(f"{HEADER} is 1 to 255 visible ASCII characters.")
        held = await self._services.idempotency.begin(caller.id, key, await _fingerprint(request))
        if isinstance(held, Answer):
            await _send(send, held, replayed=True)
            return
        await self._answer(scope, receive, send, next_app, held)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp, claim: Claim) -> None:
        started: list[HTTPResponseStartEvent] = []
        chunks: list[bytes] = []

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                started.append(message)
            elif message["type"] == "http.response.body":
                chunks.append(message["body"])

        try:
            await next_app(scope, receive, collect)
        except Exception:
            await self._services.idempotency.release(claim)
            raise
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in started[0]["headers"]]
        kept = [(name, value) for name, value in headers if name.lower() in _KEPT_HEADERS]
        body = b"".join(chunks)
        try:
            await self._services.idempotency.finish(claim, Answer(started[0]["status"], kept, body))
        except TROUBLE as error:  # what is done is done, and whoever asked for it should know
            log.warning("answer_not_kept", path=scope["path"], error=repr(error)[:200])
        await _send(send, Answer(started[0]["status"], headers, body), replayed=False)


async def _fingerprint(request: Request[Any, Any, Any]) -> bytes:
    parts = (request.method.encode(), request.scope["path"].encode(), request.scope["query_string"])
    head = b"\0".join(hashlib.sha256(part).digest() for part in parts)
    return hashlib.sha256(head + await request.body()).digest()


async def _send(send: Send, answer: Answer, *, replayed: bool) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    if replayed:
        headers.append((b"content-length", str(len(answer.body)).encode()))
        headers.append((b"idempotency-replayed", b"true"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})
