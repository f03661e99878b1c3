"""What will be sent for one change, in which steps, and why it will not be: decided before a connection is opened."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final

from penstock.engines.base import ApplyRequest, Failure
from penstock.engines.mysql.ledger import too_long
from penstock.sql.errors import SplitError
from penstock.sql.mysql.classify import MySqlClassification, classify
from penstock.sql.splitter import split
from penstock.sql.splitter.mysql_tokens import Dialect
from penstock.sql.statement import Statement
from penstock.sql.steps import cut

_THREAD_FROM: Final = 20_000  # bytes; smaller changes are read faster than a thread is started
_REFUSALS: Final = {
    "transaction_control": "Penstock keeps the transactions of a change, so it must not control them.",
    "session_tampering": "A change must not change whose session this is, its locks, or how its own text is read.",
    "ledger_tampering": "A change must not write or redefine what is in the database penstock, which proves changes.",
    "ambiguous_statement": "The server would read more than one statement here.",
}
_HINTS: Final = {
    "transaction_control": "Remove START TRANSACTION, COMMIT, ROLLBACK, LOCK TABLES, SET autocommit and the like.",
    "session_tampering": "Remove SET ROLE, the lock function, the character set or the SQL mode.",
    "ledger_tampering": "Remove the statement; to record a change that was applied by hand, settle or baseline it.",
}


@dataclass(frozen=True)
class Part:
    """One statement and what it is."""

    statement: Statement
    found: MySqlClassification


@dataclass(frozen=True)
class Step:
    """Statements that share one transaction, or one that commits by itself.

    Args:
        seq: index of its first statement.
        transactional: all of it is DML or concerns the session alone.
    """

    seq: int
    digest: str
    transactional: bool
    parts: Sequence[Part]

    @property
    def has_effect(self) -> bool:
        """Whether there is more to it than its session."""
        return any(not part.found.session for part in self.parts)


@dataclass(frozen=True)
class Plan:
    """The steps of a change in order, and the first reason to refuse them all."""

    steps: Sequence[Step]
    total: int
    refusal: Failure | None


async def make_plan(request: ApplyRequest, engine: str, database: str) -> Plan:
    """Split and classify a change, off the event loop when it is large."""
    if _is_small(request):
        return _make_plan(request, engine, database)
    return await asyncio.to_thread(_make_plan, request, engine, database)


def _make_plan(request: ApplyRequest, engine: str, database: str) -> Plan:
    steps: Sequence[Step]
    try:
        steps = _few_steps(request.statement, engine) if _is_small(request) else _steps(request.statement, engine)
    except SplitError as error:
        failure = Failure("statement", error.code, error.reason, line=error.line, column=error.column)
        return Plan((), 0, failure)
    dialect = Dialect(mariadb=engine == "mariadb")
    refusals = (_refuse(part, database) for step in steps for part in step.parts)
    refusal = next((r for r in refusals if r), None) or _refuse_verify(request, engine, dialect) or too_long(request)
    return Plan(steps, sum(len(step.parts) for step in steps), refusal)


def _is_small(request: ApplyRequest) -> bool:
    return len(request.statement) < _THREAD_FROM


@lru_cache(maxsize=64)
def _few_steps(statement: bytes, engine: str) -> Sequence[Step]:
    """Keeps the last ones: one change goes to many databases, and its steps follow from its bytes alone."""
    return _steps(statement, engine)


def _steps(statement: bytes, engine: str) -> Sequence[Step]:
    dialect = Dialect(mariadb=engine == "mariadb")
    parts = [Part(each, classify(each, dialect)) for each in split(statement, engine)]
    steps = []
    for step in cut([part.found for part in parts]):
        of_step = [parts[index] for index in step.statements]
        text = "\0".join(part.statement.text for part in of_step)
        digest = "sha256:" + sha256(text.encode()).hexdigest()
        steps.append(Step(step.statements[0], digest, step.transactional, of_step))
    return steps


def _refuse(part: Part, database: str) -> Failure | None:
    found, statement = part.found, part.statement
    code: str
    hint: str | None
    if found.refusal is not None:
        code, message, hint = found.refusal, _REFUSALS[found.refusal], _HINTS.get(found.refusal)
    elif found.database is not None and found.database != database:
        code = "other_database"
        message = f"The change would go on in another database, {found.database!r}, which nobody has approved."
        hint = "File a change for that database."
    else:
        return None
    return Failure(
        "statement",
        code,
        message,
        statement_index=statement.index,
        line=statement.line,
        column=statement.column,
        hint=hint,
        detail=statement.text[:200],
    )


def _refuse_verify(request: ApplyRequest, engine: str, dialect: Dialect) -> Failure | None:
    for number, query in enumerate(request.verify, 1):
        try:
            statements = split(query.encode(), engine)
        except SplitError as error:
            return Failure("check", error.code, f"Verify query {number}: {error.message}")
        found = [classify(statement, dialect) for statement in statements]
        if [f.kind for f in found] != ["select"] or any(f.refusal or {"outfile", "dumpfile"} & f.names for f in found):
            return Failure(
                "check", "verify_not_a_query", f"Verify query {number} must be one SELECT.", detail=query[:200]
            )
    return None
