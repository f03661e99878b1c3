"""The OpenAPI document as we publish it: errors described as the problem documents that they are."""

from __future__ import annotations

import re
from typing import Any, Final

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from litestar.router import Router
from litestar.routes import BaseRoute
from litestar.types import ControllerRouterHandler, Method
from litestar.types.internal_types import PathParameterDefinition

import penstock
from penstock.web.auth import COOKIE
from penstock.web.guards import PUBLIC, permission_of, routes

_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "description": "RFC 9457, with a stable code and what is wrong with which field.",
    "required": ["type", "title", "status", "detail", "code", "errors", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message", "code"],
                "properties": {name: {"type": "string"} for name in ("field", "message", "code")},
            },
        },
        "request_id": {"type": "string"},
        "blockers": {"type": "array", "items": {"$ref": "#/components/schemas/BlockerOut"}},
    },
}
_IDEMPOTENCY_KEY: Final[dict[str, Any]] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key and request get the same answer; another request with the key is 409.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
_IF_MATCH: Final[dict[str, Any]] = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The ETag that the edit was made from; 412 when somebody else was faster.",
    "schema": {"type": "string"},
}
_ANSWER: Final[dict[str, Any]] = {
    "description": "A problem.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


class _NoPages(Router):
    """Where Litestar would put pages of its own, which load their scripts from elsewhere."""

    def register(self, value: ControllerRouterHandler) -> list[BaseRoute]:
        """Serve nothing."""
        return []


def config() -> OpenAPIConfig:
    """What Litestar needs to describe the routes; the document is served by `routes/reference`."""
    return OpenAPIConfig(
        title="Penstock",
        version=penstock.__version__,
        description="Takes database changes from written SQL to applied, once, with proof of who allowed it.",
        openapi_router=_NoPages("/api/schema", route_handlers=[]),
        operation_id_creator=_operation_id,
        use_handler_docstrings=True,
        components=Components(
            security_schemes={
                "token": SecurityScheme(type="http", scheme="bearer", description="An API token, pst_…"),
                "session": SecurityScheme(
                    type="apiKey",
                    name=COOKIE,
                    security_scheme_in="cookie",
                    description="The cookie of POST /auth/login; changes also need X-CSRF-Token.",
                ),
            }
        ),
        security=[{"token": []}, {"session": []}],
    )


def document(app: Litestar) -> dict[str, Any]:
    """The whole document as plain values."""
    schema: dict[str, Any] = app.openapi_schema.to_schema()
    schema["components"].setdefault("schemas", {})["Problem"] = _PROBLEM
    for path, method, handler in routes(app):
        operation = schema["paths"].get(path, {}).get(method.lower())
        if operation is None:
            continue
        # Litestar describes its own error format, which it does not answer with here.
        operation["responses"].pop("400", None)
        operation["responses"]["default"] = _ANSWER
        headers = [_IDEMPOTENCY_KEY] if handler.opt.get("idempotent") else []
        if "if_match" in handler.parsed_fn_signature.parameters:
            headers.append(_IF_MATCH)
        if headers:
            operation["parameters"] = [*operation.get("parameters", []), *headers]
        if permission_of(handler) == PUBLIC:
            operation["security"] = []
    return schema


def _operation_id(handler: HTTPRouteHandler, _: Method, __: list[str | PathParameterDefinition]) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), handler.handler_name)
