"""What a PostgreSQL error code means for a change: design 4.3's table, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.engines.reaction import Reaction as Reaction

REACTIONS: Final[Mapping[str, Reaction]] = {
    "40001": Reaction.AGAIN,  # serialization_failure
    "40P01": Reaction.AGAIN,  # deadlock_detected
    "55P03": Reaction.AGAIN,  # lock_not_available
    "57P03": Reaction.RECONNECT,  # cannot_connect_now
    "53300": Reaction.RECONNECT,  # too_many_connections
    "25006": Reaction.RECONNECT,  # read_only_sql_transaction: a standby, soon promoted or left
    "08": Reaction.UNCERTAIN,  # connection_exception, the whole class
    "40003": Reaction.UNCERTAIN,  # statement_completion_unknown
    "57P01": Reaction.UNCERTAIN,  # admin_shutdown
    "57P02": Reaction.UNCERTAIN,  # crash_shutdown
    "57014": Reaction.INTERRUPTED,  # query_canceled
}

LOCK_NOT_AVAILABLE: Final = "55P03"
INSUFFICIENT_PRIVILEGE: Final = "42501"
ALREADY_THERE: Final = frozenset({"42P06", "42P07", "23505"})  # duplicate schema, table, or catalog row


def reaction(sqlstate: str | None) -> Reaction:
    """What to do about an error with this code; None is an error of the network."""
    if sqlstate is None:
        return Reaction.UNCERTAIN
    return REACTIONS.get(sqlstate) or REACTIONS.get(sqlstate[:2]) or Reaction.FINAL
