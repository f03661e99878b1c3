"""Finds out who is calling: a session cookie with its CSRF header, or a bearer token."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Any, Final

from litestar import Request
from litestar.datastructures import Cookie
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from penstock.domain.access.decide import Principal
from penstock.domain.errors import Forbidden, Unauthenticated
from penstock.services.container import Services
from penstock.web.guards import PUBLIC, permission_of

COOKIE: Final = "penstock_session"
CSRF_HEADER: Final = "X-CSRF-Token"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Credential:
    """What proved the caller's identity, so that a long stream can ask again.

    Args:
        csrf_token: of the session, which it also names across rotations.
        token_id: of the API token.
    """

    csrf_token: str | None = None
    token_id: int | None = None

    async def recheck(self, services: Services, principal: Principal) -> Principal | None:
        """The caller as of now; None when session, token or account have ended."""
        if self.token_id is not None:
            return await services.tokens.recheck(principal.id, self.token_id)
        if self.csrf_token is not None:
            return await services.sessions.recheck(principal.id, self.csrf_token)
        return None


def session_cookie(request: Request[Any, Any, Any], value: str | None, max_age: int, secure: bool | None) -> Cookie:
    """The cookie that keeps a session id, or that forgets it when the value is None.

    Args:
        secure: whether it is for https alone; None asks the request.
    """
    https = request.url.scheme == "https" if secure is None else secure
    return Cookie(
        key=COOKIE,
        value=value or "",
        max_age=max_age if value else 0,
        path="/",
        httponly=True,
        samesite="lax",
        secure=https,
    )


class Authentication(ASGIMiddleware):
    """Sets ``request.user`` to the Principal and ``request.auth`` to the Credential of routes that are not
    public.

    Args:
        secure_cookies: see `session_cookie`.
    """

    scopes = (ScopeType.HTTP,)

    def __init__(self, services: Services, secure_cookies: bool | None) -> None:
        self._services = services
        self._secure = secure_cookies

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Authenticate, or raise Unauthenticated, which is the same for every reason."""
        scope["user"], scope["auth"] = None, None
        if permission_of(scope["route_handler"]) in (None, PUBLIC):
            await next_app(scope, receive, send)
            return
        request: Request[Any, Any, Any] = Request(scope)
        if authorization := request.headers.get("authorization"):
            await self._bearer(scope, authorization)
        elif session_id := request.cookies.get(COOKIE):
            send = await self._session(request, session_id, send)
        else:
            raise Unauthenticated
        await next_app(scope, receive, send)

    async def _bearer(self, scope: Scope, authorization: str) -> None:
        kind, _, token = authorization.partition(" ")
        found = await self._services.tokens.authenticate(token.strip()) if kind.lower() == "bearer" else None
        if found is None:
            raise Unauthenticated
        scope["user"], scope["auth"] = found[0], Credential(token_id=found[1])

    async def _session(self, request: Request[Any, Any, Any], session_id: str, send: Send) -> Send:
        found = await self._services.sessions.authenticate(session_id)
        if found is None:
            raise Unauthenticated
        if request.method not in _SAFE:
            given = request.headers.get(CSRF_HEADER, "")
            if not hmac.compare_digest(given.encode(), found.csrf_token.encode()):
                raise Forbidden(f"Send the session's csrf_token in the {CSRF_HEADER} header.")
        request.scope["user"], request.scope["auth"] = (
            found.principal,
            Credential(csrf_token=found.csrf_token),
        )
        if found.new_id is None:
            return send
        lifetime = int(self._services.sessions.policy.lifetime.total_seconds())
        cookie = session_cookie(request, found.new_id, lifetime, self._secure)
        return _with_cookie(send, cookie)


def _with_cookie(send: Send, cookie: Cookie) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message["headers"])
            # A login or logout in the same answer has the last word.
            if not any(name.lower() == b"set-cookie" for name, _ in headers):
                headers.append((b"set-cookie", cookie.to_header(header="").encode("latin-1")))
            message["headers"] = headers
        await send(message)

    return wrapped
