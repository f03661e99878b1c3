"""A rule of SQL review: small, pure, with its own reason, its alternative and its examples, which are its tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from penstock.review.finding import Severity
from penstock.sql.classify import Classification
from penstock.sql.statement import Statement

Check: TypeAlias = Callable[[Statement, Classification], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Args:
        id: stable, in the words of the field.
        engines: whom it concerns.
        severity: unless a tier says otherwise.
        message: what it found and why that matters.
        instead: what to write instead.
        check: whether a statement breaks it.
        finds, passes: statements that do and do not break it, for its documentation and its tests.
    """

    id: str
    engines: frozenset[str]
    severity: Severity
    message: str
    instead: str
    check: Check
    finds: tuple[str, ...]
    passes: tuple[str, ...]


POSTGRES = frozenset({"postgres"})
MYSQL = frozenset({"mysql", "mariadb"})
EVERY = POSTGRES | MYSQL
