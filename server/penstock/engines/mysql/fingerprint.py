"""What a server says the objects of a statement look like right now: as text for people, and as a digest to compare.

A text says the same wherever the objects are: in the database itself or in a scratch database made like it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
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
_WITH_MODE: Final = frozenset({"trigger", "procedure", "function", "event"})
ABSENT: Final = frozenset({1049, 1051, 1091, 1146, 1305, 1356, 1360, 1539, 4089, 4090, 4091, 4092})
# Volatile, and the account that happened to run it; in a string it would be escaped differently.
_COUNTER: Final = re.compile(r" AUTO_INCREMENT=\d+")
_DEFINER: Final = re.compile(r" DEFINER=(?:`(?:[^`]|``)*`|\S+?)@(?:`(?:[^`]|``)*`|\S+)")


async def describe(connection: Connection, database: str, objects: Iterable[Object], *, place: str = "") -> str:
    """The definitions of some objects, absent ones included.

    Args:
        database: where names without a database belong.
        place: the database to look in instead of it.

    Raises:
        MySQLError, OSError: as the server and the network do.
    """
    names = (database, place) if place else (database,)
    parts = []
    for found in objects:
        row = await definition(connection, place or found.schema or database, found)
        parts.append((str(found), neutral(_text(found, row), names) if row else ""))
    return _compose(objects, [text for _, text in parts])


def describe_absence(objects: Sequence[Object]) -> str:
    """What `describe` says when none of them is there."""
    return _compose(objects, ["" for _ in objects])


def digest(description: str) -> str:
    """``sha256:<hex>`` of a description."""
    return "sha256:" + sha256(description.encode()).hexdigest()


async def fingerprint(connection: Connection, database: str, objects: Iterable[Object]) -> str:
    """The digest of how objects look right now. Raises as `describe` does."""
    return digest(await describe(connection, database, objects))


def fingerprint_of_absence(objects: Sequence[Object]) -> str:
    """The digest when none of the objects exists."""
    return digest(describe_absence(objects))


async def definition(connection: Connection, database: str, found: Object) -> tuple[object, ...] | None:
    """The row of ``SHOW CREATE``; None when it is not there. Raises as the server does."""
    place = f"{name(database)}.{name(found.name)}"
    try:
        [row] = await connection.fetch(f"SHOW CREATE {_SHOW[found.type]} {place}")
    except pymysql.err.MySQLError as error:
        if code_of(error) in ABSENT:
            return None
        raise
    return row


def neutral(text: str, databases: Iterable[str]) -> str:
    """A definition without what differs between two servers that are defined alike, and without these databases."""
    text = _DEFINER.sub("", _COUNTER.sub("", text), count=1)
    for database in databases:
        quoted, bare = re.escape(name(database)), re.escape(database)
        text = re.sub(rf"(?<![`\w.$])(?:{quoted}|{bare})\s*\.\s*(?=[`\w$])", "", text, flags=re.IGNORECASE)
    return text


def _text(found: Object, row: Sequence[object]) -> str:
    # The name comes first, the definition or its SQL mode next; then character sets, and when a trigger was made.
    return "\n".join(str(value) for value in row[1 : 3 if found.type in _WITH_MODE else 2])


def _compose(objects: Iterable[Object], definitions: Sequence[str]) -> str:
    parts = zip(objects, definitions, strict=True)
    return "\n\n".join(f"-- {found.type} {found}\n{text or '-- (does not exist)'}" for found, text in parts)
