"""Applies one change to a MySQL or MariaDB database exactly once, or says truthfully that nobody can know.

The lock comes first, then the ledger, then the journal, which tells where an earlier attempt stopped. What happened
while the connection was lost is never guessed: ledger and journal are read under the lock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

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
from penstock.engines.mysql import ledger
from penstock.engines.mysql.codes import LOCK_WAIT_TIMEOUT
from penstock.engines.mysql.connect import Link
from penstock.engines.mysql.driver import BROKEN, is_answer
from penstock.engines.mysql.failures import connection_lost, of_interruption, of_our_own, of_verify
from penstock.engines.mysql.journal import Journal
from penstock.engines.mysql.line import Line
from penstock.engines.mysql.plan import Plan, Step, make_plan
from penstock.engines.mysql.points import Point
from penstock.engines.mysql.rehearsal import Rehearsal
from penstock.engines.mysql.rehearsals import Rehearsals
from penstock.engines.mysql.resume import Resumption, resume
from penstock.engines.mysql.script import Ended, Script
from penstock.engines.patience import Interrupted, Patience, backoff
from penstock.engines.postgres.plan import tampered

_PROOF_PATIENCE: Final = 30.0  # then the task says that its target is away, and asks again later
_MOST_CONFLICTS: Final = 10  # of deadlocks and the like; waiting for a lock is bounded by the deadline alone


class _PortStops(Exception):
    """The runner's side says stop; its error must not be taken for one of the target."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        super().__init__(str(error))


class Application:
    """One change on its way into one database. Use once."""

    def __init__(self, line: Line, request: ApplyRequest, port: RunPort, rehearsals: Rehearsals) -> None:
        self._line = line
        self._request = request
        self._port = port
        self._rehearsals = rehearsals
        self._patience = Patience.of(port)
        self._plan = Plan((), 0, None)
        self._tries = 0
        self._script: Script | None = None
        self._sent = False
        self._last: Failure | None = None
        self._row: LedgerRow | None = None
        self._link: Link | None = None
        self._journal: Journal | None = None
        self._started = clock.monotonic()

    async def run(self) -> ApplyResult:
        """See `penstock.engines.base.EngineSession.apply`."""
        if failure := tampered(self._request):
            return self._ended("failed", failure)
        self._plan = await make_plan(self._request, self._line.target.engine, self._line.database)
        conflicts = 0
        while True:
            outcome = await self._try_unless_over()
            if isinstance(outcome, ApplyResult):
                return outcome
            self._last = outcome
            conflicts += outcome.code != str(LOCK_WAIT_TIMEOUT)
            if conflicts > _MOST_CONFLICTS:
                return self._ended("failed", outcome)
            self._port.log("info", f"Trying again: {outcome.message}")
            try:
                await self._patience.pause(backoff(self._tries, first=0.1, most=5.0))
            except Interrupted as error:
                return self._ended(*self._interrupted(error))

    async def _try_unless_over(self) -> ApplyResult | Failure:
        """How it ended, or why to try again."""
        try:
            self._patience.check()
            self._tries += 1
            return await self._try()
        except Interrupted as error:
            return self._ended(*self._interrupted(error))
        except TargetUnavailable as error:
            return self._ended("failed", error.failure)

    async def _try(self) -> ApplyResult | Failure:
        try:
            link = await self._line.link()
            if self._plan.refusal is not None:
                return await self._refuse(link, self._plan.refusal)
            if not link.has_ledger:
                await self._line.create_ledger()
                failpoints.reach(Point.LEDGER_MADE)
            link = await self._line.lock(self._patience)
        except BROKEN as error:
            self._line.hang_up()
            failure = of_our_own(error)
            return failure if failure.retry in ("transaction", "proof") else self._ended("failed", failure)
        return await self._locked(link)

    async def _refuse(self, link: Link, refusal: Failure) -> ApplyResult:
        # An adopted database may have the change all the same: its row was written without running anything.
        row = await self._read_row(link) if link.has_ledger else None
        return self._found(row) if row else self._ended("failed", refusal)

    async def _locked(self, link: Link) -> ApplyResult | Failure:
        request = self._request
        self._link = link
        journal = self._journal = Journal(link.connection, self._line.database, request, link.pid)
        failpoints.reach(Point.LOCKED)
        target = self._line.target
        rehearsal = Rehearsal(target, self._plan.steps, self._port, self._rehearsals)
        script = self._script = Script(
            target, link, self._port, journal, rehearsal, total=self._plan.total, lock_timeout=request.lock_timeout
        )
        try:
            await self._ask_port()
            if row := await self._read_row(link):
                return self._found(row)
            found = await resume(link.connection, self._line.database, journal, self._plan.steps)
            script.kept = _statements(found.done)
            if found.failure is not None:
                state: ApplyState = "unknown" if found.failure.kind == "outcome_unknown" else "failed"
                return self._ended(state, found.failure)
            await self._run(script, found)
            return self._ended("applied", row=self._row)
        except Ended as end:
            return await self._stopped(end.state, end.failure)
        except Interrupted as error:
            return await self._stopped(*self._interrupted(error))
        except BROKEN as error:
            return await self._broken(link, script, error)
        except _PortStops as stop:
            await self._line.roll_back()
            raise stop.error from None
        except (LeaseLost, asyncio.CancelledError):
            await self._line.roll_back()
            raise
        finally:
            self._sent = self._sent or script.sent
            if not link.closed:
                with suppress(*BROKEN):  # the next attempt reads it off what the step defines
                    await script.settle()
            await script.close()
            # The lock goes with the connection: the next change, and the next try, get a fresh one.
            await self._line.close()

    async def _run(self, script: Script, found: Resumption) -> None:
        await script.prepare()
        if found.done:
            self._port.log("info", f"{len(found.done)} steps are done already: going on after them.")
        left: Sequence[Step] = found.left
        if left:
            for step in found.done:
                await script.replay(step)
        for step in left[:-1]:
            await script.run(step)
        if left and left[-1].transactional and left[-1].has_effect:
            await script.run(left[-1], self._finish)
            return
        for step in left[-1:]:
            await script.run(step)
        await script.commit_with(self._finish)

    async def _finish(self) -> None:
        """What shares the last transaction: the checks and the ledger row."""
        assert self._script is not None and self._link is not None  # it calls us, and holds the lock
        if self._request.verify:  # all rows count, however few the script wanted to see
            await self._link.connection.run("SET SESSION sql_select_limit = DEFAULT")
        for number, query in enumerate(self._request.verify, 1):
            await self._verify(self._script, number, query)
        await self._ask_port()
        if self._journal is not None and any(part.found.defines for step in self._plan.steps for part in step.parts):
            await self._journal.forget()
        self._row = await ledger.insert(self._link.connection, self._line.database, self._request, self._plan.total)

    async def _verify(self, script: Script, number: int, query: str) -> None:
        try:
            rows = await script.query(query)
        except BROKEN as error:
            if not is_answer(error):
                raise
            raise Ended("failed", of_verify(error, number, query)) from error
        if not rows or (len(rows) == 1 and len(rows[0]) == 1 and rows[0][0] == 1 and isinstance(rows[0][0], int)):
            return
        raise Ended(
            "failed",
            Failure(
                "check",
                "verify_failed",
                f"Verify query {number} found something: {str(rows[0])[:500]}",
                hint="It must answer no rows, or one row with one true value.",
                detail=query[:500],
            ),
        )

    async def _read_row(self, link: Link) -> LedgerRow | None:
        return await ledger.read_row(link.connection, self._line.database, self._request.project, self._request.version)

    def _interrupted(self, error: Interrupted) -> tuple[ApplyState, Failure | None]:
        """How it ends; what kept us from finishing in time says more than that time is over."""
        state, failure = of_interruption(error)
        if failure is not None and self._last is not None and not error.waited_for:
            failure = replace(self._last, kind="timeout", retry="no")
        return state, failure

    async def _ask_port(self) -> None:
        try:
            await self._port.still_mine()
        except Exception as error:
            raise _PortStops(error) from error

    async def _stopped(self, state: ApplyState, failure: Failure | None) -> ApplyResult | Failure:
        if not await self._line.roll_back():
            lost = Failure("infrastructure", "connection_lost", "The session had to be ended to stop its statement.")
            return await self._prove(failure or lost, state)
        if failure is not None and failure.retry == "transaction" and state == "failed":
            return failure
        return self._ended(state, failure)

    async def _broken(self, link: Link, script: Script, error: BaseException) -> ApplyResult | Failure:
        """The connection is lost, or a statement of our own did not work."""
        if is_answer(error) and not link.closed and not script.commit_sent:
            failure = of_our_own(error)
            await self._line.roll_back()
            return failure if failure.retry == "transaction" else self._ended("failed", failure)
        self._line.hang_up()
        return await self._prove(connection_lost(error), "failed")

    async def _prove(self, failure: Failure, state: ApplyState) -> ApplyResult:
        """Say what is true after the connection was lost."""
        self._line.hang_up()
        script = self._script
        self._port.log("warning", f"{failure.message} Reading ledger and journal to learn what happened.")
        until = clock.monotonic() + _PROOF_PATIENCE
        patience = Patience(until, log=self._port.log, waiting_on=self._port.waiting_on)
        commit_sent = script is not None and script.commit_sent
        alone = script is not None and script.step is not None and not script.step.transactional
        try:
            link, rows = await self._line.proven_rows(self._request.project, patience)
            if row := rows.get(self._request.version):
                return self._found(row, ours=commit_sent)
            journal = Journal(link.connection, self._line.database, self._request, link.pid)
            found = await resume(link.connection, self._line.database, journal, self._plan.steps)
        except TargetUnavailable as error:
            failure = replace(failure, retry="proof", detail=f"No proof: {error.message}")
            if commit_sent or alone:
                return self._ended("unknown", replace(failure, kind="outcome_unknown"))
            return self._ended("failed", failure)
        except BROKEN as error:
            return self._ended("unknown", replace(of_our_own(error), kind="outcome_unknown", retry="proof"))
        if script is not None:
            script.kept = _statements(found.done)
        if found.failure is not None and found.failure.kind == "outcome_unknown" and found.interrupted:
            return self._ended("unknown", found.failure)
        if state == "canceled":
            return self._ended("canceled")
        return self._ended(
            "failed", replace(failure, retry="transaction" if failure.kind == "infrastructure" else "no")
        )

    def _found(self, row: LedgerRow, *, ours: bool = False) -> ApplyResult:
        """The ledger has a row of this key; it may be ``ours`` when we have sent a COMMIT."""
        request = self._request
        if row.change_digest == request.change_digest:
            mine = ours and (row.deployment, row.run) == (request.deployment, request.run_id)
            return self._ended("applied" if mine else "already_applied", row=row)
        failure = Failure(
            "version_conflict",
            "version_conflict",
            f"Version {row.version} of {row.project} is here with other bytes ({row.change_digest}), applied"
            f" {row.applied_at:%Y-%m-%d %H:%M} UTC by {row.actor}.",
            hint="Give the new bytes a version of their own.",
        )
        return self._ended("failed", failure, row=row)

    def _ended(self, state: ApplyState, failure: Failure | None = None, *, row: LedgerRow | None = None) -> ApplyResult:
        script = self._script
        kept = script.kept if script is not None and state not in ("applied", "already_applied") else 0
        if kept and state != "unknown":
            upto = "Statement 1 stays" if kept == 1 else f"Statements 1 to {kept} stay"
            message = f"{upto} applied: this server cannot take definitions back. A next attempt goes on after that."
            self._port.log("warning", message)
        return ApplyResult(
            state=state,
            failure=failure,
            sent=self._sent or (script is not None and script.sent),
            statements_run=script.finished if script else 0,
            statements_total=self._plan.total,
            tries=self._tries,
            duration=clock.monotonic() - self._started,
            ledger=row,
            kept=kept,
        )


def _statements(done: Sequence[Step]) -> int:
    """How many statements, from the first on, these steps are."""
    return done[-1].parts[-1].statement.index + 1 if done else 0
