"""Work on one MySQL or MariaDB database: changes applied and proofs read over one line."""

from __future__ import annotations

from dataclasses import replace

from penstock.domain import clock
from penstock.engines.base import (
    DEFAULT_APPLICATION_NAME,
    ApplyRequest,
    ApplyResult,
    LedgerRow,
    Proof,
    RunPort,
    Target,
    TargetUnavailable,
    application_name,
)
from penstock.engines.mysql import ledger, settle
from penstock.engines.mysql.apply import Application
from penstock.engines.mysql.driver import BROKEN
from penstock.engines.mysql.failures import busy, of_our_own
from penstock.engines.mysql.line import Line
from penstock.engines.mysql.plan import make_plan
from penstock.engines.mysql.rehearsals import Rehearsals
from penstock.engines.patience import Interrupted, Patience


class MySqlSession:
    """Implements `penstock.engines.base.EngineSession`."""

    def __init__(self, target: Target, rehearsals: Rehearsals | None = None) -> None:
        self._line = Line(target)
        self._rehearsals = rehearsals if rehearsals is not None else Rehearsals()

    async def apply(self, request: ApplyRequest, port: RunPort) -> ApplyResult:
        """Apply one change exactly once; see the protocol."""
        self._introduce(request)
        return await Application(self._line, request, port, self._rehearsals).run()

    async def read_ledger(self, project: str) -> dict[str, LedgerRow]:
        """The rows that are committed right now; see the protocol."""
        try:
            link = await self._line.link()
            return await ledger.read(link.connection, self._line.database, project) if link.has_ledger else {}
        except BROKEN as error:
            self._line.hang_up()
            raise TargetUnavailable(of_our_own(error)) from error

    async def proof(self, project: str, version: str, change_digest: str, *, wait: float = 60.0) -> Proof:
        """Read the ledger under the lock; see the protocol."""
        try:
            _, rows = await self._line.proven_rows(project, Patience(clock.monotonic() + wait))
        finally:
            await self._line.close()
        row = rows.get(version)
        if row is None:
            return "not_applied"
        return "applied" if row.change_digest == change_digest else "conflict"

    async def record(self, request: ApplyRequest, *, wait: float = 60.0) -> LedgerRow:
        """Write the row under the lock; see the protocol."""
        self._introduce(request)
        plan = await make_plan(request, self._line.target.engine, self._line.database)
        try:
            link = await self._line.link()
            if not link.has_ledger:
                await self._line.create_ledger()
            link = await self._line.lock(Patience(clock.monotonic() + wait))
            there = await ledger.read_row(link.connection, self._line.database, request.project, request.version)
            return there or await ledger.insert(link.connection, self._line.database, request, plan.total)
        except Interrupted as error:
            raise TargetUnavailable(busy(error.waited_for)) from error
        except BROKEN as error:
            self._line.hang_up()
            raise TargetUnavailable(of_our_own(error)) from error
        finally:
            await self._line.close()

    async def disown(self, request: ApplyRequest, *, wait: float = 60.0) -> LedgerRow | None:
        """Take back what the journal says of a change; see the protocol."""
        self._introduce(request)
        return await settle.disown(self._line, request, wait)

    async def close(self) -> None:
        """Close the connection, if there is one."""
        await self._line.close()

    def _introduce(self, request: ApplyRequest) -> None:
        """Name our sessions after the task's attempt, unless the caller has named them."""
        if self._line.target.application_name == DEFAULT_APPLICATION_NAME:
            name = application_name(request.deployment, request.task_id, request.attempt)
            self._line.target = replace(self._line.target, application_name=name)
