"""Cuts a change's bytes into statements, exactly and in linear time, without knowing what they mean.

No library splits everything right, so this is ours. What is executed later is the original text: nothing here
rewrites it.
"""

from __future__ import annotations

from penstock.domain.errors import ValidationFailed
from penstock.sql.errors import SplitError
from penstock.sql.position import Positions
from penstock.sql.splitter import mysql, postgres
from penstock.sql.splitter.mysql_tokens import Dialect
from penstock.sql.statement import Statement

__all__ = ["SplitError", "Statement", "split"]


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
    if engine not in ("postgres", "mysql", "mariadb"):
        raise ValidationFailed(f"Changes for {engine} cannot be split yet.", code="unsupported_engine")
    positions = Positions(data)
    _check_bytes(data, positions)
    if engine != "postgres":
        return mysql.split(data, positions, Dialect(mariadb=engine == "mariadb"))
    return postgres.split(data, positions)


def _check_bytes(data: bytes, positions: Positions) -> None:
    nul = data.find(0)
    try:
        data.decode()
    except UnicodeDecodeError as error:
        if nul < 0 or error.start < nul:
            message = "The text is not UTF-8 from here on; save it as UTF-8."
            raise SplitError(message, *positions.of(error.start), "invalid_utf8") from error
    if nul >= 0:
        # libpg_query reads up to the first NUL only: what follows would be hidden from review.
        raise SplitError("The text holds a NUL byte; remove it.", *positions.of(nul), "nul_byte")
