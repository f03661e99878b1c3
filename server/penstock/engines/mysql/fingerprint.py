"""What a server says the objects of a statement look like right now, as one digest that can be compared later."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

import pymysql

from penstock.engines.mysql.driver import Connection, code_of, name
from penstock.sql.mysql.ddl import Object

_SHOW: Final = {
    "table": "TABLE",
    "view": "TABLE",
    "sequence": "TABLE",
    "trigger": "TRIGGER",
    "procedure": "PROCEDURE",
    "function": "FUNCTION",
    "event": "EVENT",
}
_ABSENT: Final = frozenset({1049, 1146, 1305, 1356, 1360, 1539, 4091})
# The only volatile part; in a string it would be escaped differently, in a comment it does no harm.
_COUNTER: Final = re.compile(r" AUTO_INCREMENT=\d+")


async def fingerprint(connection: Connection, database: str, objects: Iterable[Object]) -> str:
    """``sha256:<hex>`` over the definitions of some objects, absent ones included. Raises as the server does."""
    return _digest([await _definition(connection, database, found) for found in objects])


def fingerprint_of_absence(objects: Iterable[Object]) -> str:
    """The fingerprint when none of the objects exists."""
    return _digest(["" for _ in objects])


def _digest(definitions: list[str]) -> str:
    return "sha256:" + sha256("\0".join(definitions).encode()).hexdigest()


async def _definition(connection: Connection, database: str, found: Object) -> str:
    place = f"{name(found.schema or database)}.{name(found.name)}"
    try:
        [row] = await connection.fetch(f"SHOW CREATE {_SHOW[found.type]} {place}")
    except pymysql.err.MySQLError as error:
        if code_of(error) in _ABSENT:
            return ""
        raise
    # Triggers come with the time of their creation.
    return _COUNTER.sub("", "\n".join(value for value in row if isinstance(value, str)))
