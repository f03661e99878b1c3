"""Records of the store as the structs that the API answers with, and changes of a PATCH as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from litestar import Response

from penstock.web.etag import etag

T = TypeVar("T")


def present(model: type[T], record: Mapping[str, Any]) -> T:
    """A record as a struct; what the struct does not name stays inside.

    Raises:
        msgspec.ValidationError: the record lacks a field, which is a bug.
    """
    return msgspec.convert(record, model)


def versioned(model: type[T], record: Mapping[str, Any], status: int = 200) -> Response[T]:
    """A configuration resource with its ETag."""
    return Response(present(model, record), status_code=status, headers=etag(record["version"]))


def changes(data: msgspec.Struct) -> dict[str, Any]:
    """The fields that a PATCH gives, as plain values."""
    return {
        field: msgspec.to_builtins(value)
        for field in data.__struct_fields__
        if (value := getattr(data, field)) is not msgspec.UNSET
    }
