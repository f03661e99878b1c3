"""The freeze gate: nothing starts in a frozen environment or project, or while the whole workspace is stopped."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from penstock.domain.gates.gate import Blocker

Scope = Literal["workspace", "environment", "project"]

_SAYS: Final[dict[Scope, str]] = {
    "workspace": "Everything is stopped",
    "environment": "The environment is frozen",
    "project": "The project is frozen",
}
_THAWS: Final[dict[Scope, str]] = {
    "workspace": "role:workspace:admin",
    "environment": "role:workspace:dba",
    "project": "role:project:owner",
}


@dataclass(frozen=True, slots=True)
class Freeze:
    """Somebody's order that nothing starts.

    Args:
        until: when it ends by itself; None: when somebody ends it.
    """

    scope: Scope
    reason: str
    until: dt.datetime | None = None


def in_force(freezes: Sequence[Freeze], now: dt.datetime) -> list[Freeze]:
    """The freezes that have not ended by themselves."""
    return [f for f in freezes if f.until is None or f.until > now]


def blockers(freezes: Sequence[Freeze], now: dt.datetime) -> list[Blocker]:
    """Why nothing starts; empty when nothing is frozen."""
    return [
        Blocker(
            "freeze",
            "stopped" if f.scope == "workspace" else "frozen",
            f"{_SAYS[f.scope]}: {f.reason}",
            (_THAWS[f.scope],),
            f.until.isoformat() if f.until is not None else None,
        )
        for f in in_force(freezes, now)
    ]
