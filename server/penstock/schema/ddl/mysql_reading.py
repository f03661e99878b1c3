"""What a definition of MySQL or MariaDB refers to, by its tokens: names are quoted in what the server prints, and in
what introspection composes of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from penstock.schema.model import Index
from penstock.schema.names import backticks

_NAME: Final = r"`(?:[^`]|``)*`"
_FOREIGN: Final = re.compile(
    rf"FOREIGN KEY \((?P<columns>{_NAME}(?:, {_NAME})*)\) "
    rf"REFERENCES (?:(?P<database>{_NAME})\.)?(?P<table>{_NAME}) \((?P<referenced>{_NAME}(?:, {_NAME})*)\).*",
    re.DOTALL,
)
_TOKEN: Final = re.compile(
    r"""'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|(?P<name>`(?:[^`]|``)*`)|(?P<word>\w+)|\s+|.""", re.DOTALL
)


@dataclass(frozen=True)
class Key:
    """Where a foreign key points.

    Args:
        elsewhere: into another database.
    """

    columns: frozenset[str]
    table: str
    referenced: frozenset[str]
    elsewhere: bool


def foreign_key(definition: str) -> Key | None:
    """Read a foreign key as introspection writes it."""
    found = _FOREIGN.fullmatch(definition)
    if found is None:
        return None
    [table] = backticks(found["table"])
    elsewhere = found["database"] is not None
    return Key(backticks(found["columns"]), table, backticks(found["referenced"]), elsewhere)


def index_columns(index: Index) -> frozenset[str]:
    """The columns of an index."""
    start = index.definition.find("(")
    if not index.primary:
        quoted = "`" + index.name.replace("`", "``") + "`"
        start = index.definition.find(quoted) + len(quoted)
    return backticks(index.definition[start:])


def reads(definition: str) -> set[str]:
    """What a view's query may read: names that are neither qualified, nor qualify, nor are aliases."""
    tokens = [(m.lastgroup, m[0]) for m in _TOKEN.finditer(definition) if not m[0].isspace()]
    found = set()
    for at, (kind, token) in enumerate(tokens):
        if kind != "name":
            continue
        before_kind, before = tokens[at - 1] if at else (None, "")
        after = tokens[at + 1][1] if at + 1 < len(tokens) else ""
        alias = before_kind == "name" or before.upper() == "AS"
        if not alias and before != "." and after != ".":
            found.add(token[1:-1].replace("``", "`"))
    return found
