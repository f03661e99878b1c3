"""Work on one PostgreSQL database: changes applied and proofs read over one line."""

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
from penstock.engines.patience import Interrupted, Patience
from penstock.engines.postgres import ledger, settle
from penstock.engines.postgres.apply import Application
from penstock.engines.postgres.connect import OWN_SECONDS, Familiar
from penstock.engines.postgres.failures import busy, of_our_own
from penstock.engines.postgres.line import BROKEN, Line
from penstock.engines.postgres.plan import make_plan
from penstock.engines.postgres.subjects import Before


class PostgresSession:
    """Implements `penstock.engines.base.EngineSession`."""

    def __init__(self, target: Target, familiar: Familiar | None = None) -> None:
        self._line = Line(target, familiar)

    async def apply(self, request: ApplyRequest, port: RunPort) -> ApplyResult:
        """Apply one change exactly once; see the protocol."""
        self._introduce(request)
        return await Application(self._line, request, port).run()

    async def read_ledger(self, project: str) -> dict[str, LedgerRow]:
        """The rows that are committed right now; see the protocol."""
        try:
            link = await self._line.link()
            return await ledger.read(link.connection, project) if link.has_ledger else {}
        except BROKEN as error:
            self._line.hang_up()
            raise TargetUnavailable(of_our_own(error)) from error

    async def proof(self, project: str, version: str, change_digest: str, *, wait: float = 60.0) -> Proof:
        """Read the ledger under the lock; see the protocol."""
        row, entries = await self._line.standing(project, version, Patience(clock.monotonic() + wait))
        if row is None:
            interrupted = [Before.read(entry.before).action for entry in entries if entry.state == "intent"]
            return "unknown" if "undecidable" in interrupted else "not_applied"
        return "applied" if row.change_digest == change_digest else "conflict"

    async def record(self, request: ApplyRequest, *, wait: float = 60.0) -> LedgerRow:
        """Write the row under the lock; see the protocol."""
        self._introduce(request)
        plan = await make_plan(request)
        patience = Patience(clock.monotonic() + wait)
        try:
            link = await self._line.link()
            if not link.has_ledger:
                await self._line.create_ledger(patience)
            link = await self._line.begin(patience)
            await ledger.insert(link.connection, request, len(plan.statements))
            row = await ledger.read_row(link.connection, request.project, request.version)
            await link.connection.execute("COMMIT", timeout=OWN_SECONDS)
        except Interrupted as error:
            raise TargetUnavailable(busy(error.waited_for)) from error
        except BROKEN as error:
            self._line.hang_up()
            raise TargetUnavailable(of_our_own(error)) from error
        assert row is not None  # inserted, or there before, in this very transaction
        return row

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
