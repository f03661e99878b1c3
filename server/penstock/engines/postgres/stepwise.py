"""Applies a change that cannot share one transaction: in steps, each proven by the journal, under the session's lock.

A step that may share a transaction writes its journal row in it. One that may not is announced in the journal together
with what it is about as it was before; whoever finds the announcement later asks the catalog what became of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import asyncpg

from penstock.domain import clock, failpoints
from penstock.engines.base import ApplyRequest, Failure, LeaseLost, RunPort
from penstock.engines.patience import Interrupted, Patience
from penstock.engines.postgres import activity, journal, ledger, subjects
from penstock.engines.postgres.committing import commit
from penstock.engines.postgres.connect import OWN_SECONDS, Link
from penstock.engines.postgres.failures import (
    connection_lost,
    index_differs,
    index_invalid,
    journal_conflict,
    lock_lost,
    of_interruption,
    undecided,
)
from penstock.engines.postgres.line import BROKEN, Line
from penstock.engines.postgres.lock import begin_with
from penstock.engines.postgres.outcomes import Again, Applied, Ended, Found, Outcome, PortStops, Uncertain
from penstock.engines.postgres.plan import Plan, Step
from penstock.engines.postgres.points import Point
from penstock.engines.postgres.resume import Progress, progress
from penstock.engines.postgres.statements import Proof, Script
from penstock.engines.postgres.subjects import Before, Verdict
from penstock.sql.statement import Statement

# An earlier step may have set it; our own rows must be written all the same, and it would look like a standby.
_WRITABLE: Final = "SET default_transaction_read_only = off"
_CLEANING_SECONDS: Final = 10.0  # after a cancel or the deadline; what stays is cleared away by the next attempt


class _Stop(Exception):
    """The change ends here."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        super().__init__(str(outcome))


class Stepwise:
    """One try to apply one change in steps. Use once.

    Args:
        kept: statements, from the first on, whose effect is in the database for good.
    """

    def __init__(self, line: Line, request: ApplyRequest, port: RunPort, plan: Plan, script: Script) -> None:
        self.kept = 0
        self._line = line
        self._request = request
        self._port = port
        self._plan = plan
        self._script = script
        self._patience = Patience.of(port)
        self._alone = False
        self._timeout = max(1, round(request.lock_timeout * 1000))

    async def run(self, link: Link) -> Outcome:
        """Go on where the journal says; ``link`` holds the session's lock.

        Raises:
            PortStops, LeaseLost: from the port; the transaction has been rolled back.
            Interrupted: by a cancel or the deadline; the server has confirmed the end of what was running.
        """
        try:
            return await self._go_on(link)
        except _Stop as stop:
            return stop.outcome
        except BROKEN as error:
            return await self._broken(link, error)
        except (PortStops, LeaseLost, asyncio.CancelledError):
            if self._alone:
                self._line.hang_up()  # it may still be running, and then the lock must stay with it
            else:
                await self._line.roll_back()
            raise

    async def _go_on(self, link: Link) -> Outcome:
        request, connection = self._request, link.connection
        await self._ask_port()
        if row := await ledger.read_row(connection, request.project, request.version):
            return Found(row)
        found = progress(self._plan.statements, await journal.read(connection, request.project, request.version))
        self.kept = found.done
        if found.conflict is not None:
            return Ended("failed", journal_conflict(self._plan.statements, found.conflict))
        if found.open is not None:
            found = await self._resolve(link, found)
            self.kept = found.done
        if found.done:
            self._port.log("info", f"The first {found.done} statements are done already: going on after them.")
            await self._replay(connection, found.done)
        steps = self._plan.steps(found.done, found.step)
        for step in steps:
            if step.outside is not None:
                await self._run_alone(link, step)
            elif step.last:
                return await self._finish(link, step.statements, step)
            else:
                await self._run_together(link, step)
        return await self._finish(link, (), None)

    async def _replay(self, connection: asyncpg.Connection, done: int) -> None:
        """Make the settings again that statements of an earlier session made for those to come."""
        for index in sorted(self._plan.settings):
            if index < done:
                await connection.execute(self._plan.statements[index].text, timeout=OWN_SECONDS)

    async def _check_lock(self, link: Link) -> None:
        """A statement may have let go of every lock of its session."""
        if not await link.connection.fetchval(activity.HOLDS_LOCK, timeout=OWN_SECONDS):
            raise _Stop(Ended("failed", lock_lost()))

    async def _begin(self, link: Link) -> None:
        await self._check_lock(link)
        settings = (
            f"SET LOCAL lock_timeout = {self._timeout}; SET LOCAL statement_timeout = 0;"
            " SET LOCAL idle_in_transaction_session_timeout = 60000"
        )
        begin = f"{_WRITABLE}; {begin_with(link, settings)}"
        if await link.connection.execute(begin, timeout=OWN_SECONDS) != activity.LOCKED:
            await self._line.roll_back()
            raise _Stop(Ended("failed", lock_lost()))

    async def _run_together(self, link: Link, step: Step) -> None:
        """One transaction with its journal row."""
        await self._begin(link)
        xid = await journal.write(link.connection, self._request, step.index, step.digest, "done")
        proof = Proof.of_step(xid, self._request, step.index)
        if failure := await self._in_transaction(step.statements, proof):
            raise _Stop(await self._rolled_back(failure))
        await self._commit()
        self.kept += len(step.statements)
        failpoints.reach(Point.STEP_COMMITTED)

    async def _finish(self, link: Link, statements: Sequence[Statement], step: Step | None) -> Outcome:
        """The last transaction, with the ledger row: of the last step, or of the row alone."""
        await self._begin(link)
        inserted = await ledger.insert(link.connection, self._request, len(self._plan.statements))
        if inserted is None:
            row = await ledger.read_row(link.connection, self._request.project, self._request.version)
            await self._line.roll_back()
            return Found(row) if row else Again(connection_lost(LookupError("the ledger row is gone")))
        row, xid = inserted
        if step is not None:
            await journal.write(link.connection, self._request, step.index, step.digest, "done")
        proof = Proof.of_change(xid, self._request)
        if failure := await self._in_transaction(statements, proof, verify=True):
            return await self._rolled_back(failure)
        await self._ask_port()
        await self._commit()
        self.kept = len(self._plan.statements)
        failpoints.reach(Point.CHANGE_COMMITTED)
        return Applied(row, xid)

    async def _in_transaction(
        self, statements: Sequence[Statement], proof: Proof, *, verify: bool = False
    ) -> Failure | None:
        try:
            return await self._script.run(statements, proof, self._request.verify if verify else ())
        except Interrupted as error:
            if await self._line.roll_back():
                raise
            raise _Stop(_ended_by_force(error, effect=False)) from None

    async def _commit(self) -> None:
        answer = await commit(self._line, self._script, self._port.deadline)
        if isinstance(answer, Uncertain):
            raise _Stop(answer)
        if answer is not None:
            raise _Stop(await self._rolled_back(answer))

    async def _run_alone(self, link: Link, step: Step) -> None:
        """One statement outside of a transaction, announced in the journal and proven by the catalog."""
        [statement] = step.statements
        connection, request = link.connection, self._request
        assert step.outside is not None  # the caller has looked
        await self._ask_port()
        self._patience.check()
        await self._check_lock(link)
        settings = f"{_WRITABLE}; SET lock_timeout = {self._timeout}; SET statement_timeout = 0"
        await connection.execute(settings, timeout=OWN_SECONDS)
        before = await subjects.look(connection, step.outside, statement.text)
        await journal.write(connection, request, step.index, step.digest, "intent", before.written())
        failpoints.reach(Point.INTENT_WRITTEN)
        if step.outside.gentle:
            await connection.execute("SET lock_timeout = 0", timeout=OWN_SECONDS)
        self._alone = True
        try:
            await self._script.alone(statement)
        except Interrupted as error:
            if link.closed:
                raise _Stop(_ended_by_force(error, effect=True)) from None
            await self._after_failure(link, step, before, None)
            raise
        except BROKEN as error:
            if not isinstance(error, asyncpg.PostgresError) or link.closed:
                raise
            await self._after_failure(link, step, before, self._script.failure_of(error))
        failpoints.reach(Point.STATEMENT_RUN)
        self._alone = False
        now = await subjects.see(connection, before)
        if step.outside.action == "create_index" and now is not None and not now.valid:
            # IF NOT EXISTS found an index that some earlier build had left behind.
            await journal.write(connection, request, step.index, step.digest, "failed")
            raise _Stop(Ended("failed", index_invalid(statement, subjects.index_name(before))))
        await journal.write(connection, request, step.index, step.digest, "done")
        failpoints.reach(Point.DONE_WRITTEN)
        self.kept += 1

    async def _after_failure(self, link: Link, step: Step, before: Before, failure: Failure | None) -> None:
        """The server says that the statement has ended badly: clear away what is left of it, and say so.

        Args:
            failure: None when a cancel or the deadline ended it.

        Returns only when the statement took effect all the same, or it was interrupted and nothing is left.
        """
        patience = self._patience if failure is not None else Patience(clock.monotonic() + _CLEANING_SECONDS)
        try:
            verdict = await self._clear(link, before, patience)
        except Interrupted:
            self._port.log("warning", "Something of it is left; the next attempt clears it away.")
            if failure is None:
                return
            raise _Stop(Ended("failed", failure)) from None
        self._alone = False
        if verdict == "applied":
            await journal.write(link.connection, self._request, step.index, step.digest, "done")
            self.kept += 1
            if failure is None:
                return
            self._port.log("warning", f"The server reported an error, but it is done: {failure.message}")
            raise _Stop(Again(failure))
        if verdict == "unknown":
            unknown = undecided(step.statements[0], "it failed, and may have done a part of its work", failure)
            raise _Stop(Ended("unknown", unknown))
        if verdict in ("run", "differs"):
            await journal.write(link.connection, self._request, step.index, step.digest, "failed")
        if failure is not None:
            raise _Stop(Again(failure) if failure.retry == "transaction" else Ended("failed", failure))

    async def _resolve(self, link: Link, found: Progress) -> Progress:
        """An attempt was lost in the midst of a step: ask the catalog what became of it."""
        entry = found.open
        assert entry is not None  # the caller has looked
        statement = self._plan.statements[found.done] if found.done < len(self._plan.statements) else None
        before = Before.read(entry.before)
        verdict = await self._clear(link, before, self._patience)
        if not found.ours and verdict in ("applied", "unknown", "finalize"):
            raise _Stop(Ended("failed", journal_conflict(self._plan.statements, found.done)))
        if verdict == "unknown" or statement is None:
            where = statement or self._plan.statements[-1]
            raise _Stop(Ended("unknown", undecided(where, "an attempt was lost while it ran")))
        if verdict == "differs" and found.ours:
            raise _Stop(
                Ended("failed", index_differs(statement, before.expected, await self._definition(link, before)))
            )
        done = verdict == "applied"
        state: journal.State = "done" if done else "failed"
        await journal.write(link.connection, self._request, entry.step, entry.digest, state)
        failpoints.reach(Point.INTENT_RESOLVED)
        what = "it is done" if done else "it is not done, and runs again"
        self._port.log("info", f"An earlier attempt was lost in statement {found.done + 1}: {what}.", found.done)
        return Progress(found.done + 1, found.step + 1) if done else Progress(found.done, found.step)

    async def _definition(self, link: Link, before: Before) -> str | None:
        seen = await subjects.see(link.connection, before)
        return None if seen is None else seen.definition

    async def _clear(self, link: Link, before: Before, patience: Patience) -> Verdict:
        """What became of a statement, after what it left half done was dropped or finished."""
        connection = link.connection
        settings = f"{_WRITABLE}; SET lock_timeout = 0; SET statement_timeout = 0"
        await connection.execute(settings, timeout=OWN_SECONDS)
        verdict = subjects.decide(before, await subjects.see(connection, before))
        if verdict == "drop":
            await self._drop(subjects.index_name(before), patience)
            return "run"
        if verdict == "finalize":
            self._port.log("info", "The partition is half detached: finishing that.")
            await self._script.ours(await subjects.finalizing(connection, before), patience)
            failpoints.reach(Point.LEFTOVER_DROPPED)
            return "applied"
        if before.action == "reindex":
            for _, name in await subjects.left_behind(connection, before):
                await self._drop(name, patience)
        return verdict

    async def _drop(self, index: str, patience: Patience) -> None:
        self._port.log("info", f"The interrupted build has left {index} invalid: dropping it.")
        await self._script.ours(f"DROP INDEX CONCURRENTLY IF EXISTS {index}", patience)
        failpoints.reach(Point.LEFTOVER_DROPPED)

    async def _ask_port(self) -> None:
        try:
            await self._port.still_mine()
        except Exception as error:
            raise PortStops(error) from error

    async def _broken(self, link: Link, error: BaseException) -> Outcome:
        """The connection is lost, or a statement of our own did not work."""
        failure = self._script.failure_of(error)
        if isinstance(error, asyncpg.PostgresError) and not link.closed:
            return await self._rolled_back(failure)
        effect = self._alone
        self._line.hang_up()
        return Uncertain(failure, effect=effect)

    async def _rolled_back(self, failure: Failure) -> Outcome:
        rolled_back = await self._line.roll_back()
        if failure.kind == "outcome_unknown":
            return Ended("unknown", failure)
        if not rolled_back:
            return Uncertain(failure)
        return Again(failure) if failure.retry == "transaction" else Ended("failed", failure)


def _ended_by_force(error: Interrupted, *, effect: bool) -> Uncertain:
    """The session had to be ended to stop its statement."""
    state, failure = of_interruption(error)
    return Uncertain(failure or connection_lost(error), state, effect)
