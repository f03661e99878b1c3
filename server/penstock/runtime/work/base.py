"""What every task type has in common: it is given a claimed task and a port, and says how the attempt ended."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final, Protocol

from penstock.engines.base import Failure
from penstock.runtime.port import TaskPort
from penstock.store import queue, runs

CONNECT_DEADLINE: Final = dt.timedelta(minutes=10)


class Work(Protocol):
    """One task type."""

    type: str

    async def run(self, claimed: queue.Claimed, port: TaskPort) -> runs.End:
        """Do the work and say how the attempt ended.

        Raises:
            LeaseLost: somebody else has the right to say so now.
        """


def shown(failure: Failure) -> dict[str, Any]:
    """A failure as it is stored and as the API has it."""
    return {
        "kind": failure.kind,
        "class": failure.failure_class,
        "code": failure.code,
        "message": failure.message,
        "statement_index": failure.statement_index,
        "line": failure.line,
        "column": failure.column,
        "hint": failure.hint or failure.detail,
    }


def failed(
    claimed: queue.Claimed, failure: Failure, *, sent: bool, changes: Mapping[str, str] | None = None
) -> runs.End:
    """The attempt failed for good."""
    return runs.End(
        claimed,
        "failed",
        shown(failure),
        failure.failure_class,
        sent=sent,
        changes=changes if changes is not None else {},
    )


def backoff(failures: int) -> float:
    """Seconds until the next attempt: 1, 2, 4 … 30."""
    return float(min(2 ** min(failures, 5), 30))


def again(
    claimed: queue.Claimed, failure: Failure, *, sent: bool, changes: Mapping[str, str] | None = None
) -> runs.End:
    """The target was away: try again later, and say since when; ``since`` bounds how long when nothing was ever
    sent."""
    since = claimed.unreachable_since or dt.datetime.now(dt.UTC).isoformat()
    return runs.End(
        claimed,
        "ready",
        shown(failure) | {"since": since},
        delay=backoff(claimed.failures),
        sent=sent,
        changes=changes if changes is not None else {},
    )


def gave_up(claimed: queue.Claimed) -> bool:
    """Nothing was ever sent, as far as anybody can know, and the target has been away for too long."""
    if claimed.unreachable_since is None or claimed.sent or claimed.rescues:
        return False
    return dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(claimed.unreachable_since) > CONNECT_DEADLINE
