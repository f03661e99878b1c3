"""What will be sent for one change, and why it will not be: decided before a connection is opened."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from typing import Final

from penstock.engines.base import ApplyRequest, Failure
from penstock.engines.postgres.resume import digest_of
from penstock.sql.classify import Classification, classify
from penstock.sql.enum_values import commits_after
from penstock.sql.errors import SplitError
from penstock.sql.outside import Outside, outside
from penstock.sql.session_state import lost_between, trace
from penstock.sql.splitter import split
from penstock.sql.statement import Statement
from penstock.sql.steps import cut

_THREAD_FROM: Final = 50_000  # bytes; smaller changes are read faster than a thread is started
_REFUSALS: Final = {
    "transaction_control": "A change shares one transaction with its ledger row, so it must not control it.",
    "session_tampering": "A change must not change the session's user, or how its own text is read.",
    "ambiguous_statement": "The server would read more than one statement here.",
    "ledger_tampering": "A change must not write or redefine what is in the schema penstock, which proves changes.",
}
_HINTS: Final = {
    "transaction_control": "Remove BEGIN, COMMIT, ROLLBACK, SAVEPOINT and the like; Penstock does it.",
    "session_tampering": "Remove SET ROLE, SET SESSION AUTHORIZATION, DISCARD or the setting.",
    "ledger_tampering": "Remove the statement; to record a change that was applied by hand, settle or baseline it.",
}


@dataclass(frozen=True)
class Step:
    """Statements that run in one transaction, or the one statement that runs outside of any.

    Args:
        outside: what that one is about.
        last: no step follows.
    """

    index: int
    statements: Sequence[Statement]
    outside: Outside | None
    last: bool

    @property
    def digest(self) -> str:
        """What the journal knows it by."""
        return digest_of(self.statements)


@dataclass(frozen=True)
class Plan:
    """The statements of a change in order, and the first reason to refuse them all.

    Args:
        in_steps: they cannot all share one transaction.
        transactional: of each statement, whether it may share a transaction; empty when all of them do.
        commits_after: indices of statements after which a transaction must end.
        settings: indices of statements that leave a setting in their session.
    """

    statements: Sequence[Statement]
    refusal: Failure | None
    in_steps: bool = False
    transactional: Sequence[bool] = ()
    commits_after: frozenset[int] = frozenset()
    settings: frozenset[int] = frozenset()

    def steps(self, done: int = 0, first: int = 0) -> list[Step]:
        """The steps of the statements after the first ``done``, with indices from ``first`` on."""
        groups: list[list[Statement]] = []
        for at in range(done, len(self.statements)):
            joins = at > done and self._shares(at) and self._shares(at - 1) and at - 1 not in self.commits_after
            if not joins:
                groups.append([])
            groups[-1].append(self.statements[at])
        return [
            Step(
                first + n,
                group,
                None if self._shares(group[0].index) else outside(group[0].text),
                last=n + 1 == len(groups),
            )
            for n, group in enumerate(groups)
        ]

    def _shares(self, index: int) -> bool:
        return not self.transactional or self.transactional[index]


def tampered(request: ApplyRequest) -> Failure | None:
    """The failure when the bytes are not those of the digest."""
    digest = "sha256:" + sha256(request.statement).hexdigest()
    if digest == request.change_digest:
        return None
    return Failure(
        "tampered",
        "tampered",
        f"The stored bytes of change {request.version} have the digest {digest}; approved was {request.change_digest}.",
    )


async def make_plan(request: ApplyRequest) -> Plan:
    """Split and classify a change, off the event loop when it is large."""
    verify = tuple(request.verify)
    if len(request.statement) < _THREAD_FROM:
        return _make_small_plan(request.statement, verify)
    return await asyncio.to_thread(_make_plan, request.statement, verify)


@lru_cache(maxsize=64)
def _make_small_plan(statement: bytes, verify: tuple[str, ...]) -> Plan:
    """Keeps the last plans: one change goes to many databases, and its plan follows from its bytes alone."""
    return _make_plan(statement, verify)


def _make_plan(statement: bytes, verify: tuple[str, ...]) -> Plan:
    try:
        statements = tuple(split(statement, "postgres"))
    except SplitError as error:
        failure = Failure("statement", error.code, error.reason, line=error.line, column=error.column)
        return Plan((), failure)
    found = [classify(each) for each in statements]
    refusals = (_refuse(each, what) for each, what in zip(statements, found, strict=True))
    refusal = next((refusal for refusal in refusals if refusal), None) or _refuse_verify(verify)
    commits = commits_after(statements, found)
    if refusal is not None or (not commits and all(what.transactional for what in found)):
        return Plan(statements, refusal)
    traces = [trace(each, what) for each, what in zip(statements, found, strict=True)]
    plan = Plan(
        statements,
        None,
        in_steps=len(statements) > 0,
        transactional=[what.transactional for what in found],
        commits_after=commits,
        settings=frozenset(n for n, left in enumerate(traces) if left == "setting"),
    )
    lost = lost_between(statements, found, cut(found, statements, commits))
    return plan if lost is None else replace(plan, refusal=_refuse_lost(lost))


def _refuse_lost(statement: Statement) -> Failure:
    return Failure(
        "statement",
        "session_data",
        "This leaves data in its session, and the change goes on after a commit, perhaps in another session.",
        statement_index=statement.index,
        line=statement.line,
        column=statement.column,
        hint="Use ON COMMIT DROP or an ordinary table, or give what runs outside of a transaction a change of its own.",
        detail=statement.text[:200],
    )


def _refuse(statement: Statement, found: Classification) -> Failure | None:
    code: str
    if found.refusal is not None:
        code, message, hint = found.refusal, _REFUSALS[found.refusal], _HINTS.get(found.refusal)
    elif not found.transactional and outside(statement.text).unnamed:
        code = "unnamed_index"
        message = "An index that is built concurrently needs a name: after a crash nobody could tell which one it is."
        hint = "Write CREATE INDEX CONCURRENTLY name ON …"
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


def _refuse_verify(queries: Sequence[str]) -> Failure | None:
    for number, query in enumerate(queries, 1):
        try:
            statements = split(query.encode(), "postgres")
        except SplitError as error:
            return Failure("check", error.code, f"Verify query {number}: {error.message}")
        if [classify(statement).kind for statement in statements] != ["select"]:
            return Failure(
                "check",
                "verify_not_a_query",
                f"Verify query {number} must be one SELECT.",
                detail=query[:200],
            )
    return None
