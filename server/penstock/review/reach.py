"""What a stage's changes reach, as escalations of approval tiers ask: whether they remove data, and which tables they
name.  Pure: over the steps that review cut the changes into, and sizes that somebody measured."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.domain.gates.escalation import Largest, ReviewFacts
from penstock.sql.steps import MOST_NAMES

_OPAQUE = "what {where} does cannot be read from its text"
_UNSPLIT = "{where} was filed before review kept what it does"
_NOT_MEASURED = "its tables were not measured; run the review again"


@dataclass(frozen=True, slots=True)
class Size:
    """How large a table is, as its server's statistics say."""

    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Reach:
    """What some changes reach.

    Args:
        destructive: they remove data; None when nobody can tell.
        names: of relations that they read, change or drop, and that they do not make themselves.
        unknown: why that is not all; None when it is.
    """

    destructive: bool | None
    names: Collection[str]
    unknown: str | None


def reach(changes: Sequence[tuple[str, int, Sequence[Mapping[str, Any]]]]) -> Reach:
    """What changes reach, from the steps that were stored with them.

    Args:
        changes: version, number of statements and stored steps of each.
    """
    destructive, unknown = False, None
    named: dict[str, None] = {}
    made: set[str] = set()
    for version, statements, steps in changes:
        if statements and not steps:
            unknown = unknown or _UNSPLIT.format(where=f"change {version}")
        for step in steps:
            destructive = destructive or bool(step.get("destructive"))
            lists = [step.get(key, ()) for key in ("reads", "writes", "drops")]
            if step.get("opaque"):
                unknown = unknown or _OPAQUE.format(where=f"change {version}")
            elif any(len(names) >= MOST_NAMES for names in lists):
                unknown = unknown or f"change {version} names too many tables"
            # A step knows only what its statements name together, so that what it makes is new to all of them.
            made |= {name.lower() for name in step.get("creates", ())}
            named.update(dict.fromkeys(name for names in lists for name in names if name.lower() not in made))
    return Reach(True if destructive else None if unknown else False, tuple(named), unknown)


def facts(found: Reach, sizes: Mapping[str, Mapping[str, Size | None]] | None) -> ReviewFacts:
    """What escalations look at.

    Args:
        sizes: database -> name -> its size, None when there is no such table; None altogether when nobody measured.
    """
    unknown = found.unknown
    largest: list[tuple[Size, str]] = []
    if found.names and unknown is None:
        if sizes is None:
            unknown = _NOT_MEASURED
        for database, measured in (sizes or {}).items():
            for name in found.names:
                size = measured.get(name)
                if size is None:
                    unknown = unknown or f"{database} has no table {name}"
    for database, measured in (sizes or {}).items():
        largest += [(size, f"{name} on {database}") for name, size in measured.items() if size is not None]
    rows = max(((s.rows, of) for s, of in largest), default=None)
    room = max(((s.bytes, of) for s, of in largest), default=None)
    return ReviewFacts(
        destructive=found.destructive,
        why_destructive_unknown=found.unknown if found.destructive is None else None,
        rows=Largest(*rows) if rows is not None else None,
        table_bytes=Largest(*room) if room is not None else None,
        why_sizes_unknown=unknown,
    )
