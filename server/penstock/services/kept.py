"""Compares the beginnings of two scripts, for a change whose first statements are in a database already. Pure."""

from __future__ import annotations

from penstock.sql.errors import SplitError
from penstock.sql.position import Positions
from penstock.sql.splitter import split


def first_difference(old: bytes, new: bytes, engine: str, kept: int) -> tuple[int, int] | None:
    """Where the new script departs from what was applied.

    Args:
        kept: statements of the old script that stay.

    Returns:
        1-based line and column in the new script; None when it begins with those statements byte for byte.
    """
    end = split(old, engine)[kept - 1].end
    at = next((n for n in range(end) if old[n : n + 1] != new[n : n + 1]), end)
    if at == end:
        try:
            statements = split(new, engine)
        except SplitError as error:
            return error.line, error.column
        if len(statements) >= kept and statements[kept - 1].end == end:
            return None
    return Positions(new).of(min(at, len(new)))
