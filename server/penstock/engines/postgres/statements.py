"""Sends a change's statements, one message each, and checks that the transaction is still the one they began
in."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import asyncpg

from penstock.engines.base import Failure, Retry, RunPort, Target
from penstock.engines.patience import Patience
from penstock.engines.postgres.connect import OWN_SECONDS, Link
from penstock.engines.postgres.failures import connection_lost, of_our_own, of_statement
from penstock.engines.postgres.sqlstates import Reaction, reaction
from penstock.engines.postgres.watch import Remarks, Watch
from penstock.sql.statement import Statement

# One message, answered by its command tag; the change may have put an operator of its own before the server's.
_SAME_TRANSACTION: Final = "SELECT 1 WHERE pg_catalog.pg_current_xact_id()::text OPERATOR(pg_catalog.=) '{xid}'"
_EXCERPT: Final = 120


class Script:
    """The statements of one change in one transaction. Use once.

    Args:
        sent: whether any statement has been sent.
        finished: statements that the server has finished.
    """

    def __init__(
        self,
        target: Target,
        link: Link,
        port: RunPort,
        statements: Sequence[Statement],
        *,
        lock_timeout: float,
    ) -> None:
        self.sent = False
        self.finished = 0
        self._link = link
        self._port = port
        self._statements = statements
        self._watch = Watch(target, link, port, lock_timeout)
        self._current: Statement | None = None
        self._verifying: int | None = None

    async def run(self, xid: str, verify: Sequence[str]) -> Failure | None:
        """Run all statements, then the verify queries.

        Args:
            xid: of the transaction that holds lock and ledger row.

        Returns:
            what a check found; None when the transaction may be committed.

        Raises:
            Interrupted: by a cancel or the deadline.
            LeaseLost: from the port.
            asyncpg.PostgresError, OSError: see `failure_of`.
        """
        for statement in self._statements:
            self._port.may_start_statement()
            self._current = statement
            await self._send(statement)
            self.finished += 1
        self._current = None
        if failure := await self._check_transaction(xid):
            return failure
        for number, query in enumerate(verify, 1):
            self._port.may_start_statement()
            self._verifying = number
            if failure := await self._verify(query):
                return failure
        self._verifying = None
        return await self._check_transaction(xid) if verify else None

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
        await self._watch.close()

    async def _send(self, statement: Statement) -> None:
        total = len(self._statements)
        excerpt = " ".join(statement.text[: 4 * _EXCERPT].split())[:_EXCERPT]
        self._port.log("info", f"{statement.index + 1}/{total}, line {statement.line}: {excerpt}", statement.index)
        started = time.monotonic()
        self.sent = True
        with Remarks(self._link.connection, self._port, statement.index):
            tag = await self._watch.run(self._link.connection.execute(statement.text))
        took = (time.monotonic() - started) * 1000
        self._port.log("info", f"{statement.index + 1}/{total}: {tag or 'done'}, {took:.0f} ms", statement.index)
        self._port.progress(statement.index, total, _rows(tag))

    async def _check_transaction(self, xid: str) -> Failure | None:
        """A change that ended its transaction took half of itself, and perhaps the ledger row, out of our
        hands."""
        connection = self._link.connection
        question = _SAME_TRANSACTION.format(xid=int(xid))
        if connection.is_in_transaction() and await connection.execute(question, timeout=OWN_SECONDS) == "SELECT 1":
            return None
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
