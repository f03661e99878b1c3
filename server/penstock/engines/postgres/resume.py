"""Finds in a change's statements how far its journal says it has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from penstock.engines.postgres.journal import Entry
from penstock.sql.statement import Statement


@dataclass(frozen=True)
class Progress:
    """How far a change has come.

    Args:
        done: statements, from the first on, whose effect is in the database.
        step: index of the next step.
        open: the step that was being worked on when an attempt was lost.
        ours: the open step is the next statement, and not one of other bytes.
        conflict: index of the first statement whose bytes are not those that ran.
    """

    done: int = 0
    step: int = 0
    open: Entry | None = None
    ours: bool = True
    conflict: int | None = None


def digest_of(statements: Sequence[Statement]) -> str:
    """What tells the statements of one step from others."""
    return "sha256:" + sha256("\0".join(s.text for s in statements).encode()).hexdigest()


def progress(statements: Sequence[Statement], entries: Sequence[Entry]) -> Progress:
    """Match the journal's steps with statements, however those would be cut into steps today."""
    done = step = 0
    for entry in entries:
        if entry.state == "failed" or entry.step != step:
            break
        length = _length(statements, done, entry.digest)
        if entry.state == "intent":
            return Progress(done, step, entry, ours=length == 1)
        if length is None:
            return Progress(done, step, conflict=done)
        done, step = done + length, step + 1
    return Progress(done, step)


def _length(statements: Sequence[Statement], start: int, digest: str) -> int | None:
    """How many statements from ``start`` on have that digest together."""
    digesting = sha256()
    for index in range(start, len(statements)):
        if index > start:
            digesting.update(b"\0")
        digesting.update(statements[index].text.encode())
        if "sha256:" + digesting.hexdigest() == digest:
            return index + 1 - start
    return None
