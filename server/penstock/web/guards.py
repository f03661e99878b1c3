"""Every route declares the one permission that it needs; a route without one keeps the server from
starting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from litestar import Litestar
from litestar.connection import ASGIConnection
from litestar.handlers import HTTPRouteHandler
from litestar.handlers.base import BaseRouteHandler
from litestar.routes import HTTPRoute

from penstock.domain.access import permission
from penstock.domain.access.decide import Principal, anywhere, require
from penstock.domain.errors import Forbidden, Unauthenticated

PUBLIC: Final = "public"

# Held in a project rather than in the workspace: the service asks again, once it knows which project it is.
IN_PROJECTS: Final = frozenset[str]().union(*permission.PROJECT_ROLES.values())


def needs(verb: str, *, idempotent: bool = False) -> dict[str, Any]:
    """A route's ``opt``: the permission it needs, and whether it honours ``Idempotency-Key``."""
    return {"permission": verb, "idempotent": idempotent}


def permission_of(handler: BaseRouteHandler) -> str | None:
    """The permission that a route declares."""
    verb = handler.opt.get("permission")
    return None if verb is None else str(verb)


def check_permission(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Litestar's guard, in front of every route.

    Raises:
        Unauthenticated: nobody is signed in.
        Forbidden: the caller holds the permission nowhere.
    """
    verb = permission_of(handler)
    if verb is None or verb == PUBLIC:  # without one: only Litestar's own OPTIONS, see `check_routes`
        return
    caller = connection.scope.get("user")
    if not isinstance(caller, Principal):
        raise Unauthenticated
    if verb not in IN_PROJECTS:
        require(caller, verb)
    elif not verb.endswith(".read") and not anywhere(caller, verb):
        # Reading needs no refusal here: the service answers with what the caller may see, be it nothing.
        raise Forbidden(f"This needs the permission {verb}. Ask a project owner or an administrator for it.")


def routes(app: Litestar) -> Iterator[tuple[str, str, HTTPRouteHandler]]:
    """Path, method and handler of everything that the application serves."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for method, (handler, _) in route.route_handler_map.items():
                yield route.path_format, str(method), handler


def check_routes(app: Litestar) -> None:
    """Refuse to start with a route that declares no permission, or one that nobody could hold.

    Raises:
        RuntimeError: names the routes.
    """
    wrong = [
        f"{method} {path} ({permission_of(handler)})"
        for path, method, handler in routes(app)
        if method != "OPTIONS" and permission_of(handler) not in permission.ALL | {PUBLIC}
    ]
    if wrong:
        raise RuntimeError(f"Routes without a known permission: {', '.join(wrong)}")
