"""Sends a change's statements, one message each, and checks that the transaction is still the one they began
in, and that the ledger row is still in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from penstock.domain import clock
from penstock.engines.base import ApplyRequest, Failure, Retry, RunPort, Target
from penstock.engines.patience import Patience
from penstock.engines.postgres.connect import OWN_SECONDS, Link
from penstock.engines.postgres.failures import connection_lost, of_our_own, of_statement
from penstock.engines.postgres.sqlstates import Reaction, reaction
from penstock.engines.postgres.watch import Remarks, Watch
from penstock.sql.statement import Statement

# One message, answered by its command tag. The change may have put operators of its own before the server's, and may
# have become somebody else. That the transaction is another one comes first, and as an error of its own.
_STILL_THERE: Final = """
    SELECT 1 OPERATOR(pg_catalog./) CASE
        WHEN pg_catalog.pg_current_xact_id()::text OPERATOR(pg_catalog.=) '{xid}' THEN 1 ELSE 0 END;
    RESET SESSION AUTHORIZATION; RESET ROLE;
    SELECT 1 FROM penstock.{table} r WHERE r.project OPERATOR(pg_catalog.=) {project}
      AND r.version OPERATOR(pg_catalog.=) {version} AND {which} LIMIT 1
"""
_ANOTHER_TRANSACTION: Final = "22012"
OUT_OF_REACH: Final = ("42P01", "3F000", "42501", "42703")  # no such table, schema, right, column
_EXCERPT: Final = 120


@dataclass(frozen=True)
class Proof:
    """What must be in a transaction when it commits: the row of the change, or of one of its steps."""

    question: str

    @classmethod
    def of_change(cls, xid: str, request: ApplyRequest) -> Proof:
        """The row of the ledger."""
        which = f"r.run OPERATOR(pg_catalog.=) {_literal(request.run_id)}"
        return cls._of(xid, request, "ledger", which)

    @classmethod
    def of_step(cls, xid: str, request: ApplyRequest, step: int) -> Proof:
        """The row of the journal."""
        which = (
            f"r.step OPERATOR(pg_catalog.=) {step} AND r.state OPERATOR(pg_catalog.=) 'done'"
            " AND pg_catalog.to_regclass('penstock.ledger') IS NOT NULL"
        )
        return cls._of(xid, request, "journal", which)

    @classmethod
    def _of(cls, xid: str, request: ApplyRequest, table: str, which: str) -> Proof:
        project, version = _literal(request.project), _literal(request.version)
        return cls(_STILL_THERE.format(table=table, project=project, version=version, which=which, xid=int(xid)))


def _literal(text: str) -> str:
    """A string constant that is read alike whatever the change has set."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


class Script:
    """The statements of one change on one connection. Use once per try.

    Args:
        total: statements of the whole change.
        sent: whether any statement has been sent.
        finished: statements that the server has finished.
    """

    def __init__(
        self,
        target: Target,
        link: Link,
        port: RunPort,
        *,
        total: int,
        lock_timeout: float,
    ) -> None:
        self.sent = False
        self.finished = 0
        self._link = link
        self._port = port
        self._total = total
        self._watch = Watch(target, link, port, lock_timeout)
        self._remarks = Remarks(link.connection, port)
        self._current: Statement | None = None
        self._verifying: int | None = None

    async def run(self, statements: Sequence[Statement], proof: Proof, verify: Sequence[str] = ()) -> Failure | None:
        """Run statements in the transaction there is, then the verify queries.

        Args:
            proof: what must still be true at the end.

        Returns:
            what a check found; None when the transaction may be committed.

        Raises:
            Interrupted: by a cancel or the deadline.
            LeaseLost: from the port.
            asyncpg.PostgresError, OSError: see `failure_of`.
        """
        for statement in statements:
            await self.alone(statement)
        if failure := await self._check_transaction(proof):
            return failure
        for number, query in enumerate(verify, 1):
            self._port.may_start_statement()
            self._verifying = number
            if failure := await self._verify(query):
                return failure
        self._verifying = None
        return await self._check_transaction(proof) if verify else None

    async def alone(self, statement: Statement) -> None:
        """Run one statement in whatever transaction there is, or none. Raises as `run` does."""
        self._port.may_start_statement()
        self._current = statement
        await self._send(statement)
        self.finished += 1
        self._current = None

    async def ours(self, text: str, patience: Patience) -> None:
        """Run a statement of Penstock's own that may take long. Raises as `run` does."""
        await self._watch.run(self._link.connection.execute(text), patience)

    async def commit(self, patience: Patience) -> str:
        """Send COMMIT as a message of its own and answer the server's tag. Raises as `run` does."""
        return str(await self._watch.run(self._link.connection.execute("COMMIT"), patience))

    def failure_of(self, error: BaseException) -> Failure:
        """What an exception out of `run` means, given how far it came."""
        if not isinstance(error, asyncpg.PostgresError) or self._link.closed:
            return connection_lost(error)
        if self._current is not None:
            return of_statement(error, self._current)
        if self._verifying is not None:
            message = f"Verify query {self._verifying} failed: {error}"
            code = error.sqlstate or "XX000"
            retry: Retry = "transaction" if reaction(code) is Reaction.AGAIN else "no"
            return Failure("check", code, message, retry=retry, hint=error.hint, detail=error.detail)
        return of_our_own(error)

    async def close(self) -> None:
        """Close what was opened to watch."""
        self._remarks.close()
        await self._watch.close()

    async def _send(self, statement: Statement) -> None:
        total = self._total
        excerpt = " ".join(statement.text[: 4 * _EXCERPT].split())[:_EXCERPT]
        self._port.log("info", f"{statement.index + 1}/{total}, line {statement.line}: {excerpt}", statement.index)
        started = clock.monotonic()
        self.sent = True
        self._remarks.begin(statement.index)
        try:
            tag = await self._watch.run(self._link.connection.execute(statement.text))
        finally:
            self._remarks.end()
        took = (clock.monotonic() - started) * 1000
        self._port.log("info", f"{statement.index + 1}/{total}: {tag or 'done'}, {took:.0f} ms", statement.index)
        self._port.progress(statement.index, total, _rows(tag))

    async def _check_transaction(self, proof: Proof) -> Failure | None:
        """A change that ended its transaction took half of itself, and perhaps the ledger row, out of our
        hands."""
        connection = self._link.connection
        if connection.is_in_transaction():
            try:
                if await connection.execute(proof.question, timeout=OWN_SECONDS) == "SELECT 1":
                    return None
                ours = True
            except asyncpg.PostgresError as error:
                if error.sqlstate not in (*OUT_OF_REACH, _ANOTHER_TRANSACTION):
                    raise
                ours = error.sqlstate != _ANOTHER_TRANSACTION
            if ours:
                return Failure(
                    "statement",
                    "ledger_tampering",
                    "The change removed its own row from the ledger, or the ledger itself: it was rolled back.",
                    hint="Let an owner run the SQL that `penstock instance grants` prints: then no change can do that.",
                )
        return Failure(
            "outcome_unknown",
            "transaction_control",
            "The change ended the transaction that it shares with its ledger row; parts may be committed.",
            hint="Look at the database, then settle the task by hand.",
        )

    async def _verify(self, query: str) -> Failure | None:
        # A cursor takes nothing but a query, and no more rows than are needed to decide.
        connection = self._link.connection
        await self._watch.run(connection.execute(f"DECLARE penstock_verify NO SCROLL CURSOR FOR {query}"))
        rows = await self._watch.run(connection.fetch("FETCH 2 FROM penstock_verify"))
        await connection.execute("CLOSE penstock_verify", timeout=OWN_SECONDS)
        if not rows or (len(rows) == 1 and len(rows[0]) == 1 and rows[0][0] is True):
            return None
        return Failure(
            "check",
            "verify_failed",
            f"Verify query {self._verifying} found something: {str(dict(rows[0]))[:500]}",
            hint="It must answer no rows, or one row with one true value.",
            detail=query[:500],
        )


def _rows(tag: str) -> int | None:
    last = tag.rsplit(" ", 1)[-1] if tag else ""
    return int(last) if last.isdigit() else None
