"""Which storage engine a definition names: rows of some are not part of any transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from penstock.sql.classify import Classification
from penstock.sql.mysql.words import read
from penstock.sql.splitter.mysql_tokens import Dialect
from penstock.sql.statement import Statement

TRANSACTIONAL: Final = frozenset({"INNODB", "ROCKSDB", "TOKUDB", "NDB", "NDBCLUSTER"})
_DEFINES: Final = frozenset({"create_table", "alter_table"})
_MOST: Final = 1_000_000  # characters; what is longer is not read


def outside(
    statements: Sequence[Statement], classifications: Sequence[Classification], dialect: Dialect
) -> Mapping[str, str]:
    """Tables that a change puts into an engine without transactions: name -> the engine, as its text last says."""
    found: dict[str, str] = {}
    for statement, what in zip(statements, classifications, strict=True):
        if what.kind in _DEFINES and len(statement.text) <= _MOST and (engine := _engine(statement, dialect)):
            for name in (*what.creates, *what.writes):
                if engine.upper() in TRANSACTIONAL:
                    found.pop(name, None)
                else:
                    found[name] = engine
    return found


def _engine(statement: Statement, dialect: Dialect) -> str | None:
    words = [word for word in read(statement.text, dialect) if word.text != "="]
    return next((then.name for word, then in pairwise(words) if word.text == "ENGINE" and word.kind == "word"), None)
