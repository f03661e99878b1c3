"""What tests of both splitters ask of their results."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.sql.errors import SplitError
from penstock.sql.splitter import Statement, split


def joined(data: bytes, statements: Sequence[Statement]) -> bytes:
    """The statements and what lies between them, put together again."""
    pieces, end = [], 0
    for statement in statements:
        pieces += [data[end : statement.start], statement.text.encode()]
        end = statement.end
    return b"".join([*pieces, data[end:]])


def outcome(data: bytes, engine: str) -> list[Statement] | tuple[str, int, int, str]:
    """The statements, or why and where there are none."""
    try:
        return split(data, engine)
    except SplitError as error:
        return error.code, error.line, error.column, error.reason
