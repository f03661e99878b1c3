"""Reviews one change by its text: splits it, classifies every statement, asks every rule, cuts it into steps.

The same code runs when an issue is filed, behind ``POST /reviews`` and offline in ``penstock review``.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from penstock.review.finding import Finding
from penstock.review.rules.catalogue import RULES
from penstock.sql.classify import Classification
from penstock.sql.dialects import classify
from penstock.sql.errors import SplitError
from penstock.sql.splitter import split
from penstock.sql.statement import Statement
from penstock.sql.steps import Step, cut


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
        rule = error.code.replace("_", "-")
        hint = "Correct the script: what cannot be split for certain is not guessed at."
        found = Finding(rule, "error", error.reason, hint, None, error.line, error.column)
        return Inspection([found], (), (), ())
    classifications = [classify(s, engine) for s in statements]
    findings = [
        Finding(rule.id, rule.severity, rule.message, rule.instead, s.index, s.line, s.column)
        for s, c in zip(statements, classifications, strict=True)
        for rule in RULES
        if engine in rule.engines and rule.check(s, c)
    ]
    if not statements:
        message = "The script holds no statement. It will be recorded as applied and change nothing."
        findings.append(Finding("empty-change", "info", message))
    return Inspection(findings, statements, classifications, cut(classifications))
