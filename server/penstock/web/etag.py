"""Optimistic concurrency over HTTP: ``ETag`` carries a resource's version, ``If-Match`` brings it back."""

from __future__ import annotations

import re
from typing import Any

from litestar import Request

from penstock.domain.errors import PreconditionFailed

_VERSION = re.compile(r'(?:W/)?"(\d{1,18})"')


def etag(version: int) -> dict[str, str]:
    """The header of an answer."""
    return {"ETag": f'"{version}"'}


def if_match(request: Request[Any, Any, Any]) -> int | None:
    """The version that an edit was made from; None when the caller does not mind.

    Raises:
        PreconditionFailed: an ETag that cannot be one of ours matches nothing.
    """
    header = request.headers.get("if-match")
    if header is None or header.strip() == "*":
        return None
    match = _VERSION.fullmatch(header.strip())
    if match is None:
        raise PreconditionFailed
    return int(match[1])
