"""What making a database has in common, whatever the engine: how long to wait, and what the server said."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from penstock.engines.base import Failure, RunPort
from penstock.engines.patience import Patience
from penstock.engines.reaction import Reaction

LOOK_SECONDS: Final = 2.0
_NOT_YET: Final = (Reaction.AGAIN, Reaction.RECONNECT)


def waiting(port: RunPort, *, wait: bool) -> Patience:
    """As long as the run has time; with ``wait``, whoever cancels it."""
    patience = Patience.of(port)
    return replace(patience, canceled=None) if wait else patience


def out_of_time() -> Failure:
    """The run's time was over, or it was canceled, before the lock was ours."""
    return Failure("infrastructure", "target_busy", "The lock for this database was not to be had.", retry="proof")


def stopped() -> Failure:
    """Somebody canceled the statement, or the time was over, while it was under way."""
    message = "CREATE DATABASE was interrupted: the catalog says whether it took effect."
    return Failure("infrastructure", "interrupted", message, retry="proof")


def refused(code: str, message: str, reaction: Reaction, *, there: bool = False, hint: str | None = None) -> Failure:
    """The server's no: nothing was made."""
    if there:
        return already_there(message)
    if reaction in _NOT_YET:
        return Failure("infrastructure", code, message, retry="transaction")
    return Failure("statement", code, message, hint=hint)


def already_there(message: str) -> Failure:
    """Somebody else has a database of that name."""
    hint = "Choose another name, or sync the instance and assign the database that is there to the project."
    return Failure("check", "database_exists", message, hint=hint)
