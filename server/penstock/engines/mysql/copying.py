"""Copies definitions, and never rows, from a target into the current database of a connection."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pymysql

from penstock.engines.mysql.driver import Connection, is_answer, text
from penstock.engines.mysql.fingerprint import definition, neutral
from penstock.engines.mysql.plan import Part
from penstock.engines.mysql.portable import relations
from penstock.engines.mysql.scratch import NEUTRAL_MODE
from penstock.sql.mysql.ddl import Object
from penstock.sql.splitter.mysql_tokens import Dialect

_TYPES: Final = {"VIEW": "view", "SEQUENCE": "sequence", "BASE TABLE": "table", "SYSTEM VERSIONED": "table"}
_QUOTED: Final = re.compile(r"`((?:[^`]|``)+)`")
_ENGINE: Final = re.compile(r"\) ENGINE=(\w+)")
_COPIED_ENGINES: Final = frozenset({"InnoDB", "MyISAM", "Aria", "MEMORY"})  # others may reach out of the database
_ROUTINES: Final = frozenset({"procedure", "function"})


@dataclass(frozen=True)
class Copies:
    """Definitions of a target, without the name of its database.

    Args:
        relations: statements that create sequences and tables, in an order in which they can be run.
        views: the same; they may rely on each other.
        routines: SQL mode and statement of each.
    """

    relations: Sequence[str]
    views: Sequence[str]
    routines: Sequence[tuple[str, str]]


async def read(connection: Connection, database: str, parts: Sequence[Part], dialect: Dialect) -> Copies:
    """Read what some statements need to find, in their order, to be run without error.

    What cannot be copied is left out: the statement that needs it will say so.

    Raises:
        MySQLError, OSError: as the server and the network do.
    """
    wanted = _wanted(parts, dialect)
    found = await _find(connection, database, wanted)
    views: list[str] = []
    tables: list[str] = []
    sequences: list[str] = []
    seen: set[str] = set()
    while found:
        more: set[str] = set()
        for name, type_ in sorted(found.items()):
            row = await definition(connection, database, Object(type_, "", name))
            statement = neutral(str(row[1]), (database,)) if row else ""
            if not statement or (type_ == "table" and not _is_plain(statement)):
                continue
            {"view": views, "sequence": sequences}.get(type_, tables).append(statement)
            if type_ == "view" or "nextval(" in statement or "lastval(" in statement:
                more |= {quoted.replace("``", "`") for quoted in _QUOTED.findall(statement)}
        seen |= set(found)
        found = {k: v for k, v in (await _find(connection, database, more - seen)).items() if k not in seen}
    routines: list[tuple[str, str]] = []
    for routine in _routines(parts):
        row = await definition(connection, database, routine)
        if row is not None and row[2]:
            routines.append((str(row[1]), neutral(str(row[2]), (database,))))
    return Copies([*sequences, *tables], views, routines)


async def create(connection: Connection, copies: Copies) -> None:
    """Create them in the current database, as far as the server lets us. Raises as `read` does."""
    for statement in copies.relations:
        await _run(connection, statement)
    await _create_in_any_order(connection, copies.views)
    for mode, statement in copies.routines:
        await connection.run(f"SET SESSION sql_mode = {text(mode)}")
        await _run(connection, statement)
        await connection.run(f"SET SESSION sql_mode = {text(NEUTRAL_MODE)}")


def _wanted(parts: Sequence[Part], dialect: Dialect) -> set[str]:
    """Names that a statement relies on before another one has dropped what bears them."""
    wanted: set[str] = set()
    dropped: set[str] = set()
    for part in parts:
        names = set(relations(part, dialect))
        if part.found.gone:
            dropped |= names - wanted
        else:
            wanted |= names - dropped
    return wanted


def _routines(parts: Sequence[Part]) -> list[Object]:
    altered = [o for part in parts if part.found.kind.startswith("alter_") for o in part.found.defines]
    return [o for o in altered if o.type in _ROUTINES]


async def _find(connection: Connection, database: str, names: set[str]) -> dict[str, str]:
    """The relations of these names, with their types."""
    if not names:
        return {}
    rows = await connection.fetch(
        "SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES"
        f" WHERE TABLE_SCHEMA = {text(database)} AND TABLE_NAME IN ({', '.join(map(text, sorted(names)))})"
    )
    return {name: _TYPES[type_] for name, type_ in rows if type_ in _TYPES}


def _is_plain(statement: str) -> bool:
    engine = _ENGINE.search(statement)
    return engine is not None and engine[1] in _COPIED_ENGINES


async def _create_in_any_order(connection: Connection, statements: Sequence[str]) -> None:
    """Views may rely on each other."""
    left = list(statements)
    while left:
        refused = [statement for statement in left if not await _run(connection, statement)]
        if len(refused) == len(left):
            return
        left = refused


async def _run(connection: Connection, statement: str) -> bool:
    try:
        await connection.run(statement)
    except pymysql.err.MySQLError as error:
        if not is_answer(error):
            raise
        return False
    return True
