"""How changes are told apart in ledgers and records: versioned ones once for all, repeatable ones by their text.

A change whose version begins with ``R__`` is *repeatable*: it runs again whenever its text differs from what the
database had last, after the versioned changes of its release.  Ledger rows are never rewritten, so every run of it has
a row of its own: ``R__name@<n>.<12 digits of the digest>``, where ``n`` counts its runs in that database.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, Protocol, TypeVar

REPEATABLE: Final = "R__"
_DIGITS: Final = 12
_ROW: Final = re.compile(r"@([0-9]+)\.[0-9a-f]{12}")


class Applied(Protocol):
    """What a ledger row has to say here."""

    @property
    def change_digest(self) -> str:
        """``sha256:<hex>`` of what was applied."""


class Versioned(Protocol):
    """Anything with a version."""

    @property
    def version(self) -> str | None:
        """As it was filed."""


V = TypeVar("V", bound=Versioned)


def is_repeatable(version: str | None) -> bool:
    """Whether a change runs again when its text differs."""
    return version is not None and version.startswith(REPEATABLE)


def in_order(changes: Iterable[V]) -> list[V]:
    """Versioned changes in the order they were given, then repeatable ones, likewise."""
    return sorted(changes, key=lambda change: is_repeatable(change.version))


def recorded_as(version: str, digest: str) -> str:
    """What our own records call a change in a database: the version; of a repeatable one with its text's digest.

    The column ``change.recorded_as`` says the same in SQL.
    """
    return f"{version}@{_short(digest)}" if is_repeatable(version) else version


def ledger_version(version: str, digest: str, ledger: Mapping[str, Applied]) -> str:
    """Under which version a database's ledger has a change, or will have it.

    Args:
        ledger: the database's rows of the project, by version.
    """
    if not is_repeatable(version):
        return version
    latest, row = 0, None
    for key in ledger:
        found = _ROW.fullmatch(key, len(version)) if key.startswith(f"{version}@") else None
        if found is not None and int(found[1]) > latest:
            latest, row = int(found[1]), key
    if row is not None and ledger[row].change_digest == digest:
        return row
    return f"{version}@{latest + 1}.{_short(digest)}"


def known_as(ledger_key: str) -> str:
    """What our own records call the change of a ledger row; see `recorded_as`."""
    version, mark, rest = ledger_key.partition("@")
    return f"{version}@{rest.partition('.')[2]}" if mark and is_repeatable(version) else ledger_key


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:_DIGITS]
