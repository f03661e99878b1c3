"""Pages over HTTP: ``page_size``, and an opaque ``page_token`` that carries the last row's key."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec
from litestar.params import QueryParameter

from penstock.domain.errors import BadRequest
from penstock.store.rows import Cut, Key, Slice
from penstock.web.present import present
from penstock.web.schemas.common import Page

T = TypeVar("T")

PageSize: TypeAlias = Annotated[int, QueryParameter(ge=1, le=200, description="Items at most.")]
PageToken: TypeAlias = Annotated[
    str | None, QueryParameter(max_length=2_000, description="next_page_token of the page before.")
]


def encode(key: Key) -> str:
    """The token of a key."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def decode(token: str) -> Key:
    """The key of a token.

    Raises:
        BadRequest: not a token of ours.
    """
    try:
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        items = msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=list[Any])
    except (binascii.Error, UnicodeError, msgspec.DecodeError, RecursionError):
        raise BadRequest("This page_token is not one that this list handed out.") from None
    if any(isinstance(item, str) and "\0" in item for item in items):
        raise BadRequest("This page_token is not one that this list handed out.")
    return tuple(items)


def cut(page_size: int, page_token: str | None) -> Cut:
    """Which part of a list a request asks for."""
    return Cut(None if page_token is None else decode(page_token), page_size)


def page_of(model: type[T], part: Slice) -> Page[T]:
    """A page of records as the answer's structs."""
    token = None if part.next_key is None else encode(part.next_key)
    return Page(items=[present(model, record) for record in part.records], next_page_token=token)
