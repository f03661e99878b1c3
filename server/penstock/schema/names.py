"""Names as statements spell them. Everything that somebody else has named is quoted, whatever it is."""

from __future__ import annotations

import re
from typing import Final

# Literals first: what looks like a name inside one is none.
_POSTGRES: Final = re.compile(
    r"""[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"((?:[^"]|"")*)"|([^\W\d][\w$]*)""", re.DOTALL
)
_MYSQL: Final = re.compile(r"""'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`((?:[^`]|``)*)`""", re.DOTALL)
_PART: Final = re.compile(r'"((?:[^"]|"")+)"|([^\W\d][\w$]*)')


def quoted(*names: str) -> str:
    """A name of PostgreSQL, qualified by those before it."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def literal(text: str) -> str:
    """A string of PostgreSQL that means the same whatever ``standard_conforming_strings`` is."""
    doubled = text.replace("'", "''")
    return "E'" + doubled.replace("\\", "\\\\") + "'" if "\\" in text else f"'{doubled}'"


def backticked(*names: str) -> str:
    """A name of MySQL and MariaDB."""
    return ".".join("`" + name.replace("`", "``") + "`" for name in names)


def parts(name: str) -> tuple[str, ...]:
    """The parts of a qualified name of PostgreSQL that is quoted where it must be; none if it cannot be read."""
    found: list[str] = []
    at = 0
    while (part := _PART.match(name, at)) is not None:
        found.append(part[1].replace('""', '"') if part[1] is not None else part[2])
        at = part.end()
        if at == len(name):
            return tuple(found)
        if name[at] != ".":
            break
        at += 1
    return ()


def mentioned(text: str) -> frozenset[str]:
    """Every name, keyword and alias in an expression of PostgreSQL, as the server prints it."""
    found = (part[1].replace('""', '"') if part[1] is not None else part[2] for part in _POSTGRES.finditer(text))
    return frozenset(name for name in found if name is not None)


def backticks(text: str) -> frozenset[str]:
    """Every quoted name in an expression of MySQL or MariaDB, as the server prints it."""
    return frozenset(part[1].replace("``", "`") for part in _MYSQL.finditer(text) if part[1] is not None)
