"""Whether a change comes after younger ones: its version is older than one that a database already has.

Only versions that carry an order are compared: those that begin with a number, behind the same letters. Versions that
Penstock made up say when somebody typed, not what builds on what.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from penstock.review.finding import Finding
from penstock.review.rules.of_scripts import OUT_OF_ORDER

_GENERATED: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_NUMBERED: Final = re.compile(r"([a-z_]{0,16})([0-9]{1,30}(?:[._-][0-9]{1,30})*)")


def is_ordered(version: str) -> bool:
    """Whether a version says where in a history its change belongs."""
    return _key(version) is not None


def findings(changes: Iterable[str], applied: Mapping[str, AbstractSet[str]]) -> list[tuple[str, Finding]]:
    """The changes that a database gets although it has younger ones, each with its finding.

    Args:
        changes: versions to apply, in order.
        applied: by database, the versions that it has.
    """
    newest = {database: _newest(versions) for database, versions in applied.items()}
    found = []
    for version in changes:
        if (key := _key(version)) is None:
            continue
        prefix, numbers = key
        late = {
            database: top[1]
            for database, tops in newest.items()
            if version not in applied[database] and (top := tops.get(prefix)) is not None and numbers < top[0]
        }
        if late:
            found.append((version, _finding(version, late)))
    return found


def _finding(version: str, late: Mapping[str, str]) -> Finding:
    database, younger = min(late.items())
    others = f" and {len(late) - 1} more" if len(late) > 1 else ""
    return Finding(
        OUT_OF_ORDER.id,
        OUT_OF_ORDER.severity,
        f"{database}{others} already has {younger}, which is younger than {version}: this change was written for an"
        " older schema, and comes out of order.",
        OUT_OF_ORDER.instead,
    )


def _newest(versions: AbstractSet[str]) -> dict[str, tuple[tuple[int, ...], str]]:
    """The newest version for every beginning, with its numbers."""
    newest: dict[str, tuple[tuple[int, ...], str]] = {}
    for version in versions:
        if (key := _key(version)) is not None:
            prefix, numbers = key
            if prefix not in newest or newest[prefix][0] < numbers:
                newest[prefix] = (numbers, version)
    return newest


def _key(version: str) -> tuple[str, tuple[int, ...]] | None:
    small = version.lower()
    if _GENERATED.fullmatch(small) or (found := _NUMBERED.match(small)) is None:
        return None
    return found[1], tuple(int(number) for number in re.split(r"[._-]", found[2]))
