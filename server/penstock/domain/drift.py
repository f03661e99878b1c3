"""Drift: a database is not as Penstock left it.  What one reading of a database means, as one pure function.

A database is *expected* to be as it was first seen, as a change of ours left it, or as a person accepted it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

STATUSES: Final = ("open", "ignored", "accepted", "ended")
STANDING: Final = ("open", "ignored")  # a database has one of these at most
ENDS: Final = ("gone", "vanished", "left")  # as expected again; no longer there; of no project any more
REASONS: Final = ("first_sight", "change", "reading", "person")  # why something is expected

Status = Literal["open", "ignored"]
Verdict = Literal["first_sight", "wait", "as_expected", "change", "reading", "opened", "still", "moved", "reopened"]


@dataclass(frozen=True, slots=True)
class Standing:
    """A drift that has not ended.

    Args:
        found: what the database was when it was last read.
        explained: since then a change of ours ran, or the way of reading has changed.
        lapsed: it was ignored until a time that is over.
    """

    status: Status
    found: str
    explained: bool
    lapsed: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """A database as it was just read, and what is known of it.

    Args:
        expected: None before the first reading.
        overlapped: a change of ours ran while it was read, or nobody knows yet how one ended.
        changed: a change of ours ran since ``expected`` was read.
        reread: ``expected`` was read in another way: by an older Penstock, or from an older server.
    """

    found: str
    expected: str | None
    overlapped: bool
    changed: bool
    reread: bool
    standing: Standing | None = None


def judge(seen: Seen) -> Verdict:
    """What a reading means.

    Returns:
        ``first_sight``, ``change``, ``reading``: what was found is expected from now on, for that reason.
        ``wait``: it may be half of a change; the next reading will tell.
        ``as_expected``: a drift that stands is gone.
        ``opened``: it has drifted.
        ``still``: a drift stands as it did.
        ``moved``: it stands, and there is something else now.
        ``reopened``: it is not ignored any more.
    """
    if seen.expected is None:
        return "first_sight"
    if seen.overlapped:
        return "wait"
    if seen.found == seen.expected:
        return "as_expected"
    if seen.standing is not None:
        return _standing(seen.found, seen.standing)
    if seen.changed:
        return "change"
    return "reading" if seen.reread else "opened"


def _standing(found: str, drift: Standing) -> Verdict:
    """What a person has not accepted is never taken for ours because a change of ours ran after it."""
    same = found == drift.found
    if drift.status == "ignored" and (drift.lapsed or not (same or drift.explained)):
        return "reopened"
    return "still" if same else "moved"


def reading(form: int, flavour: str | None, version: str | None) -> str:
    """The way in which schemas are read: the form in which we keep them, and the server that spells them.

    Two releases of a server may spell the same view or default differently.

    Args:
        form: `penstock.schema.fingerprint.FORM`.
        flavour, version: what the server says of itself.
    """
    numbers = re.match(r"\d+" if flavour == "postgresql" else r"\d+(\.\d+)?", version or "")
    return f"{form} {flavour or '?'} {numbers[0] if numbers else '?'}"
