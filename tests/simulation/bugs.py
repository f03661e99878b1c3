"""Mistakes that somebody could make, planted one at a time: each replaces one small piece, and must be noticed.

They are as harmless as such mistakes look: without crashes, pauses and lost answers, most of them work.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final
from unittest import mock

from penstock.engines.base import ApplyRequest, Failure, LedgerRow
from penstock.engines.patience import Patience
from penstock.engines.postgres import apply, committing, connect, line, lock
from penstock.engines.postgres import ledger as real_ledger
from penstock.engines.postgres.connect import Link
from penstock.engines.postgres.outcomes import Uncertain
from penstock.engines.postgres.statements import Script
from penstock.engines.postgres.watch import Watch
from penstock.runtime.port import PermitLost, TaskPort
from penstock.services.attempts import Ended
from penstock.store.database import TROUBLE
from tests.simulation.store import Store

BEGIN: Final = "BEGIN ISOLATION LEVEL READ COMMITTED; "


@contextmanager
def _replaced(*what: tuple[Any, str, Any]) -> Iterator[None]:
    with ExitStack() as stack:
        for where, name, by in what:
            stack.enter_context(mock.patch.object(where, name, by))
        yield


async def _all_well(*_: object, **__: object) -> None:
    """A check that finds nothing."""


async def _no_row(
    connection: Any, request: ApplyRequest, statement_count: int, *, unless_journaled: bool = False
) -> tuple[LedgerRow, str]:
    values = (request.project, request.version, request.name, request.change_digest, request.release_digest)
    row = LedgerRow(*values, request.deployment, statement_count, request.run_id, request.actor, dt.datetime.min)
    return row, "1"


async def _row_of_its_own(
    connection: Any, request: ApplyRequest, statement_count: int, *, unless_journaled: bool = False
) -> tuple[LedgerRow, str] | None:
    inserted = await real_ledger.insert(connection, request, statement_count, unless_journaled=unless_journaled)
    if inserted is not None:
        await connection.execute("COMMIT")
        await connection.execute(BEGIN)
    return inserted


def no_marker() -> Any:
    """The change commits without a row in the ledger."""
    own = mock.Mock(wraps=real_ledger, insert=_no_row)
    return _replaced((apply, "ledger", own), (Script, "_check_transaction", _all_well))


def marker_first() -> Any:
    """The row commits before the change, in a transaction of its own."""
    own = mock.Mock(wraps=real_ledger, insert=_row_of_its_own)
    return _replaced((apply, "ledger", own), (Script, "_check_transaction", _all_well))


def said_before_committed() -> Any:
    """The attempt is said to have succeeded while COMMIT is still under way."""
    real = committing.commit
    under_way = set[asyncio.Task[Any]]()

    async def commit(*given: Any) -> None:
        under_way.add(asyncio.create_task(real(*given)))

    async def close(self: Script) -> None:
        """The watch is still needed."""

    return _replaced((apply, "commit", commit), (Script, "close", close), (line.Line, "close", _all_well))


def row_not_believed() -> Any:
    """Whoever finds the row there already applies the change all the same."""

    async def insert(connection: Any, request: ApplyRequest, statement_count: int, **more: Any) -> Any:
        found = await real_ledger.insert(connection, request, statement_count, **more)
        return found or await _no_row(connection, request, statement_count)

    own = mock.Mock(wraps=real_ledger, insert=insert)
    return _replaced((apply, "ledger", own), (Script, "_check_transaction", _all_well))


def no_lock() -> Any:
    """Nobody takes the lock."""

    async def begin(link: Link, *_: object, settings: str = "") -> None:
        await link.connection.execute(BEGIN + settings)

    return _replaced((line, "begin_locked", begin))


def lock_elsewhere() -> Any:
    """The lock is held by a connection beside the one that works."""
    beside: dict[int, Link] = {}

    async def begin(self: line.Line, patience: Patience, *, settings: str = "") -> Link:
        link = await self.link()
        other = beside.get(id(self))
        if other is None or other.closed:
            other = beside[id(self)] = await connect.open_link(self.target)
        await other.connection.execute("ROLLBACK")
        await lock.begin_locked(other, patience, self.target.application_name)
        await link.connection.execute(BEGIN + settings)
        return link

    real = line.Line.close

    async def close(self: line.Line) -> None:
        if other := beside.pop(id(self), None):
            other.connection.terminate()
        await real(self)

    return _replaced((line.Line, "begin", begin), (line.Line, "close", close))


def cancel_without_lock() -> Any:
    """Whoever wants to know how a canceled or uncertain attempt ended looks into the ledger without the lock."""

    async def read(self: line.Line, read: Callable[[Link], Any], _: Patience) -> Any:
        return await read(await self.link())

    return _replaced((line.Line, "_read_locked", read))


def no_lease_check() -> Any:
    """A runner believes that what it has claimed stays its own."""

    async def still_mine(self: TaskPort) -> None:
        while True:
            try:
                standing = await self._standings.ask(self.claimed)
            except TROUBLE:
                await asyncio.sleep(0.5)
                continue
            if standing.holds and not self.sent and not standing.permitted:
                raise PermitLost
            return

    return _replaced(
        (TaskPort, "lost", False), (TaskPort, "lose", lambda self: None), (TaskPort, "still_mine", still_mine)
    )


def no_check_after_lock() -> Any:
    """Lease and permit are not asked for again once the lock is had."""
    return _replaced((apply.Application, "_ask_port", _all_well))


def uncertain_commit_failed() -> Any:
    """No answer to COMMIT is taken for a failure."""
    real = committing.commit

    async def commit(*given: Any) -> Any:
        answer = await real(*given)
        if isinstance(answer, Uncertain):
            return Failure("infrastructure", "connection_lost", "COMMIT was not answered.")
        return answer

    async def rolled_back(self: line.Line) -> bool:
        return True

    return _replaced((apply, "commit", commit), (line.Line, "roll_back", rolled_back))


def lost_wake_up() -> Any:
    """What ends does not let the next task on its database begin."""
    real_end, real_promote = Store.end, Store.promote

    def end(self: Store, *given: Any, **more: Any) -> Ended:
        with mock.patch.object(Store, "promote", lambda *_: 0):
            return real_end(self, *given, **more)

    assert real_promote is Store.promote
    return _replaced((Store, "end", end))


def canceled_in_doubt() -> Any:
    """A task whose attempt was lost is canceled at once, like one that has never begun."""
    return _replaced((Store, "in_doubt", lambda *_: False))


def no_fence() -> Any:
    """A runner that has lost its lease may still say how its attempt ended."""

    def held(self: Store, claimed: Any) -> Any:
        task = self.tasks[claimed.id]
        return task if task.status in ("scheduled", "running", "canceling") else None

    return _replaced((Store, "_held", held))


def never_looks_again() -> Any:
    """Whoever watches a statement gives up for good when its own connection is lost."""
    real = Watch._lose_sight

    def lose_sight(self: Watch, error: Exception) -> None:
        real(self, error)
        self._blind_until = math.inf

    return _replaced((Watch, "_lose_sight", lose_sight))


def any_bytes() -> Any:
    """Nobody compares the bytes with the digest that was approved."""
    return _replaced((apply, "tampered", lambda _: None))


# Each with the worlds within which it is found, many more than it takes, and the law that it breaks.
BUGS: Final[dict[Callable[[], Any], tuple[int, str]]] = {
    no_marker: (10, r"without a row in the ledger"),
    marker_first: (10, r"took no effect"),
    said_before_committed: (100, r"is said to have"),
    any_bytes: (1000, r"nobody approved"),
    row_not_believed: (1000, r"took effect 2 times"),
    no_lock: (1000, r"two sessions are at work"),
    lock_elsewhere: (3000, r"two sessions are at work|, and .* commits"),
    cancel_without_lock: (3000, r", and .* commits"),
    no_lease_check: (1000, r"after its lease was lost"),
    no_check_after_lock: (2000, r"begins without a permit"),
    uncertain_commit_failed: (2000, r", and .* commits|all of its changes are in the ledger"),
    lost_wake_up: (50, r"slots_repaired"),
    canceled_in_doubt: (4000, r"is canceled, and all of its changes|canceled, and .* commits"),
    no_fence: (4000, r"has lost its lease"),
    never_looks_again: (2000, r"not everything has ended"),
}
