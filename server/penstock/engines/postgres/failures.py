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


def _busy(holders: Sequence[Session]) -> Failure:
    return Failure("timeout", "target_busy", f"The database was in use all the time: {activity.describe(holders)}")


def _message(error: asyncpg.PostgresError) -> str:
    return str(error.message or error)
