"""What every task type has in common: it is given a claimed task and a port, and says how the attempt ended."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

from penstock.domain import clock
from penstock.domain.patience import CONNECT_DEADLINE
from penstock.engines.base import Failure, LeaseLost, TargetUnavailable
from penstock.runtime.port import TaskPort
from penstock.store import queue, runs

T = TypeVar("T")


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
        "data": dict(failure.data) if failure.data is not None else None,
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
    since = claimed.unreachable_since or clock.now().isoformat()
    for_good = sent or claimed.sent or claimed.rescues > 0
    gives_up_at = None if for_good else (dt.datetime.fromisoformat(since) + CONNECT_DEADLINE).isoformat()
    return runs.End(
        claimed,
        "ready",
        shown(failure) | {"since": since, "gives_up_at": gives_up_at},
        delay=backoff(claimed.failures),
        sent=sent,
        changes=changes if changes is not None else {},
    )


def gave_up(claimed: queue.Claimed) -> bool:
    """Nothing was ever sent, as far as anybody can know, and the target has been away for too long."""
    if claimed.unreachable_since is None or claimed.sent or claimed.rescues:
        return False
    return clock.now() - dt.datetime.fromisoformat(claimed.unreachable_since) > CONNECT_DEADLINE


async def patiently(port: TaskPort, ask: Callable[[], Awaitable[T]]) -> T:
    """What a target answers, once it does.

    Raises:
        LeaseLost: we are to stop, or somebody else has the right to ask now.
    """
    for failures in range(1_000_000):
        try:
            return await ask()
        except TargetUnavailable as error:
            port.log("warning", f"The proof cannot be read yet: {error.message}")
        if port.cancel_reason == "drain":
            break
        await asyncio.sleep(backoff(failures))
        port.may_start_statement()
    raise LeaseLost  # the next holder of the lease goes on asking
