"""Turns what the server, the network and the clock did into failures that a person can act on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from penstock.engines.attempts import describe
from penstock.engines.base import ApplyState, Failure, Retry, Session
from penstock.engines.mysql.codes import DENIED, QUERY_INTERRUPTED, reaction
from penstock.engines.mysql.driver import code_of, is_answer, message_of
from penstock.engines.mysql.evidence import Evidence
from penstock.engines.patience import Interrupted
from penstock.engines.reaction import Reaction
from penstock.sql.statement import Statement

_RETRY: Final[dict[Reaction, Retry]] = {
    Reaction.AGAIN: "transaction",
    Reaction.RECONNECT: "connect",
    Reaction.UNCERTAIN: "proof",
}
_AT_LINE: Final = re.compile(r" at line (\d+)\Z")
_SYNTAX: Final = 1064
_INTERRUPTED: Final = {
    QUERY_INTERRUPTED: "Somebody ended the statement on the server with KILL QUERY: not Penstock.",
    1969: "The server's or the script's max_statement_time ended it, not the deadline of the task.",
    3024: "The server's or the script's max_execution_time ended it, not the deadline of the task.",
}
_HOW_TO_GRANT: Final = "Let an owner run the SQL that `penstock instance grants --engine mariadb` prints."


def connection_lost(error: BaseException) -> Failure:
    """The connection went away."""
    code = code_of(error)
    return Failure(
        "infrastructure",
        str(code) if code else "connection_lost",
        f"The connection was lost: {message_of(error)}.",
        retry="proof",
    )


def of_our_own(error: BaseException) -> Failure:
    """A statement of Penstock's own did not work: locking, ledger, journal, settings."""
    code = code_of(error)
    if code is None or not is_answer(error):
        return connection_lost(error)
    hint = _HOW_TO_GRANT if code in DENIED else None
    return Failure("infrastructure", str(code), message_of(error), retry=_RETRY.get(reaction(code), "no"), hint=hint)


def of_statement(error: BaseException, statement: Statement) -> Failure:
    """The server refused a statement of the change; says where, as far as the server does."""
    code = code_of(error) or 0
    message = message_of(error)
    line, column = statement.line, statement.column
    if code == _SYNTAX and (at := _AT_LINE.search(message)) and int(at[1]) > 1:
        line, column = statement.line + int(at[1]) - 1, 1
    return Failure(
        "statement",  # a limit of the script's own, too: the task's time is another
        str(code),
        message,
        retry="transaction" if reaction(code) is Reaction.AGAIN else "no",
        hint=_INTERRUPTED.get(code),
        statement_index=statement.index,
        line=line,
        column=column,
    )


def of_verify(error: BaseException, number: int, query: str) -> Failure:
    """A verify query that the server refused."""
    retry: Retry = "transaction" if reaction(code_of(error)) is Reaction.AGAIN else "no"
    message = f"Verify query {number} failed: {message_of(error)}"
    return Failure("check", str(code_of(error)), message, retry=retry, detail=query[:500])


def of_interruption(error: Interrupted) -> tuple[ApplyState, Failure | None]:
    """How a change ends that was canceled or ran out of time; only the latter is a failure."""
    if error.reason == "canceled":
        return "canceled", None
    if error.waited_for:
        return "failed", Failure(
            "timeout", "target_busy", f"The database was in use all the time: {describe(error.waited_for)}"
        )
    return "failed", Failure("timeout", "deadline", "The time for this task is over.")


def busy(holders: Sequence[Session]) -> Failure:
    """Somebody else kept the lock for all the time that there was, outside of a task run."""
    message = f"The database is in use: {describe(holders)}"
    return Failure("infrastructure", "target_busy", message, retry="proof")


def undecided(statement: Statement, why: str, evidence: Evidence | None = None) -> Failure:
    """Nobody can tell whether a statement took effect; what is known goes with it."""
    return Failure(
        "outcome_unknown",
        "outcome_unknown",
        f"Whether statement {statement.index + 1} (line {statement.line}) took effect cannot be told: {why}",
        statement_index=statement.index,
        line=statement.line,
        column=statement.column,
        hint="Look at the database, then settle the task by hand.",
        data=evidence.as_json() if evidence else None,
    )
