"""What the catalogs of databases add to a review: which tables of a change a ROLLBACK or a crash does not take back.

Pure: over the steps that review cut the changes into, and what somebody read in the catalogs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from penstock.review.finding import Finding
from penstock.review.rule import MYSQL
from penstock.review.rules.of_scripts import NON_TRANSACTIONAL, NOT_READ

_SHOWN: Final = 3


class Look(NamedTuple):
    """What was read of one database.

    Args:
        place: its name, with that of its instance.
        outside: tables whose rows are not part of a transaction, each with what stores it; None when nobody could look.
        why: then, why not.
    """

    place: str
    engine: str
    outside: Mapping[str, str] | None
    why: str = ""


class Reviewed(NamedTuple):
    """A change as it is stored.

    Args:
        engine: whose databases it is for; None for all.
        steps: as `penstock.sql.steps.Step`, in builtins.
    """

    version: str
    engine: str | None
    steps: Sequence[Mapping[str, Any]]


def asks(changes: Sequence[Reviewed], engine: str) -> list[str]:
    """The tables of which the catalog of such a database must be asked; none when nothing depends on it."""
    if engine not in MYSQL:
        return []
    steps = [s for c in changes if c.engine in (None, engine) for s in c.steps if s["transactional"]]
    return list(dict.fromkeys(name for step in steps for name in step.get("writes", ())))


def findings(changes: Sequence[Reviewed], looks: Sequence[Look]) -> list[tuple[str, Finding]]:
    """What follows for changes from what was read in the databases that they are for: with the change's version."""
    bad: dict[tuple[str, int, str, str], list[str]] = {}
    unread: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for look in looks:
        for number, change in enumerate(changes):
            if change.engine not in (None, look.engine) or not asks([change], look.engine):
                continue
            if look.outside is None:
                unread[change.version, look.why].append(look.place)
                continue
            for table in asks([change], look.engine):
                if (kind := look.outside.get(table)) is not None:
                    bad.setdefault((change.version, number, table, kind), []).append(look.place)
    found = [
        (version, _outside(changes[number], table, kind, places))
        for (version, number, table, kind), places in bad.items()
    ]
    return found + [(version, _not_read(why, places)) for (version, why), places in unread.items()]


def undecidable(step: Mapping[str, Any], look: Look) -> bool:
    """Whether nobody could tell, after a crash in the midst of a step, whether it took effect there."""
    writes = step.get("writes", ())
    return bool(step["transactional"] and look.outside and any(name in look.outside for name in writes))


def _outside(change: Reviewed, table: str, kind: str, places: Sequence[str]) -> Finding:
    step = next(s for s in change.steps if s["transactional"] and table in s.get("writes", ()))
    message = (
        f"{table} is a table of {kind} in {_some(places)}: what is written to it stays when the rest is taken back, and"
        " if a crash interrupts this, nobody can tell how much of it took effect. A person then has to look."
    )
    rule, line = NON_TRANSACTIONAL, step.get("line")
    return Finding(rule.id, rule.severity, message, rule.instead, None, line, 1 if line else None)


def _not_read(why: str, places: Sequence[str]) -> Finding:
    message = f"Whether its tables are transactional could not be looked up in {_some(places)}: {why}"
    return Finding(NOT_READ.id, NOT_READ.severity, message, NOT_READ.instead)


def _some(places: Sequence[str]) -> str:
    more = f" and {len(places) - _SHOWN:,} more" if len(places) > _SHOWN else ""
    return ", ".join(places[:_SHOWN]) + more
