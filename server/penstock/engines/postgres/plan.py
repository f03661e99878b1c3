"""What will be sent for one change, and why it will not be: decided before a connection is opened."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final

from penstock.engines.base import ApplyRequest, Failure
from penstock.sql.classify import Classification, classify
from penstock.sql.errors import SplitError
from penstock.sql.splitter import split
from penstock.sql.statement import Statement

_THREAD_FROM: Final = 50_000  # bytes; smaller changes are read faster than a thread is started
_REFUSALS: Final = {
    "transaction_control": "A change shares one transaction with its ledger row, so it must not control it.",
    "session_tampering": "A change must not change the session's user, or how its own text is read.",
    "ambiguous_statement": "The server would read more than one statement here.",
}
_HINTS: Final = {
    "transaction_control": "Remove BEGIN, COMMIT, ROLLBACK, SAVEPOINT and the like; Penstock does it.",
    "session_tampering": "Remove SET ROLE, SET SESSION AUTHORIZATION, DISCARD or the setting.",
}


@dataclass(frozen=True)
class Plan:
    """The statements of a change in order, and the first reason to refuse them all."""

    statements: Sequence[Statement]
    refusal: Failure | None


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
    refusals = (_refuse(each, classify(each)) for each in statements)
    refusal = next((refusal for refusal in refusals if refusal), None) or _refuse_verify(verify)
    return Plan(statements, refusal)


def _refuse(statement: Statement, found: Classification) -> Failure | None:
    code: str
    if found.refusal is not None:
        code, message, hint = found.refusal, _REFUSALS[found.refusal], _HINTS.get(found.refusal)
    elif not found.transactional:
        code = "non_transactional_statement"
        message = "PostgreSQL runs this statement only outside a transaction, which Penstock cannot do safely yet."
        hint = "Use the transactional form, for example CREATE INDEX without CONCURRENTLY."
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
