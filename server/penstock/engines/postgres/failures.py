"""Turns what the server, the network and the clock did into failures that a person can act on."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from penstock.engines.base import ApplyState, Failure, Retry, Session
from penstock.engines.patience import Interrupted
from penstock.engines.postgres import activity
from penstock.engines.postgres.sqlstates import INSUFFICIENT_PRIVILEGE, Reaction, reaction
from penstock.sql.statement import Statement

_RETRY: dict[Reaction, Retry] = {
    Reaction.AGAIN: "transaction",
    Reaction.RECONNECT: "connect",
    Reaction.UNCERTAIN: "proof",
}


def connection_lost(error: BaseException) -> Failure:
    """The connection went away before a COMMIT was answered."""
    sqlstate = error.sqlstate if isinstance(error, asyncpg.PostgresError) else None
    reason = str(error) or type(error).__name__
    return Failure(
        "infrastructure", sqlstate or "connection_lost", f"The connection was lost: {reason}.", retry="proof"
    )


def of_our_own(error: BaseException) -> Failure:
    """A statement of Penstock's own did not work: locking, the ledger, settings."""
    if not isinstance(error, asyncpg.PostgresError) or error.sqlstate is None:
        return connection_lost(error)
    hint = error.hint
    if error.sqlstate == INSUFFICIENT_PRIVILEGE:
        hint = "Let an owner run the SQL that `penstock instance grants` prints."
    retry = _RETRY.get(reaction(error.sqlstate), "no")
    return Failure("infrastructure", error.sqlstate, _message(error), retry=retry, hint=hint, detail=error.detail)


def of_statement(error: asyncpg.PostgresError, statement: Statement) -> Failure:
    """The server refused a statement of the change; says where, in the change's own text."""
    line, column = statement.line, statement.column
    if error.position and error.position.isdigit():
        line, column = statement.position(int(error.position) - 1)
    code = error.sqlstate or "XX000"
    return Failure(
        "statement",
        code,
        _message(error),
        # The connection has survived, so an "uncertain" code can only come from the script itself.
        retry="transaction" if reaction(code) is Reaction.AGAIN else "no",
        statement_index=statement.index,
        line=line,
        column=column,
        hint=error.hint,
        detail=error.detail,
    )


def of_commit(error: asyncpg.PostgresError) -> Failure:
    """The server answered COMMIT by rolling back: a deferred constraint, a serialization failure."""
    code = error.sqlstate or "XX000"
    retry: Retry = "transaction" if reaction(code) is Reaction.AGAIN else "no"
    return Failure("statement", code, _message(error), retry=retry, hint=error.hint, detail=error.detail)


def of_interruption(error: Interrupted) -> tuple[ApplyState, Failure | None]:
    """How a change ends that was canceled or ran out of time; only the latter is a failure."""
    if error.reason == "canceled":
        return "canceled", None
    if error.waited_for:
        return "failed", _busy(error.waited_for)
    return "failed", Failure("timeout", "deadline", "The time for this task is over; nothing was changed.")


def busy(holders: Sequence[Session]) -> Failure:
    """Somebody else kept the lock for all the time that there was, outside of a task run."""
    return Failure(
        "infrastructure",
        "target_busy",
        f"The database is in use: {activity.describe(holders)}",
        retry="proof",
    )


def lock_lost() -> Failure:
    """A statement of the change has let go of the session's locks."""
    return Failure(
        "statement",
        "lock_lost",
        "The session has lost its lock on the database: a statement before this one has released it.",
        hint="Remove pg_advisory_unlock_all and the like; the next attempt goes on after the steps that are done.",
    )


def journal_conflict(statements: Sequence[Statement], index: int) -> Failure:
    """The journal knows a step of this version that is not in these bytes."""
    at = statements[index] if index < len(statements) else None
    return Failure(
        "version_conflict",
        "journal_conflict",
        f"A part of other bytes of this version was applied here before; they differ from statement {index + 1} on.",
        statement_index=at.index if at else None,
        line=at.line if at else None,
        column=at.column if at else None,
        hint="Bring back the statements that ran, or settle the task by hand.",
    )


def index_differs(statement: Statement, expected: str | None, found: str | None) -> Failure:
    """Somebody has made another index of that name while an attempt was lost."""
    return Failure(
        "statement",
        "index_differs",
        f"An index of this name is there, but not as the change defines it: {found}",
        statement_index=statement.index,
        line=statement.line,
        column=statement.column,
        hint="Drop or rename it, then retry.",
        detail=f"Expected: {expected}",
    )


def index_invalid(statement: Statement, name: str) -> Failure:
    """``IF NOT EXISTS`` has found an index that no query uses."""
    return Failure(
        "statement",
        "index_invalid",
        f"The index {name} was there before and is invalid: an earlier build of it has failed.",
        statement_index=statement.index,
        line=statement.line,
        column=statement.column,
        hint=f"DROP INDEX CONCURRENTLY {name}, then retry.",
    )


def undecided(statement: Statement, why: str, failure: Failure | None = None) -> Failure:
    """Nobody can tell whether a statement took effect."""
    return Failure(
        "outcome_unknown",
        failure.code if failure else "undecidable",
        f"Nobody can tell whether statement {statement.index + 1} took effect: {why}."
        + (f" {failure.message}" if failure else ""),
        statement_index=statement.index,
        line=statement.line,
        column=statement.column,
        hint="Look at the database, then settle the task.",
        data={"statement": statement.text[:2000], "statement_index": statement.index, "line": statement.line},
    )


def _busy(holders: Sequence[Session]) -> Failure:
    return Failure("timeout", "target_busy", f"The database was in use all the time: {activity.describe(holders)}")


def _message(error: asyncpg.PostgresError) -> str:
    return str(error.message or error)
