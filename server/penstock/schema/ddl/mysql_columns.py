"""Columns and indexes of MySQL and MariaDB: how they are declared."""

from __future__ import annotations

import re
from typing import Final

from penstock.schema.model import BARE_DEFAULTS, Column, Index
from penstock.schema.names import backticked

_FULLTEXT: Final = " USING FULLTEXT"
_SPATIAL: Final = " USING SPATIAL"
_TELLABLE: Final = re.compile(r"-?\d+(\.\d+)?|NULL|CURRENT_TIMESTAMP(\(\d?\))?( on update \S+)?", re.IGNORECASE)


def text(value: str) -> str:
    """A string, as every mode of the server that knows backslashes reads it."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def declared(column: Column, check: str | None) -> str:
    """The column in a CREATE TABLE, or after ADD or MODIFY COLUMN.

    Args:
        check: that belongs to the column.
    """
    words = [backticked(column.name), column.type]
    if column.collation is not None:
        words += ["COLLATE", column.collation]
    if column.generated is not None:
        expression, _, kind = column.generated.rpartition(" ")
        words += ["GENERATED ALWAYS AS", f"({expression})", kind.upper()]
    else:
        words.append("NULL" if column.nullable else "NOT NULL")
        if column.identity is not None:
            words.append("AUTO_INCREMENT")
        elif column.default is not None:
            words += ["DEFAULT", column.default]
    if column.comment is not None:
        words += ["COMMENT", text(column.comment)]
    if check is not None:
        words.append(check)
    return " ".join(words)


def untellable(engine: str, column: Column) -> bool:
    """Whether a default may be a text or an expression."""
    return engine in BARE_DEFAULTS and column.default is not None and _TELLABLE.fullmatch(column.default) is None


def must_be_made_anew(before: Column, after: Column) -> bool:
    """Whether the server refuses to change one into the other."""
    if before.generated is None and after.generated is None:
        return False
    return (before.generated, before.type, before.collation) != (after.generated, after.type, after.collation)


def action_of_index(index: Index) -> str | None:
    """The index after ADD, or in a CREATE TABLE; None where the model does not hold its expressions."""
    if "(expression)" in re.sub(r"`(?:[^`]|``)*`", "", index.definition):
        return None
    for ending, word in ((_FULLTEXT, "FULLTEXT "), (_SPATIAL, "SPATIAL ")):
        if index.definition.endswith(ending):
            definition = index.definition.removesuffix(ending)
            return word + (re.sub(r"\(\d+\)", "", definition) if word == "SPATIAL " else definition)
    return index.definition
