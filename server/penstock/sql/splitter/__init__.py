"""Cuts a change's bytes into statements, exactly and in linear time, without knowing what they mean.

No library splits everything right, so this is ours. What is executed later is the original text: nothing here
rewrites it.
"""

from __future__ import annotations

from codecs import getincrementaldecoder
from collections.abc import Iterator
from typing import Final

from penstock.domain.errors import ValidationFailed
from penstock.sql.errors import SplitError
from penstock.sql.position import Positions
from penstock.sql.splitter import mysql, postgres
from penstock.sql.splitter.mysql_tokens import Dialect
from penstock.sql.statement import Statement

__all__ = ["SplitError", "Statement", "split", "statements"]

_PIECE: Final = 1 << 16


def split(data: bytes, engine: str) -> list[Statement]:
    """Cut a change into its statements.

    Args:
        data: the change's bytes, UTF-8.
        engine: whose dialect it is: ``postgres``, ``mysql`` or ``mariadb``.

    Returns:
        the statements in order; none when the text holds only blanks and comments. What lies between two
        statements is blanks, comments and ``;`` (for MySQL and MariaDB: the delimiter, and DELIMITER lines).

    Raises:
        SplitError: with the position and a stable code.
        ValidationFailed: ``unsupported_engine``.
    """
    return list(statements(data, engine))


def statements(data: bytes, engine: str) -> Iterator[Statement]:
    """The same one by one, in memory for the longest of them: an error comes after the statements before it."""
    if engine not in ("postgres", "mysql", "mariadb"):
        raise ValidationFailed(f"Changes for {engine} cannot be split yet.", code="unsupported_engine")
    positions = Positions(data)
    _check_bytes(data, positions)
    if engine == "postgres":
        return postgres.statements(data, positions)
    return mysql.statements(data, positions, Dialect(mariadb=engine == "mariadb"))


def _check_bytes(data: bytes, positions: Positions) -> None:
    nul, invalid = data.find(0), _invalid_utf8(data)
    if invalid is not None and (nul < 0 or invalid < nul):
        message = "The text is not UTF-8 from here on; save it as UTF-8."
        raise SplitError(message, *positions.of(invalid), "invalid_utf8")
    if nul >= 0:
        # libpg_query reads up to the first NUL only: what follows would be hidden from review.
        raise SplitError("The text holds a NUL byte; remove it.", *positions.of(nul), "nul_byte")


def _invalid_utf8(data: bytes) -> int | None:
    """Where the first byte is that belongs to no character; piece by piece, so as not to hold the text twice."""
    if data.isascii():
        return None
    decoder = getincrementaldecoder("utf-8")()
    for start in range(0, len(data), _PIECE):
        kept = len(decoder.getstate()[0])  # bytes of a character that the piece before has cut
        try:
            decoder.decode(data[start : start + _PIECE], final=start + _PIECE >= len(data))
        except UnicodeDecodeError as error:
            return start - kept + error.start
    return None
