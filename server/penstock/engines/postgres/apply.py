"""Applies one change to a PostgreSQL target exactly once: the change and its ledger row share one
transaction.

The ledger row comes first: whoever finds it there knows, and whoever inserts it second waits. What COMMIT did
    is never
guessed: without a clear answer the ledger is read under the lock.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import Final

import asyncpg

from penstock.engines.base import (
    ApplyRequest,
    ApplyResult,
    ApplyState,
    Failure,
    LeaseLost,
    LedgerRow,
    RunPort,
    TargetUnavailable,
)
from penstock.engines.patience import Interrupted, Patience, backoff
from penstock.engines.postgres import ledger
from penstock.engines.postgres.connect import Link
from penstock.engines.postgres.failures import (
    connection_lost,
    of_commit,
    of_interruption,
    of_our_own,
)
from penstock.engines.postgres.line import BROKEN, Line
from penstock.engines.postgres.plan import Plan, make_plan, tampered
from penstock.engines.postgres.sqlstates import LOCK_NOT_AVAILABLE, Reaction, reaction
from penstock.engines.postgres.statements import Script

_COMMIT_PATIENCE: Final = 30.0
_PROOF_PATIENCE: Final = 30.0
_MOST_CONFLICTS: Final = 10  # of deadlocks and the like; waiting for a lock is bounded by the deadline alone


@dataclass(frozen=True)
class _Again:
    """The transaction was rolled back for a reason that may be gone next time."""

    failure: Failure


@dataclass(frozen=True)
class _Uncertain:
    """The connection is gone: the ledger must say what happened.

    Args:
        state: what it is called when the ledger says that the change is not there.
        commit_sent: without a COMMIT the server can only have rolled back.
    """

    failure: Failure
    state: ApplyState = "failed"
    commit_sent: bool = False


class _PortStops(Exception):
    """The runner's side says stop; its error must not be taken for one of the target."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        super().__init__(str(error))


_Outcome = ApplyResult | _Again | _Uncertain


class Application:
    """One change on its way into one database. Use once."""

    def __init__(self, line: Line, request: ApplyRequest, port: RunPort) -> None:
        self._line = line
        self._request = request
        self._port = port
        self._patience = Patience.of(port)
        self._plan = Plan((), None)
        self._tries = 0
        self._script: Script | None = None
        self._sent = False
        self._last: Failure | None = None
        self._started = time.monotonic()

    async def run(self) -> ApplyResult:
        """See `penstock.engines.base.EngineSession.apply`."""
        if failure := tampered(self._request):
            return self._ended("failed", failure)
        self._plan = await make_plan(self._request)
        conflicts = 0
        while True:
            outcome = await self._try_unless_over()
            if isinstance(outcome, ApplyResult):
                return outcome
            if isinstance(outcome, _Uncertain):
                return await self._prove(outcome)
            self._last = outcome.failure
            conflicts += outcome.failure.code != LOCK_NOT_AVAILABLE
            if conflicts > _MOST_CONFLICTS:
                return self._ended("failed", outcome.failure)
            self._port.log("info", f"Rolled back, trying again: {outcome.failure.message}")
            try:
                await self._patience.pause(backoff(self._tries, first=0.1, most=5.0))
            except Interrupted as error:
                return self._ended(*self._interrupted(error))

    async def _try_unless_over(self) -> _Outcome:
        try:
            self._patience.check()
            self._tries += 1
            return await self._try()
        except Interrupted as error:
            return self._ended(*self._interrupted(error))
        except TargetUnavailable as error:
            return self._ended("failed", error.failure)

    async def _try(self) -> _Outcome:
        try:
            link = await self._line.link()
            if self._plan.refusal is not None:
                return await self._refuse(link, self._plan.refusal)
            if not link.has_ledger:
                await self._line.create_ledger(self._patience)
            link = await self._line.begin(self._patience, settings=self._settings())
        except BROKEN as error:
            self._line.hang_up()
            failure = of_our_own(error)
            return _Again(failure) if failure.retry in ("transaction", "proof") else self._ended("failed", failure)
        return await self._in_transaction(link)

    def _settings(self) -> str:
        milliseconds = max(1, round(self._request.lock_timeout * 1000))
        return f"SET LOCAL lock_timeout = {milliseconds}; SET LOCAL statement_timeout = 0"

    async def _refuse(self, link: Link, refusal: Failure) -> ApplyResult:
        # An adopted database may have the change all the same: its row was written without running anything.
        row = None
        if link.has_ledger:
            row = await ledger.read_row(link.connection, self._request.project, self._request.version)
        return self._found(row) if row else self._ended("failed", refusal)

    async def _in_transaction(self, link: Link) -> _Outcome:
        script = self._script = Script(
            self._line.target,
            link,
            self._port,
            self._plan.statements,
            lock_timeout=self._request.lock_timeout,
        )
        link.used = True
        try:
            await self._ask_port()
            inserted = await ledger.insert(link.connection, self._request, len(self._plan.statements))
            if inserted is None:
                row = await ledger.read_row(link.connection, self._request.project, self._request.version)
                await self._line.roll_back()
                return self._found(row) if row else _Again(connection_lost(LookupError("the ledger row is gone")))
            row, xid = inserted
            if failure := await script.run(xid, self._request.verify):
                return await self._rolled_back(failure)
            await self._ask_port()
            return await self._commit(script, row, xid)
        except Interrupted as error:
            return await self._stopped(*self._interrupted(error))
        except BROKEN as error:
            return await self._rolled_back(script.failure_of(error))
        except _PortStops as stop:
            await self._line.roll_back()
            raise stop.error from None
        except (LeaseLost, asyncio.CancelledError):
            await self._line.roll_back()
            raise
        except BaseException:
            self._line.hang_up()
            raise
        finally:
            self._sent = self._sent or script.sent
            await script.close()

    def _interrupted(self, error: Interrupted) -> tuple[ApplyState, Failure | None]:
        """How it ends; what kept us from finishing in time says more than that time is over."""
        state, failure = of_interruption(error)
        if failure is not None and self._last is not None and not error.waited_for:
            failure = replace(self._last, kind="timeout")
        return state, failure

    async def _ask_port(self) -> None:
        try:
            await self._port.still_mine()
        except Exception as error:
            raise _PortStops(error) from error

    async def _stopped(self, state: ApplyState, failure: Failure | None) -> _Outcome:
        if await self._line.roll_back():
            return self._ended(state, failure)
        lost = Failure("infrastructure", "connection_lost", "The session had to be ended to stop its statement.")
        return _Uncertain(failure or lost, state)

    async def _rolled_back(self, failure: Failure) -> _Outcome:
        rolled_back = await self._line.roll_back()
        if failure.kind == "outcome_unknown":
            return self._ended("unknown", failure)
        if not rolled_back:
            return _Uncertain(failure)
        return _Again(failure) if failure.retry == "transaction" else self._ended("failed", failure)

    async def _commit(self, script: Script, row: LedgerRow, xid: str) -> _Outcome:
        """COMMIT, which no cancel interrupts: deferred constraints may take their time, and then it is done."""
        patience = Patience(max(self._port.deadline, time.monotonic() + _COMMIT_PATIENCE))
        try:
            tag = await script.commit(patience)
        except Interrupted:
            self._line.hang_up()
            return _Uncertain(connection_lost(TimeoutError("no answer to COMMIT")), commit_sent=True)
        except BROKEN as error:
            if not isinstance(error, asyncpg.PostgresError) or reaction(error.sqlstate) is Reaction.UNCERTAIN:
                self._line.hang_up()
                return _Uncertain(connection_lost(error), commit_sent=True)
            return await self._rolled_back(of_commit(error))
        if tag != "COMMIT":
            return await self._rolled_back(
                Failure("statement", "rolled_back", f"The server answered COMMIT with {tag}.")
            )
        return self._ended("applied", row=row, xid=xid)

    async def _prove(self, uncertain: _Uncertain) -> ApplyResult:
        """Say what is true after the connection was lost."""
        self._port.log("warning", f"{uncertain.failure.message} Reading the ledger to learn what happened.")
        until = max(self._port.deadline, time.monotonic() + _PROOF_PATIENCE)
        patience = Patience(until, log=self._port.log, waiting_on=self._port.waiting_on)
        try:
            rows = await self._line.proven_rows(self._request.project, patience)
        except TargetUnavailable as error:
            failure = replace(uncertain.failure, retry="proof", detail=f"No proof: {error.message}")
            if uncertain.commit_sent:
                return self._ended("unknown", replace(failure, kind="outcome_unknown"))
            return self._ended("failed", failure)
        if row := rows.get(self._request.version):
            return self._found(row, ours=uncertain.commit_sent)
        if uncertain.state == "canceled":
            return self._ended("canceled")
        proven = replace(uncertain.failure, retry="transaction")
        return self._ended("failed", proven if proven.kind == "infrastructure" else uncertain.failure)

    def _found(self, row: LedgerRow, *, ours: bool = False) -> ApplyResult:
        """The ledger has a row of this key; it may be ``ours`` when we have sent a COMMIT."""
        request = self._request
        if row.change_digest == request.change_digest:
            mine = ours and (row.deployment, row.run) == (request.deployment, request.run_id)
            return self._ended("applied" if mine else "already_applied", row=row)
        failure = Failure(
            "version_conflict",
            "version_conflict",
            f"Version {row.version} of {row.project} is here with other bytes ({row.change_digest}), applied "
            f" {row.applied_at:%Y-%m-%d %H:%M} UTC by {row.actor}.",
            hint="Give the new bytes a version of their own.",
        )
        return self._ended("failed", failure, row=row)

    def _ended(
        self,
        state: ApplyState,
        failure: Failure | None = None,
        *,
        row: LedgerRow | None = None,
        xid: str | None = None,
    ) -> ApplyResult:
        script = self._script
        return ApplyResult(
            state=state,
            failure=failure,
            sent=self._sent or (script is not None and script.sent),
            xid=xid,
            statements_run=script.finished if script else 0,
            statements_total=len(self._plan.statements),
            tries=self._tries,
            duration=time.monotonic() - self._started,
            ledger=row,
        )
