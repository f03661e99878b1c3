"""Reviews one change by its text: splits it, classifies every statement, asks every rule, cuts it into steps.

The same code runs when an issue is filed, behind ``POST /reviews`` and offline in ``penstock review``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from penstock.review.finding import Finding
from penstock.review.rules.catalogue import RULES
from penstock.review.rules.of_scripts import EMPTY, NON_TRANSACTIONAL, unsplittable
from penstock.sql.classify import Classification
from penstock.sql.dialects import ONE_TRANSACTION, classify, dialect_of
from penstock.sql.enum_values import commits_after
from penstock.sql.errors import SplitError
from penstock.sql.mysql import engines
from penstock.sql.mysql.session_data import carried
from penstock.sql.session_state import lost_between
from penstock.sql.splitter import split
from penstock.sql.statement import Statement
from penstock.sql.steps import Step, cut

_CARRIED: Final = (
    "This holds data of the database in its session. If the change is interrupted between its steps, the rest cannot be"
    " gone on with, and a person has to settle it."
)
_CARRIED_HINT: Final = "Read the data where it is used, use an ordinary table, or give the steps changes of their own."


class Inspection(msgspec.Struct, frozen=True):
    """What review knows of a change.

    Args:
        statements: none when the text cannot be split.
        steps: what runs in one transaction each, in order.
    """

    findings: list[Finding]
    statements: Sequence[Statement]
    classifications: Sequence[Classification]
    steps: Sequence[Step]


def inspect(data: bytes, engine: str) -> Inspection:
    """Review one change.

    Args:
        data: the change's bytes.
        engine: ``postgres``, ``mysql`` or ``mariadb``.
    """
    try:
        statements = split(data, engine)
    except SplitError as error:
        return Inspection([unsplittable(error)], (), (), ())
    classifications = [classify(s, engine) for s in statements]
    findings = [
        Finding(rule.id, rule.severity, rule.message, rule.instead, s.index, s.line, s.column)
        for s, c in zip(statements, classifications, strict=True)
        for rule in RULES
        if engine in rule.engines and rule.check(s, c)
    ]
    if not statements:
        findings.append(Finding(EMPTY.id, EMPTY.severity, EMPTY.message))
    commits = commits_after(statements, classifications) if engine in ONE_TRANSACTION else ()
    steps = cut(classifications, statements, commits)
    if engine in ONE_TRANSACTION:
        findings += _of_steps(statements, classifications, steps)
    else:
        steps, outside = _outside(statements, classifications, steps, engine)
        findings += outside
    if engine not in ONE_TRANSACTION and (index := carried(classifications, steps)) is not None:
        at = statements[index]
        findings.append(Finding("my-session-data", "info", _CARRIED, _CARRIED_HINT, index, at.line, at.column))
        holds = [msgspec.structs.replace(s, undecidable=True) if index in s.statements else s for s in steps]
        steps = holds
    return Inspection(findings, statements, classifications, steps)


def _outside(
    statements: Sequence[Statement], classifications: Sequence[Classification], steps: Sequence[Step], engine: str
) -> tuple[list[Step], list[Finding]]:
    """What writes to tables that the change itself puts outside of transactions."""
    tables = engines.outside(statements, classifications, dialect_of(engine))
    marked, findings = [], []
    for step in steps:
        names = [name for name in step.writes if name in tables] if step.transactional else []
        marked.append(msgspec.structs.replace(step, undecidable=True) if names else step)
        for name in names:
            message = f"{name} is a table of {tables[name]}. {NON_TRANSACTIONAL.message}"
            rule, at = NON_TRANSACTIONAL, statements[step.statements[0]]
            findings.append(Finding(rule.id, rule.severity, message, rule.instead, at.index, at.line, at.column))
    return marked, findings


def _of_steps(
    statements: Sequence[Statement], classifications: Sequence[Classification], steps: Sequence[Step]
) -> list[Finding]:
    """What follows from a change's not being one transaction."""
    findings = []
    if len(steps) > 1:
        message = f"The change runs in {len(steps)} steps: when one fails, those before it stay applied."
        hint = "Give what runs outside of a transaction, or has to be committed before it is used, a change of its own."
        findings.append(Finding("several-steps", "warning", message, hint))
    if lost := lost_between(statements, classifications, steps):
        message = "This leaves data in its session, and the change goes on after a commit, perhaps in another session."
        hint = "Use ON COMMIT DROP or an ordinary table."
        findings.append(Finding("session-data", "error", message, hint, lost.index, lost.line, lost.column))
    return findings
