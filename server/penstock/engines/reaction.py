"""What to do about an error of a target, whatever its engine: the classes of design 4.3."""

from __future__ import annotations

from enum import Enum


class Reaction(Enum):
    """What to do about an error.

    AGAIN: roll back and run the whole transaction again.
    RECONNECT: nothing was sent; try to connect again later.
    UNCERTAIN: take the lock and read the ledger before saying anything, when the error answers a COMMIT.
    INTERRUPTED: a cancel or a timeout; who asked for it decides what it means.
    FINAL: the server's last word.
    """

    AGAIN = "again"
    RECONNECT = "reconnect"
    UNCERTAIN = "uncertain"
    INTERRUPTED = "interrupted"
    FINAL = "final"
