"""How one try to apply a change can come out, before it is told to anybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from penstock.engines.base import ApplyState, Failure, LedgerRow


@dataclass(frozen=True)
class Applied:
    """The ledger row is committed."""

    row: LedgerRow
    xid: str


@dataclass(frozen=True)
class Found:
    """The ledger has a row of this key already."""

    row: LedgerRow


@dataclass(frozen=True)
class Ended:
    """It ends here, and nothing is in doubt but what the failure says."""

    state: ApplyState
    failure: Failure | None = None


@dataclass(frozen=True)
class Again:
    """It was rolled back for a reason that may be gone next time."""

    failure: Failure


@dataclass(frozen=True)
class Uncertain:
    """The connection is gone: ledger and journal must say what happened.

    Args:
        state: what it is called when they say that the change is not there.
        effect: something was sent that may have taken effect: a COMMIT, or a statement outside of a transaction.
    """

    failure: Failure
    state: ApplyState = "failed"
    effect: bool = False


Outcome: TypeAlias = Applied | Found | Ended | Again | Uncertain


class PortStops(Exception):
    """The runner's side says stop; its error must not be taken for one of the target."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        super().__init__(str(error))
