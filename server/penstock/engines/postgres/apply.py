"""Applies one change to a PostgreSQL target exactly once: the change and its ledger row share one
transaction, or the change runs in steps that the journal proves.

The ledger row comes first: whoever finds it there knows, and whoever inserts it second waits. What COMMIT did
is never guessed: without a clear answer the ledger is read under the lock.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final

import asyncpg

from penstock.domain import clock, failpoints
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
from penstock.engines.postgres.committing import commit
from penstock.engines.postgres.connect import Link
from penstock.engines.postgres.failures import of_interruption, of_our_own, undecided
from penstock.engines.postgres.line import BROKEN, Line
from penstock.engines.postgres.outcomes import Again, Applied, Ended, Found, Outcome, PortStops, Uncertain
from penstock.engines.postgres.plan import Plan, make_plan, tampered
from penstock.engines.postgres.points import Point
from penstock.engines.postgres.resume import progress
from penstock.engines.postgres.sqlstates import LOCK_NOT_AVAILABLE
from penstock.engines.postgres.statements import OUT_OF_REACH, Proof, Script
from penstock.engines.postgres.stepwise import Stepwise
from penstock.engines.postgres.subjects import Before

_PROOF_PATIENCE: Final = 30.0  # then the task says that its target is away, and asks again later
_MOST_CONFLICTS: Final = 10  # of deadlocks and the like; waiting for a lock is bounded by the deadline alone


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
        self._kept = 0
        self._last: Failure | None = None
        self._started = clock.monotonic()
        self._surprised = False

    async def run(self) -> ApplyResult:
        """See `penstock.engines.base.EngineSession.apply`."""
        try:
            return await self._run()
        finally:
            self._line.trusting = False

    async def _run(self) -> ApplyResult:
        if failure := tampered(self._request):
            return self._ended("failed", failure)
        self._plan = await make_plan(self._request)
        conflicts = 0
        while True:
            outcome = await self._try_unless_over()
            match outcome:
                case Applied(row, xid):
                    return self._ended("applied", row=row, xid=xid)
                case Found(row):
                    return self._found(row)
                case Ended(state, failure):
                    return self._ended(state, failure)
                case Uncertain():
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

    async def _try_unless_over(self) -> Outcome:
        try:
            self._patience.check()
            self._tries += 1
            return await self._try()
        except Interrupted as error:
            return Ended(*self._interrupted(error))
        except PortStops as stop:
            raise stop.error from None
        except TargetUnavailable as error:
            return Ended("failed", error.failure)

    async def _try(self) -> Outcome:
        # What runs in one transaction finds out with its ledger row whether all is as it was: see `_unfamiliar`.
        self._line.trusting = not (self._surprised or self._plan.in_steps or self._plan.refusal)
        try:
            link = await self._line.link()
            if self._plan.refusal is not None:
                return await self._refuse(link, self._plan.refusal)
            if not link.has_ledger or (self._plan.in_steps and not link.has_journal):
                await self._line.create_ledger(self._patience)
            if self._plan.in_steps:
                return await self._in_steps()
            link = await self._line.begin(self._patience, settings=self._settings())
            return await self._in_transaction(link)
        except BROKEN as error:
            self._line.hang_up()
            failure = of_our_own(error)
            return Again(failure) if failure.retry in ("transaction", "proof") else Ended("failed", failure)

    def _settings(self) -> str:
        milliseconds = max(1, round(self._request.lock_timeout * 1000))
        return f"SET LOCAL lock_timeout = {milliseconds}; SET LOCAL statement_timeout = 0"

    async def _refuse(self, link: Link, refusal: Failure) -> Outcome:
        # An adopted database may have the change all the same: its row was written without running anything.
        row = None
        if link.has_ledger:
            row = await ledger.read_row(link.connection, self._request.project, self._request.version)
        return Found(row) if row else Ended("failed", refusal)

    def _new_script(self, link: Link) -> Script:
        self._script = Script(
            self._line.target,
            link,
            self._port,
            total=len(self._plan.statements),
            lock_timeout=self._request.lock_timeout,
        )
        return self._script

    async def _in_steps(self) -> Outcome:
        self._line.trusting = False
        link = await self._line.lock(self._patience)
        script = self._new_script(link)
        stepwise = Stepwise(self._line, self._request, self._port, self._plan, script)
        try:
            return await stepwise.run(link)
        except BaseException as error:
            if not isinstance(error, Interrupted | PortStops | LeaseLost | asyncio.CancelledError):
                self._line.hang_up()
            raise
        finally:
            self._kept = max(self._kept, stepwise.kept)
            self._sent = self._sent or script.sent
            await script.close()
            await self._line.unlock()

    async def _in_transaction(self, link: Link) -> Outcome:
        script = self._new_script(link)
        link.used = True
        try:
            await self._ask_port()
            inserted = await self._insert(link)
            if inserted is None and link.assumed:
                return await self._unfamiliar()
            if inserted is None:
                row = await ledger.read_row(link.connection, self._request.project, self._request.version)
                await self._line.roll_back()
                if row is not None:
                    return Found(row)
                # Other bytes of this version ran in steps: the journal has to be gone on from, or against.
                return await self._in_steps()
            row, xid = inserted
            proof = Proof.of_change(xid, self._request)
            if failure := await script.run(self._plan.statements, proof, self._request.verify):
                return await self._rolled_back(failure)
            await self._ask_port()
            answer = await commit(self._line, script, self._port.deadline)
            if isinstance(answer, Uncertain):
                return answer
            if answer is not None:
                return await self._rolled_back(answer)
            failpoints.reach(Point.CHANGE_COMMITTED)
            return Applied(row, xid)
        except Interrupted as error:
            return await self._stopped(*self._interrupted(error))
        except BROKEN as error:
            return await self._rolled_back(script.failure_of(error))
        except (PortStops, LeaseLost, asyncio.CancelledError):
            await self._line.roll_back()
            raise
        except BaseException:
            self._line.hang_up()
            raise
        finally:
            self._sent = self._sent or script.sent
            await script.close()

    async def _insert(self, link: Link) -> tuple[LedgerRow, str] | None:
        connection, count = link.connection, len(self._plan.statements)
        if not link.assumed:
            return await ledger.insert(connection, self._request, count, unless_journaled=link.has_journal)
        try:
            return await ledger.insert(connection, self._request, count, assumed_pid=link.pid)
        except asyncpg.PostgresError as error:
            if error.sqlstate not in OUT_OF_REACH:
                raise
            return None

    async def _unfamiliar(self) -> Outcome:
        """The row is there already, or ledger, login or session are not what they were: look, and begin anew."""
        self._surprised = True
        await self._line.roll_back()
        return await self._try()

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
            raise PortStops(error) from error

    async def _stopped(self, state: ApplyState, failure: Failure | None) -> Outcome:
        if await self._line.roll_back():
            return Ended(state, failure)
        lost = Failure("infrastructure", "connection_lost", "The session had to be ended to stop its statement.")
        return Uncertain(failure or lost, state)

    async def _rolled_back(self, failure: Failure) -> Outcome:
        rolled_back = await self._line.roll_back()
        if failure.kind == "outcome_unknown":
            return Ended("unknown", failure)
        if not rolled_back:
            return Uncertain(failure)
        return Again(failure) if failure.retry == "transaction" else Ended("failed", failure)

    async def _prove(self, uncertain: Uncertain) -> ApplyResult:
        """Say what is true after the connection was lost."""
        self._line.trusting = False
        self._port.log("warning", f"{uncertain.failure.message} Reading the ledger to learn what happened.")
        until = clock.monotonic() + _PROOF_PATIENCE
        patience = Patience(until, log=self._port.log, waiting_on=self._port.waiting_on)
        try:
            row, entries = await self._line.standing(self._request.project, self._request.version, patience)
        except TargetUnavailable as error:
            failure = replace(uncertain.failure, retry="proof", detail=f"No proof: {error.message}")
            if uncertain.effect:
                return self._ended("unknown", replace(failure, kind="outcome_unknown"))
            return self._ended("failed", failure)
        if row is not None:
            return self._found(row, ours=uncertain.effect)
        found = progress(self._plan.statements, entries)
        self._kept = found.done
        if found.open is not None and Before.read(found.open.before).action == "undecidable":
            statement = self._plan.statements[min(found.done, len(self._plan.statements) - 1)]
            return self._ended("unknown", undecided(statement, "its connection was lost while it ran"))
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
            f"{row.applied_at:%Y-%m-%d %H:%M} UTC by {row.actor}.",
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
        proven = state in ("applied", "already_applied")
        if self._kept and not proven:
            upto = "Statement 1 stays" if self._kept == 1 else f"Statements 1 to {self._kept} stay"
            self._port.log("warning", f"{upto} applied. A next attempt goes on after that.")
            if failure is not None and failure.code == "deadline":
                failure = replace(failure, message=f"The time for this task is over. {upto} applied.")
        return ApplyResult(
            state=state,
            failure=failure,
            sent=self._sent or (script is not None and script.sent),
            xid=xid,
            statements_run=script.finished if script else 0,
            statements_total=len(self._plan.statements),
            tries=self._tries,
            duration=clock.monotonic() - self._started,
            ledger=row,
            kept=0 if proven else self._kept,
        )
