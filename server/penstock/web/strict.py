"""Refuses what Litestar lets through: unknown query parameters, bodies that are not declared as JSON, keys that are
given twice, NUL in strings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final
from weakref import WeakKeyDictionary

import msgspec
from litestar import Request
from litestar.exceptions import HTTPException
from litestar.handlers.base import BaseRouteHandler
from litestar.params import QueryParameter

from penstock.domain.errors import BadRequest, FieldError, ValidationFailed

# A statement may have 10 MB; JSON escapes make it larger on the way.
MAX_BODY_BYTES: Final = 21_000_000


Expected = tuple[frozenset[str], bool, bool]
_EXPECTED: Final = WeakKeyDictionary[BaseRouteHandler, Expected]()  # which keeps no application alive


class UnsupportedMediaType(HTTPException):
    """A cross-site form can send text/plain without a preflight, and it would be read as JSON."""

    status_code = 415


async def strict(request: Request[Any, Any, Any]) -> None:
    """Check a request before its handler reads it.

    Raises:
        BadRequest: a query parameter that the route does not know, or a body that is no text.
        UnsupportedMediaType: a body that is not ``application/json``.
        ValidationFailed: a key that an object has twice, of which every reader believes another one; or a string with
            a NUL in it, which PostgreSQL cannot store.
    """
    known, has_body, may_lack = _expects(request.route_handler)
    if unknown := sorted(request.query_params.keys() - known):
        raise BadRequest(f"Unknown query parameters: {', '.join(unknown)}.")
    if not has_body or (may_lack and not await request.body()):
        return
    if request.content_type[0] != "application/json":
        raise UnsupportedMediaType(detail="Send the body as application/json.")
    body = await request.body()
    _check_text(body)
    if (key := _twice(body)) is not None:
        message = f"The key {key[:100]!r} is given twice in one object."
        raise ValidationFailed(errors=[FieldError(key[:100], message, "duplicate_key")], code="duplicate_key")
    # A raw NUL is not valid JSON at all; an escaped one may be an escaped backslash, so look closely.
    if b"\\u0000" in body and (field := next(_nul_fields(_decode(body), ""), None)) is not None:
        raise ValidationFailed(errors=[FieldError(field, "A NUL character cannot be stored.", "nul")])


def _expects(handler: BaseRouteHandler) -> Expected:
    known = _EXPECTED.get(handler)
    if known is None:
        known = _EXPECTED[handler] = _read(handler)
    return known


def _read(handler: BaseRouteHandler) -> Expected:
    parameters = handler.parsed_fn_signature.parameters
    queries = (
        (p.kwarg_definition.name or name)
        for name, p in parameters.items()
        if isinstance(p.kwarg_definition, QueryParameter)
    )
    body = parameters.get("data")
    return frozenset(queries), body is not None, body is not None and body.is_optional


def _check_text(body: bytes) -> None:
    if not body:
        raise BadRequest("Send a JSON body.")
    try:
        body.decode()  # msgspec raises a UnicodeDecodeError of its own for a string that is not UTF-8
    except UnicodeDecodeError as error:
        raise BadRequest(f"The body is not UTF-8: byte {error.start}.") from None


class _Twice(Exception):
    """The key that an object has twice."""


def _twice(body: bytes) -> str | None:
    """The first key that an object of the body has twice; None also for what is no JSON at all."""

    def keys(pairs: list[tuple[str, None]]) -> None:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _Twice(key)
            seen.add(key)

    try:
        json.loads(body, object_pairs_hook=keys)
    except _Twice as found:
        return str(found)
    except ValueError:
        return None  # the handler's own decoding will say what is wrong with it
    return None


def _decode(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        return None  # the handler's own decoding will say what is wrong with it


def _nul_fields(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, str):
        if "\0" in value:
            yield path
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _nul_fields(item, f"{path}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            inner = f"{path}.{key}" if path else key
            if "\0" in key:
                yield inner.replace("\0", "\\u0000")
            yield from _nul_fields(item, inner)
