"""Decides from the journal where a change is to be gone on with, or that nobody can know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from penstock.engines.base import Failure
from penstock.engines.mysql.driver import Connection
from penstock.engines.mysql.evidence import Evidence
from penstock.engines.mysql.failures import undecided
from penstock.engines.mysql.fingerprint import describe, digest
from penstock.engines.mysql.journal import Entry, Foreign, Journal, Mark
from penstock.engines.mysql.plan import Step
from penstock.engines.mysql.script import resumable
from penstock.sql.mysql.ddl import Resume


@dataclass(frozen=True)
class Resumption:
    """Where to go on.

    Args:
        done: steps whose effect is in the database.
        left: the others, in order.
        failure: why to go no further.
        interrupted: a step was running when an earlier attempt was lost, and how it ended cannot be told.
    """

    done: Sequence[Step] = ()
    left: Sequence[Step] = ()
    failure: Failure | None = None
    interrupted: bool = False


async def resume(connection: Connection, database: str, journal: Journal, steps: Sequence[Step]) -> Resumption:
    """Read the journal under the lock. Raises as the server does."""
    entries = await journal.read()
    for other in journal.foreign:
        await _decide_foreign(connection, database, journal, other)
    if not entries:
        return Resumption(left=steps)
    known = {(entry.seq, entry.digest): entry for entry in entries if entry.state != "failed"}
    done: list[Step] = []
    for step in steps:
        if not step.has_effect:  # never journaled; done as far as a later step is
            done.append(step)
            continue
        entry = known.pop((step.seq, step.digest), None)
        if entry is None:
            break
        if entry.state == "intent":
            decided = await _decide(connection, database, journal, step, entry)
            if isinstance(decided, Failure):
                return Resumption(done, steps[len(done) :], decided, interrupted=True)
            if not decided:
                break
            await journal.write(Mark(step.seq, step.digest, "done"))
        done.append(step)
    while done and not done[-1].has_effect:
        done.pop()
    if known:
        return Resumption(failure=_other_bytes(min(seq for seq, _ in known)))
    left = steps[len(done) :]
    if left and done and not resumable(done, left):
        why = "an earlier attempt stopped before it, and the session it relies on is gone."
        return Resumption(done, left, undecided(left[0].parts[0].statement, why))
    return Resumption(done, left)


async def _decide(connection: Connection, database: str, journal: Journal, step: Step, entry: Entry) -> bool | Failure:
    """Whether a step that was running is done; False when it may simply run again (design 4.2)."""
    part = step.parts[0]
    found, statement = part.found, part.statement
    if step.transactional:
        return undecided(statement, "an attempt was lost while it changed tables that know no transactions.")
    if found.resume == "repeat":
        return False
    if not found.defines:
        return undecided(statement, "an attempt was lost while it ran, and it may or may not be run twice.")
    now = await describe(connection, database, found.defines)
    fingerprint = digest(now)
    if found.resume == "compare" and entry.before is not None:
        if fingerprint == entry.expected and entry.expected != entry.before:
            return True
        if fingerprint == entry.before:
            # It did not run, or it is of those that may run twice where they leave the definition as it is: everything
            # else is "never", see `sql.mysql.alterations`.
            return False
    before, expected = await journal.description(entry.before), await journal.description(entry.expected)
    return undecided(statement, _why(found.resume, entry), Evidence(before, expected, now))


async def _decide_foreign(connection: Connection, database: str, journal: Journal, other: Foreign) -> None:
    """Write down how a lost step of another change ended, before anything we do blurs it."""
    entry = other.entry
    objects = await journal.objects(other) if entry.before is not None else []
    if not objects:
        return
    now = digest(await describe(connection, database, objects))
    if now == entry.expected and entry.expected != entry.before:
        await journal.decide(other, "done")
    elif now == entry.before:
        await journal.decide(other, "failed")


def _why(resume: Resume, entry: Entry) -> str:
    lost = "an attempt was lost while it ran, and"
    if resume == "never" or entry.before is None:
        return f"{lost} it may or may not be run twice."
    if entry.expected is None:
        return f"{lost} what it defines is not as it was before; what it was to become could not be foreseen."
    return f"{lost} what it defines is neither as it was before nor as it was to become."


def _other_bytes(seq: int) -> Failure:
    return Failure(
        "version_conflict",
        "journal_conflict",
        f"A part of other bytes of this version was applied here before: its journal differs at statement {seq + 1}.",
        hint="Bring back the statements that ran, or settle the task by hand.",
    )
