"""The gate status-check: a release leaves an environment only when what is required there is green."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from penstock.domain.checks import Check
from penstock.domain.gates.gate import Blocker

OVERRIDES: Final = "role:project:releaser"
_SAYS: Final = {
    "missing": "{context} has not reported on this release in {place} yet.",
    "pending": "{context} is still at work on this release in {place}.",
    "failure": "{context} reports a failure of this release in {place}. It has to report success.",
    "error": "{context} could not check this release in {place}. It has to report success, or a person overrides it.",
}


def blockers(checks: Sequence[Check]) -> list[Blocker]:
    """Why the gate is closed; empty when it is open.

    Args:
        checks: of every context that is required where the stage's releases come from.
    """
    found = []
    for check in checks:
        if not check.passes:
            place = check.environment if check.database is None else f"{check.environment}, database {check.database}"
            message = _SAYS[check.state].format(context=check.context, place=place)
            who = (f"check:{check.context}", *((OVERRIDES,) if check.state == "error" else ()))
            found.append(Blocker("status-check", check.state, message, who))
    return found


def overridable(checks: Sequence[Check]) -> list[Check]:
    """The checks that a person may let pass: those in error, if nothing worse holds any of these releases."""
    held = [check for check in checks if not check.passes]
    return held if all(check.state == "error" for check in held) else []
