"""Sends COMMIT and says what the answer means."""

from __future__ import annotations

from typing import Final

import asyncpg

from penstock.domain import clock
from penstock.engines.base import Failure
from penstock.engines.patience import Interrupted, Patience
from penstock.engines.postgres.failures import connection_lost, of_commit
from penstock.engines.postgres.line import BROKEN, Line
from penstock.engines.postgres.outcomes import Uncertain
from penstock.engines.postgres.sqlstates import Reaction, reaction
from penstock.engines.postgres.statements import Script

_COMMIT_PATIENCE: Final = 30.0


async def commit(line: Line, script: Script, deadline: float) -> Failure | Uncertain | None:
    """COMMIT, which no cancel interrupts: deferred constraints may take their time, and then it is done.

    Returns:
        None: it is committed; a failure: it is not; `Uncertain`: there was no answer to tell by.
    """
    patience = Patience(max(deadline, clock.monotonic() + _COMMIT_PATIENCE))
    try:
        tag = await script.commit(patience)
    except Interrupted:
        line.hang_up()
        return Uncertain(connection_lost(TimeoutError("no answer to COMMIT")), effect=True)
    except BROKEN as error:
        if not isinstance(error, asyncpg.PostgresError) or reaction(error.sqlstate) is Reaction.UNCERTAIN:
            line.hang_up()
            return Uncertain(connection_lost(error), effect=True)
        return of_commit(error)
    if tag != "COMMIT":
        return Failure("statement", "rolled_back", f"The server answered COMMIT with {tag}.")
    return None
