"""Sends a change's statements, one message each, step by step, and keeps the journal true while it does.

DML shares a transaction with its journal row, or the ledger row, so it is exact. What commits by itself is announced
in the journal first; when it fails without a trace, the announcement is taken back; when nobody can tell, it stays.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import pymysql

from penstock.domain import clock, failpoints
from penstock.engines.base import ApplyState, Failure, RunPort, Target
from penstock.engines.mysql import activity
from penstock.engines.mysql.codes import DENIED, NO_SUCH_SAVEPOINT, NOT_ROLLED_BACK
from penstock.engines.mysql.connect import Link
from penstock.engines.mysql.driver import BROKEN, code_of, is_answer, text
from penstock.engines.mysql.evidence import Evidence
from penstock.engines.mysql.failures import of_statement, undecided
from penstock.engines.mysql.fingerprint import digest
from penstock.engines.mysql.journal import Journal, Mark
from penstock.engines.mysql.plan import Part, Step
from penstock.engines.mysql.points import Point
from penstock.engines.mysql.rehearsal import Rehearsal
from penstock.engines.mysql.watch import Watch
from penstock.engines.patience import Interrupted, Patience
from penstock.sql.mysql.settings import CHARACTER_SETS, READING_MODES
from penstock.sql.statement import Statement

_EXCERPT: Final = 120
_WARNINGS: Final = 20
_SAVEPOINT: Final = "penstock_step"
# Refused before anything was done: the syntax, the rights, an unknown prepared statement.
_BEFORE_ANYTHING: Final = frozenset({1064, 1243}) | DENIED
# The server looks into one directory when it is told which, and into every one otherwise.
_UNSAFE_TABLES: Final = """
    SELECT LOWER(t.TABLE_NAME) FROM information_schema.TABLES t
    JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE
    WHERE COALESCE(e.TRANSACTIONS, 'NO') <> 'YES' AND t.TABLE_TYPE = 'BASE TABLE' AND t.TABLE_SCHEMA = {database}
    LIMIT 1000000
"""
_SYSTEM: Final = frozenset({"mysql", "sys", "performance_schema", "information_schema"})


_LOCK_LOST: Final = Failure("infrastructure", "lock_lost", "The session has lost its lock on the database.")


class Ended(Exception):
    """The change ends here, and the journal says why."""

    def __init__(self, state: ApplyState, failure: Failure) -> None:
        self.state = state
        self.failure = failure
        super().__init__(failure.message)


@dataclass(frozen=True)
class Known:
    """How the objects of a statement are, and how it will leave them, as far as that can be known."""

    before: str | None = None
    expected: str | None = None


class Script:
    """The steps of one change on one connection that holds the lock. Use once per try.

    Args:
        sent: whether any statement has been sent.
        finished: statements that the server has finished.
        commit_sent: whether a COMMIT that carries the ledger row has been sent.
        step: the step that is being worked on.
        kept: how many statements, from the first on, are in the database for good.
    """

    def __init__(
        self,
        target: Target,
        link: Link,
        port: RunPort,
        journal: Journal,
        rehearsal: Rehearsal,
        *,
        total: int,
        lock_timeout: float,
    ) -> None:
        self.sent = False
        self.finished = 0
        self.commit_sent = False
        self.step: Step | None = None
        self.kept = 0
        self._database = target.database or ""
        self._link = link
        self._connection = link.connection
        self._port = port
        self._journal = journal
        self._rehearsal = rehearsal
        self._total = total
        self._watch = Watch(target, link, port, lock_timeout)
        self._patience = Patience.of(port)
        self._lock_timeout = lock_timeout
        self._databases: dict[str, str] | None = None
        self._unsafe: dict[str, frozenset[str]] = {}
        self._owed: Step | None = None
        self._ours = _ours(self._database)

    async def prepare(self) -> None:
        """Bound the waiting for locks. Raises as the server does."""
        seconds = max(1, round(self._lock_timeout))
        await self._connection.run(
            f"SET SESSION lock_wait_timeout = {seconds}, SESSION innodb_lock_wait_timeout = {seconds}"
        )

    async def close(self) -> None:
        """Close what was opened to watch and to rehearse."""
        await self._watch.close()
        await self._rehearsal.close()

    async def replay(self, step: Step) -> None:
        """Run what a step that is done did to its session. Raises as `run` does."""
        for part in step.parts:
            if part.found.session:
                await self._send(part.statement)

    async def run(self, step: Step, finish: Callable[[], Awaitable[None]] | None = None) -> None:
        """Run one step.

        Args:
            finish: what belongs into the transaction of the last step: checks, the ledger row.

        Raises:
            Ended: the change cannot go on.
            Interrupted: by a cancel or the deadline, with nothing of this step left behind.
            LeaseLost: from the port.
            MySQLError, OSError: the connection is lost, or a statement of our own has failed.
        """
        self.step = step
        if step.transactional:
            await self._together(step, finish)
        else:
            await self._alone(step)
        self.step, self.kept = None, step.parts[-1].statement.index + 1

    async def commit_with(self, finish: Callable[[], Awaitable[None]]) -> None:
        """A transaction of our own: the ledger row alone. Raises as `run` does."""
        await self._connection.run("START TRANSACTION")
        await finish()
        if self._owed is not None:
            await self._write()
        failpoints.reach(Point.LEDGER_SENT)
        await self._commit(last=True)
        failpoints.reach(Point.LEDGER_COMMITTED)

    async def settle(self) -> None:
        """Write down what has run and is not written down yet, when no transaction is open. Raises as the server
        does."""
        if self._owed is not None:
            await self._journal.write(Mark(self._owed.seq, self._owed.digest, "done"))
            self._owed = None
            failpoints.reach(Point.DONE_WRITTEN)

    async def _write(self, *marks: Mark) -> None:
        """Write states, and that of a step that has run before, in one statement that looks after the session, too.

        Raises:
            Ended: the session is not ours any more.
            MySQLError, OSError: as the server and the network do.
        """
        owed = self._owed
        if owed is None:
            await self._journal.write(*marks)
            return
        failure: Failure | None = None
        provided = self._ours if self._link.logs_rows else ""
        if not provided:
            failure = await self.check_session(owed.parts[-1].statement)
        if failure is None:
            if await self._journal.write(Mark(owed.seq, owed.digest, "done"), *marks, provided=provided):
                self._owed = None
                if marks:  # else it is as durable as the transaction that it is in
                    failpoints.reach(Point.DONE_WRITTEN)
                return
            failure = await self.check_session(owed.parts[-1].statement) or _LOCK_LOST
        await self._connection.run("ROLLBACK")
        await self.settle()
        raise Ended("failed", failure)

    async def _together(self, step: Step, finish: Callable[[], Awaitable[None]] | None) -> None:
        if not step.has_effect:
            for part in step.parts:
                await self._or_end(part)
            return
        exact = not await self._touches_unsafe_tables(step)
        if not exact:
            await self._write(Mark(step.seq, step.digest, "intent"))
        await self._connection.run("START TRANSACTION")
        await self._connection.run(f"SAVEPOINT {_SAVEPOINT}")
        for part in step.parts:
            await self._or_end(part, exact=exact, step=step)
        if not await self._release():
            raise Ended("unknown", _got_out(step.parts[-1].statement))
        failpoints.reach(Point.ROWS_SENT)
        if exact:
            # A statement that merely waits ends well when it is ended; what can be taken back is.
            self._patience.check()
        if finish is not None:
            await finish()
            failpoints.reach(Point.LEDGER_SENT)
        done = [self._owed] if self._owed is not None else []
        done += [step] if finish is None or not exact else []
        if done:
            await self._journal.write(*(Mark(each.seq, each.digest, "done") for each in done))
        await self._commit(last=finish is not None)
        self._owed = None
        failpoints.reach(Point.ROWS_COMMITTED if finish is None else Point.LEDGER_COMMITTED)

    async def _or_end(self, part: Part, *, exact: bool = True, step: Step | None = None) -> None:
        """Run one statement of a transaction; when the server refuses it, roll back and end."""
        try:
            await self._send(part.statement)
        except BROKEN as error:
            if not is_answer(error) or self._link.closed:
                raise
            failure = of_statement(error, part.statement)
            await self._connection.run("ROLLBACK")
            if exact or step is None:
                raise Ended("failed", failure) from error
            warnings = await self._connection.fetch("SHOW WARNINGS")
            if any(row[1] == NOT_ROLLED_BACK for row in warnings):
                why = "it changed a table that knows no transactions, and failed."
                raise Ended("unknown", undecided(part.statement, why)) from error
            await self._journal.write(Mark(step.seq, step.digest, "failed"))
            raise Ended("failed", failure) from error
        if failure_of_session := await self.check_session(part.statement):
            raise Ended("failed", failure_of_session)

    async def _alone(self, step: Step) -> None:
        [part] = step.parts
        found, statement = part.found, part.statement
        self._port.may_start_statement()
        self._patience.check()
        known = Known()
        if found.defines:
            known = Known(await self._rehearsal.describe(found.defines), await self._rehearsal.expected(step))
            foreseen = self._rehearsal.foreseen
            kept = [d for d in (known.before, known.expected, *foreseen.values()) if d]
            await self._journal.keep(kept, self._rehearsal.comparable(step))
            failpoints.reach(Point.DEFINITIONS_KEPT)
        before, expected = (digest(d) if d is not None else None for d in (known.before, known.expected))
        await self._write(Mark(step.seq, step.digest, "intent", before, expected))
        if found.resume != "compare":
            self._databases = None
        self._unsafe.clear()  # it may make tables, or move them to another engine
        failpoints.reach(Point.INTENT_WRITTEN)
        if found.opaque:  # it may not commit, and then it is exact
            await self._connection.run("START TRANSACTION")
            await self._connection.run(f"SAVEPOINT {_SAVEPOINT}")
        try:
            await self._send(statement)
        except Interrupted:
            if not self._link.closed:
                await self._left_nothing(step, part, known, None)
            raise
        except BROKEN as error:
            if not is_answer(error) or self._link.closed:
                raise
            await self._left_nothing(step, part, known, error)
            raise Ended("failed", of_statement(error, statement)) from error
        failpoints.reach(Point.STATEMENT_RUN)
        if found.resume == "compare" and not found.opaque and expected not in (None, before):
            # What it defines tells as well that it is done, so the next write says so; nor can it change a session.
            self._owed = step
            return
        if found.opaque:
            await self._release()
        await self._journal.write(Mark(step.seq, step.digest, "done"))
        if found.opaque:
            await self._connection.run("COMMIT")
        failpoints.reach(Point.DONE_WRITTEN)
        if failure := await self.check_session(statement):
            raise Ended("failed", failure)

    async def _left_nothing(self, step: Step, part: Part, known: Known, error: BaseException | None) -> None:
        """Mark a statement that ended badly as failed when it left nothing behind. Raises `Ended` otherwise."""
        # What concerns no definition and may be repeated may as well have run.
        repeats = part.found.resume == "repeat" and not part.found.defines
        clean = repeats or (error is not None and code_of(error) in _BEFORE_ANYTHING)
        evidence: Evidence | None = None
        if part.found.opaque:
            within = await self._release()
            await self._connection.run("ROLLBACK")
            warnings = await self._connection.fetch("SHOW WARNINGS")
            clean = within and not any(row[1] == NOT_ROLLED_BACK for row in warnings)
        elif known.before is not None:
            now = await self._rehearsal.describe(part.found.defines)
            clean = now == known.before
            evidence = Evidence(known.before, known.expected, now)
        if not clean:
            why = "it failed, and may have done a part of its work." if error else "it was interrupted in its work."
            detail = of_statement(error, part.statement).message if error else ""
            raise Ended("unknown", undecided(part.statement, f"{why} {detail}".strip(), evidence))
        await self._journal.write(Mark(step.seq, step.digest, "failed"))

    async def _touches_unsafe_tables(self, step: Step) -> bool:
        """Whether it may write where nothing can be rolled back, as far as names tell."""
        if self._databases is None:
            rows = await self._connection.fetch("SHOW DATABASES")
            self._databases = {row[0].lower(): row[0] for row in rows if row[0].lower() not in _SYSTEM}
        names = frozenset[str]().union(*(part.found.names for part in step.parts))
        named = {database for lower, database in self._databases.items() if lower in names}
        for database in {self._database} | named:
            if database not in self._unsafe:
                query = _UNSAFE_TABLES.format(database=text(database))
                self._unsafe[database] = frozenset(row[0] for row in await self._connection.fetch(query))
            if not self._unsafe[database].isdisjoint(names):
                return True
        return False

    async def _release(self) -> bool:
        """Whether the transaction is still the one that we began."""
        try:
            await self._connection.run(f"RELEASE SAVEPOINT {_SAVEPOINT}")
        except pymysql.err.MySQLError as error:
            if code_of(error) != NO_SUCH_SAVEPOINT:
                raise
            return False
        return True

    async def _commit(self, *, last: bool) -> None:
        """COMMIT, which no cancel interrupts."""
        self.commit_sent = last
        patience = Patience(max(self._port.deadline, clock.monotonic() + 30.0))
        await self._watch.run(self._connection.run("COMMIT"), patience)

    async def query(self, query: str) -> list[tuple[object, ...]]:
        """The rows of a check. Raises as `run` does."""
        self._port.may_start_statement()
        return await self._watch.run(self._connection.fetch(query))

    async def _send(self, statement: Statement) -> None:
        self._port.may_start_statement()
        self._patience.check()
        total = self._total
        excerpt = " ".join(statement.text[: 4 * _EXCERPT].split())[:_EXCERPT]
        self._port.log("info", f"{statement.index + 1}/{total}, line {statement.line}: {excerpt}", statement.index)
        started = clock.monotonic()
        self.sent = True
        answer = await self._watch.run(self._connection.run(statement.text))
        took = (clock.monotonic() - started) * 1000
        if answer.warnings:
            for level, code, message in await self._connection.fetch(f"SHOW WARNINGS LIMIT {_WARNINGS}"):
                self._port.log("notice" if level == "Note" else "warning", f"{code}: {message}", statement.index)
        self._port.log("info", f"{statement.index + 1}/{total}: {answer.rows} rows, {took:.0f} ms", statement.index)
        self.finished += 1
        self._port.progress(statement.index, total, answer.rows)

    async def check_session(self, statement: Statement) -> Failure | None:
        """What is wrong after a statement when the session is not ours any more: its lock, how it reads text."""
        lock = _holds_lock(self._database)
        # LIMIT: whatever sql_select_limit is.
        [(ours, locked)] = await self._connection.fetch(f"SELECT {self._ours}, {lock} LIMIT 1")
        if ours:
            return None
        if not locked:
            return _LOCK_LOST
        message = "The statement left its session with another database, SQL mode, character set or autocommit."
        return Failure(
            "statement",
            "session_tampering",
            message,
            statement_index=statement.index,
            line=statement.line,
            column=statement.column,
        )


def _holds_lock(database: str) -> str:
    return f"IS_USED_LOCK('{activity.lock_name(database)}') <=> CONNECTION_ID()"


def _ours(database: str) -> str:
    """SQL that is true while a session has its lock, its database, and reads text as we do."""
    modes = " AND ".join(f"NOT FIND_IN_SET('{mode}', @@SESSION.sql_mode)" for mode in sorted(READING_MODES))
    known = ", ".join(f"'{name}'" for name in sorted(CHARACTER_SETS))
    return (
        f"({_holds_lock(database)} AND DATABASE() <=> {text(database)} AND {modes}"
        f" AND UPPER(@@SESSION.character_set_client) IN ({known}) AND @@SESSION.autocommit)"
    )


def _got_out(statement: Statement) -> Failure:
    return Failure(
        "outcome_unknown",
        "transaction_control",
        "The change ended the transaction that it shares with its journal row; parts may be committed.",
        statement_index=statement.index,
        line=statement.line,
        column=statement.column,
        hint="Look at the database, then settle the task by hand.",
    )


def resumable(done: Sequence[Step], left: Sequence[Step]) -> bool:
    """Whether the steps that are left can run in a new session."""
    if any(part.found.keeps_data for step in done for part in step.parts):
        return False
    wrote = any(not part.found.session and part.found.transactional for step in done for part in step.parts)
    looks_back = any(part.found.keeps_data and not part.found.session for step in left for part in step.parts)
    return not (wrote and looks_back)
