"""Classifies statements by the dialect of an engine."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from penstock.sql import classify as postgres
from penstock.sql.classify import Classification
from penstock.sql.mysql import classify as mysql
from penstock.sql.splitter.mysql_tokens import Dialect
from penstock.sql.statement import Statement

# A change is one transaction there, unless a statement of it cannot be in one.
ONE_TRANSACTION: Final = frozenset({"postgres"})
_SMALL: Final = 2_000  # characters; the largest are rarely seen twice, and would fill the memory
_KEPT: Final = 4_096


def classify(statement: Statement, engine: str) -> Classification:
    """Classify one statement of a change for ``postgres``, ``mysql`` or ``mariadb``. Never raises."""
    if len(statement.text) <= _SMALL:
        return of_text(statement.text, engine)
    return _classify(statement, engine)


@lru_cache(maxsize=_KEPT)
def of_text(text: str, engine: str) -> Classification:
    """Classify a small statement; the last ones are kept, since a script is read when it is reviewed, when it is filed
    and again by every attempt to apply it."""
    return _classify(Statement(0, 0, 0, 1, 1, text), engine)


def _classify(statement: Statement, engine: str) -> Classification:
    if engine == "postgres":
        return postgres.classify(statement)
    return mysql.classify(statement, dialect_of(engine))


def dialect_of(engine: str) -> Dialect:
    """How ``mysql`` or ``mariadb`` reads what the two read differently."""
    return Dialect(mariadb=engine == "mariadb")
