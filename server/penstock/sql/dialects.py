"""Classifies statements by the dialect of an engine."""

from __future__ import annotations

from penstock.sql import classify as postgres
from penstock.sql.classify import Classification
from penstock.sql.mysql import classify as mysql
from penstock.sql.splitter.mysql_tokens import Dialect
from penstock.sql.statement import Statement


def classify(statement: Statement, engine: str) -> Classification:
    """Classify one statement of a change for ``postgres``, ``mysql`` or ``mariadb``. Never raises."""
    if engine == "postgres":
        return postgres.classify(statement)
    return mysql.classify(statement, Dialect(mariadb=engine == "mariadb"))
