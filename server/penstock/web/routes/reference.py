"""The API's own description, for programs and for people, and the answer for addresses of the API that do
not exist."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import msgspec
from litestar import HttpMethod, Litestar, MediaType, Request, Response, get, route
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from penstock.domain.errors import NotFound
from penstock.web import openapi, reference
from penstock.web.guards import PUBLIC, needs


@lru_cache(maxsize=4)
def _document(app: Litestar) -> dict[str, Any]:
    return openapi.document(app)


@get("/api/openapi.json", opt=needs(PUBLIC), include_in_schema=False, sync_to_thread=False)
def openapi_json(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The OpenAPI 3.1 document."""
    return Response(msgspec.json.encode(_document(request.app)), media_type=MediaType.JSON)


@get("/api/docs", opt=needs(PUBLIC), include_in_schema=False, sync_to_thread=False)
def docs(request: Request[Any, Any, Any]) -> Response[str]:
    """The same for people."""
    headers = {"Content-Security-Policy": reference.POLICY, "Cache-Control": "no-cache"}
    return Response(reference.page(_document(request.app)), media_type=MediaType.HTML, headers=headers)


@route(
    ["/api", "/api/{path:path}", "/api/v1", "/api/v1/{path:path}"],
    http_method=[*HttpMethod],
    include_in_schema=False,
    opt=needs(PUBLIC),
    sync_to_thread=False,
)
def no_such_api(path: FromPath[str] = "") -> None:
    """Not the user interface's page, and not 405."""
    raise NotFound(f"There is nothing at {path or 'this address'}; see /api/docs.")


REFERENCE_ROUTES: Final[list[ControllerRouterHandler]] = [openapi_json, docs, no_such_api]
