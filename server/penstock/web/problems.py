"""Turns every exception into an RFC 9457 problem document with a stable code; nothing else answers errors."""

from __future__ import annotations

import http
from collections.abc import Mapping
from typing import Any, Final

import asyncpg
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap
from msgspec import to_builtins
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from penstock.domain.errors import Blocked, FieldError, PenstockError, Unauthenticated, Unavailable, ValidationFailed
from penstock.store.database import LOCKED, SERIALIZATION, constraint, sqlstate

MEDIA_TYPE: Final = "application/problem+json"

CODES: Final[Mapping[int, str]] = {
    400: "bad_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    409: "conflict",
    412: "precondition_failed",
    413: "payload_too_large",
    415: "unsupported_media_type",
    422: "validation_failed",
    429: "rate_limited",
    503: "unavailable",
}

# Which field of the request a unique constraint speaks of, and what to say.
_TAKEN: Final[Mapping[str, tuple[str, str]]] = {
    "account_email_key": ("email", "A user with this e-mail exists already."),
    "project_slug_key": ("slug", "A project with this slug exists already."),
    "environment_slug_key": ("slug", "An environment with this slug exists already."),
    "approval_tier_slug_key": ("slug", "An approval tier with this slug exists already."),
    "instance_slug_key": ("slug", "An instance with this slug exists already."),
    "schedule_kind_instance_id_key": ("instance", "The instance has a schedule of this kind already: change that one."),
}

_LOST: Final = ("08", "57P", "53300", "25006")

log = structlog.get_logger(__name__)


def request_id(request: Request[Any, Any, Any]) -> str:
    """The id under which this request is logged."""
    return str(request.scope.get("state", {}).get("request_id", ""))


def problem(
    request: Request[Any, Any, Any],
    status: int,
    detail: str,
    *,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
    errors: list[dict[str, Any]] | None = None,
    **extra: Any,
) -> Response[Any]:
    """Build a problem document.

    Args:
        code: stable code; the status' own when absent.
        errors: what is wrong with which field.
        extra: further members, for example ``blockers``.
    """
    body = {
        **extra,
        "type": "about:blank",
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code or CODES.get(status, "internal" if status >= 500 else "bad_request"),
        "errors": errors or [],
        "request_id": request_id(request),
    }
    return Response(body, status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def on_penstock(request: Request[Any, Any, Any], error: PenstockError) -> Response[Any]:
    """Our own errors carry everything that is needed."""
    if isinstance(error, Unavailable):
        log.warning("unavailable", code=error.code, detail=error.message)
    elif error.status >= 500:
        log.error("request_failed", code=error.code, exc_info=error)
    extra = dict(error.extra)
    headers: dict[str, str] = {}
    if "retry_after" in extra:
        headers["Retry-After"] = str(extra.pop("retry_after"))
    elif error.status == 503:
        headers["Retry-After"] = "2"
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, Blocked):
        extra["blockers"] = to_builtins(error.blockers)
    errors = [_field(e) for e in error.errors] if isinstance(error, ValidationFailed) else None
    return problem(request, error.status, error.message, code=error.code, headers=headers, errors=errors, **extra)


def on_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """Litestar's errors; a body or parameter of the wrong shape is 422, an unreadable one 400."""
    if isinstance(error, ValidationException):
        found = [e for e in error.extra or [] if isinstance(e, dict)]
        errors = [_field(FieldError(str(e.get("key", "")), str(e.get("message", "")))) for e in found]
        detail = "; ".join(f"{e['field']}: {e['message']}".removeprefix(": ") for e in errors) or error.detail
        return problem(request, 422, detail, errors=errors)
    status = error.status_code
    if status >= 500:
        return on_any(request, error)
    return problem(request, status, error.detail, headers=error.headers)


def on_integrity(request: Request[Any, Any, Any], error: IntegrityError) -> Response[Any]:
    """A constraint of the metadata database said no: the name tells what to tell the caller."""
    name, state = constraint(error) or "", sqlstate(error)
    if name in _TAKEN:
        field, message = _TAKEN[name]
        return problem(request, 409, message, errors=[_field(FieldError(field, message, "taken"))])
    if state == "23503":
        if request.method == "DELETE":
            return problem(request, 409, "It is still in use: remove or move what uses it first.", constraint=name)
        return problem(request, 409, "Something that this refers to has just gone.", constraint=name)
    if state in ("23502", "23514"):
        return problem(request, 422, "A value is not one that can be stored.", constraint=name)
    return problem(request, 409, "The request conflicts with what is stored.", constraint=name)


def on_database(request: Request[Any, Any, Any], error: DBAPIError | asyncpg.PostgresError) -> Response[Any]:
    """Values that fit no column are the caller's; a lost connection or a deadlock is nobody's, and passes."""
    state = sqlstate(error) or ""
    cause = getattr(getattr(error, "orig", None), "__cause__", error)
    if state.startswith("22") or isinstance(cause, asyncpg.DataError):
        return problem(request, 422, "A value does not fit its column: it is too large, or has a NUL in it.")
    if state in (*SERIALIZATION, LOCKED):
        log.warning("metadata_contended", path=request.scope.get("path_template"), sqlstate=state)
        detail = "Others are changing the same things right now; nothing was changed by this request: try again."
        return problem(request, 503, detail, headers={"Retry-After": "2"})
    lost = getattr(error, "connection_invalidated", False) or state.startswith(_LOST)
    if lost or isinstance(cause, OSError | asyncpg.InterfaceError):
        return on_lost(request, error)
    return on_any(request, error)


def on_lost(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """The metadata database does not answer, or has no place for us."""
    log.warning("metadata_unavailable", error=type(error).__name__)
    return problem(
        request,
        503,
        "The metadata database does not answer right now: try again.",
        headers={"Retry-After": "2"},
    )


def on_recursion(request: Request[Any, Any, Any], _: RecursionError) -> Response[Any]:
    """A hundred thousand opening brackets."""
    return problem(request, 400, "The JSON is nested too deeply.")


def on_any(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """A bug of ours: logged under the id that the caller is told."""
    log.error("request_failed", path=request.scope.get("path_template"), exc_info=error)
    return problem(request, 500, "Something went wrong inside Penstock; it was logged under this request_id.")


def _field(error: FieldError) -> dict[str, Any]:
    return {"field": error.field, "message": error.message, "code": error.code}


HANDLERS: Final[ExceptionHandlersMap] = {
    PenstockError: on_penstock,
    HTTPException: on_http,
    IntegrityError: on_integrity,
    DBAPIError: on_database,
    asyncpg.PostgresError: on_database,
    asyncpg.InterfaceError: on_lost,
    asyncpg.InternalClientError: on_lost,
    PoolTimeout: on_lost,
    ConnectionError: on_lost,
    TimeoutError: on_lost,
    RecursionError: on_recursion,
    Exception: on_any,
}
