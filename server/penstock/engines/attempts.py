"""Tells sessions of task attempts apart by their names, and describes sessions in a log."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from penstock.engines.base import Session

_NAME: Final = re.compile(r"(?P<task>penstock:[^:]+:\d+):a(?P<attempt>\d+)")


def is_older_attempt(name: str, mine: str) -> bool:
    """Whether ``name`` is a session of an earlier attempt of the task whose attempt ``mine`` is."""
    theirs, ours = _NAME.fullmatch(name), _NAME.fullmatch(mine)
    if theirs is None or ours is None or theirs["task"] != ours["task"]:
        return False
    return int(theirs["attempt"]) < int(ours["attempt"])


def describe(sessions: Sequence[Session]) -> str:
    """One line for a log."""
    return "; ".join(
        f"pid {session.pid} ({session.application_name or session.username or 'unnamed'}, "
        f"{session.state or 'no state shown'})"
        for session in sessions
    )
