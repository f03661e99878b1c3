"""What a login may do, from what SHOW GRANTS answers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_NAME: Final = r"\*|`(?:[^`]|``)*`|[^\s.`]+"
_GRANT: Final = re.compile(rf"GRANT (?P<privileges>.+?) ON (?P<database>{_NAME})\.(?P<table>{_NAME}) TO ")
_SEPARATOR: Final = re.compile(r"\s*(?:\([^)]*\))?\s*(?:,|\Z)\s*")
ALL: Final = "ALL PRIVILEGES"


@dataclass(frozen=True)
class Grant:
    """Privileges on one level.

    Args:
        database: ``*`` for the whole server, else a pattern with ``%`` and ``_``.
        table: ``*`` for every table, else a name.
    """

    privileges: frozenset[str]
    database: str
    table: str

    def reaches(self, database: str) -> bool:
        """Whether it concerns a database, as a whole or a table of it."""
        if self.database == "*":
            return True
        parts = re.split(r"(\\.|%|_)", self.database)
        pattern = "".join({"%": ".*", "_": "."}.get(p, re.escape(p.removeprefix("\\"))) for p in parts)
        return re.fullmatch(pattern, database, re.DOTALL) is not None

    def gives(self, privilege: str) -> bool:
        """Whether it holds a privilege."""
        return not self.privileges.isdisjoint({privilege, ALL})


def parse_grants(lines: Iterable[str]) -> list[Grant]:
    """Read the lines; those that give a role are left out, since a role in force has lines of its own."""
    found = []
    for line in lines:
        if grant := _GRANT.match(line):
            names = (part.strip() for part in _SEPARATOR.split(grant["privileges"]))
            found.append(Grant(frozenset(filter(None, names)), _plain(grant["database"]), _plain(grant["table"])))
    return found


def levels(grants: Iterable[Grant], database: str) -> list[tuple[frozenset[str], str]]:
    """What concerns one database, as (privileges, level) with levels such as ``*.*``, ``shop.*``, ``shop.orders``."""
    return [
        (grant.privileges, "*.*" if grant.database == "*" else f"{database}.{grant.table}")
        for grant in grants
        if grant.reaches(database)
    ]


def _plain(name: str) -> str:
    return name[1:-1].replace("``", "`") if name.startswith("`") else name
