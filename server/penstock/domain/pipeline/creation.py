"""What a ``database.create`` task makes: a database whose name the server takes as it is written."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from penstock.domain.errors import FieldError

_ENCODING: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_OURS: Final = re.compile(r"penstock(_.*)?", re.IGNORECASE | re.DOTALL)  # the ledger's, and scratch databases
_INVISIBLE: Final = ("Cc", "Cf", "Cs", "Zl", "Zp")


@dataclass(frozen=True, slots=True)
class Names:
    """Which names a server takes as they are written.

    Args:
        own: the server's own databases.
        owners: a database has an owner.
        wide: characters beyond U+FFFF are taken.
        most: how long a name may be, in ``unit``.
    """

    own: frozenset[str]
    owners: bool
    wide: bool
    most: int
    unit: Literal["bytes", "characters"]


_MYSQL: Final = Names(
    frozenset({"mysql", "information_schema", "performance_schema", "sys"}), False, False, 64, "characters"
)
# PostgreSQL cuts longer names without a word.
NAMES: Final[Mapping[str, Names]] = {
    "postgres": Names(frozenset({"postgres", "template0", "template1"}), True, True, 63, "bytes"),
    "mysql": _MYSQL,
    "mariadb": _MYSQL,
}


@dataclass(frozen=True, slots=True)
class NewDatabase:
    """A database that is to be made.

    Args:
        owner: a role of the server; None leaves it to whoever makes the database. PostgreSQL alone has owners.
        encoding: its encoding, or character set; None leaves the server's default.
    """

    name: str
    owner: str | None = None
    encoding: str | None = None

    def as_options(self) -> dict[str, Any]:
        """As it is stored with its task, and so covered by the digest."""
        return {"database": self.name, "owner": self.owner, "encoding": self.encoding}

    @classmethod
    def of_options(cls, options: Mapping[str, Any]) -> NewDatabase:
        """Read back what `as_options` gave."""
        return cls(options["database"], options["owner"], options["encoding"])


def mistakes(new: NewDatabase, engine: str, field: str) -> Iterator[FieldError]:
    """What is wrong with a database that is to be made.

    Args:
        engine: of its instance.
        field: where the task stands in the request.
    """
    names = NAMES[engine]
    if (wrong := _reserved(new.name, names) or _unfit(new.name, names)) is not None:
        yield FieldError(f"{field}.database", wrong, "bad_database_name")
    if new.owner is not None and not names.owners:
        message = "On this server a database has no owner: grant rights with a change instead."
        yield FieldError(f"{field}.owner", message, "owner_not_supported")
    elif new.owner is not None and (wrong := _unfit(new.owner, names)) is not None:
        yield FieldError(f"{field}.owner", wrong, "bad_owner")
    if new.encoding is not None and not _ENCODING.fullmatch(new.encoding):
        message = "An encoding is a word like UTF8 or utf8mb4, with at most 40 characters."
        yield FieldError(f"{field}.encoding", message, "bad_encoding")


def _reserved(name: str, names: Names) -> str | None:
    if name.lower() in names.own:
        return f"{name} is the server's own database: choose another name."
    if _OURS.fullmatch(name):
        return "Databases of that name are Penstock's own: choose another one."
    return None


def _unfit(name: str, names: Names) -> str | None:
    """Why a server, or a reader, would not take a name as it is written."""
    if name != name.strip() or not name:
        return "A name neither begins nor ends with a space, and is not empty."
    if any(unicodedata.category(c) in _INVISIBLE for c in name):
        return "A name has no control characters, and none that cannot be seen."
    size = len(name.encode()) if names.unit == "bytes" else len(name)
    if size > names.most:
        return f"A name has at most {names.most} {names.unit} on this server; this one has {size}."
    if not names.wide and any(ord(c) > 0xFFFF for c in name):
        return "This server takes no characters beyond U+FFFF in a name."
    return None
