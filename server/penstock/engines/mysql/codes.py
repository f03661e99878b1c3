"""What an error number of MySQL or MariaDB means for a change: design 4.3's table, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.engines.reaction import Reaction

REACTIONS: Final[Mapping[int, Reaction]] = {
    1213: Reaction.AGAIN,  # deadlock: everything rolled back
    1205: Reaction.AGAIN,  # lock wait timeout: only the statement rolled back, so ROLLBACK must follow
    1040: Reaction.RECONNECT,  # too many connections
    1203: Reaction.RECONNECT,  # too many connections of this user
    1226: Reaction.RECONNECT,  # this user's resource limit
    2002: Reaction.RECONNECT,
    2003: Reaction.RECONNECT,
    1290: Reaction.RECONNECT,  # read_only: a replica, soon promoted or left
    1836: Reaction.RECONNECT,  # read-only mode
    2006: Reaction.UNCERTAIN,
    2013: Reaction.UNCERTAIN,
    1053: Reaction.UNCERTAIN,  # server shutdown
    1927: Reaction.UNCERTAIN,  # connection was killed
    1180: Reaction.UNCERTAIN,  # error during COMMIT
    1317: Reaction.INTERRUPTED,  # query was interrupted
    3024: Reaction.INTERRUPTED,  # max_execution_time
    1969: Reaction.INTERRUPTED,  # max_statement_time
}

LOCK_WAIT_TIMEOUT: Final = 1205
QUERY_INTERRUPTED: Final = 1317
NO_SUCH_SAVEPOINT: Final = 1305
DENIED: Final = frozenset({1044, 1045, 1142, 1143, 1227, 1370})  # access denied, in its several forms
NOT_ROLLED_BACK: Final = 1196  # warning: some non-transactional tables could not be rolled back
CONNECTION_ENDED: Final = frozenset({1053, 1927})


def reaction(code: int | None) -> Reaction:
    """What to do about an error with this number; None is an error of the network."""
    if code is None:
        return Reaction.UNCERTAIN
    return REACTIONS.get(code, Reaction.UNCERTAIN if 2000 <= code < 3000 else Reaction.FINAL)
