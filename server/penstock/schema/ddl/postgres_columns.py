"""Columns of PostgreSQL: how one is declared, and how one becomes another."""

from __future__ import annotations

import re
from typing import Final

from penstock.schema.hazards import widens
from penstock.schema.model import Column, SequenceOptions
from penstock.schema.names import quoted

_IDENTITY: Final = {"always": "ALWAYS", "by_default": "BY DEFAULT"}
# Types between which a value may be assigned. Everything may be assigned to a text.
_ASSIGNABLE: Final = (
    frozenset({"smallint", "integer", "bigint", "numeric", "real", "double precision"}),
    frozenset({"date", "timestamp without time zone", "timestamp with time zone"}),
    frozenset({"time without time zone", "time with time zone"}),
    frozenset({"json", "jsonb"}),
    frozenset({"inet", "cidr"}),
)
_TEXTS: Final = frozenset({"text", "character varying", "character", "name", '"char"'})


def declared(column: Column) -> str:
    """The column in a CREATE TABLE or after ADD COLUMN."""
    words = [quoted(column.name), column.type]
    if column.collation is not None:
        words += ["COLLATE", column.collation]
    if column.generated is not None:
        words += ["GENERATED ALWAYS AS", f"({column.generated})", "VIRTUAL" if column.virtual else "STORED"]
    elif column.identity is not None:
        words.append(_identity(column))
    elif column.default is not None:
        words += ["DEFAULT", column.default]
    if not column.nullable:
        words.append("NOT NULL")
    return " ".join(words)


def counting(options: SequenceOptions) -> str:
    """How a sequence counts, without its type."""
    return (
        f"INCREMENT BY {options.increment} MINVALUE {options.minimum} MAXVALUE {options.maximum} "
        f"START WITH {options.start} CACHE {options.cache}{'' if options.cycle else ' NO'} CYCLE"
    )


def must_be_made_anew(before: Column, after: Column) -> bool:
    """Whether only dropping the column and adding it makes it what it is to be."""
    if before.generated is None and after.generated is None:
        return False
    return (before.generated, before.virtual) != (after.generated, after.virtual) or retyped(before, after)


def retyped(before: Column, after: Column) -> bool:
    """Whether values change their type or how they sort."""
    return (before.type, before.collation) != (after.type, after.collation)


def keeps_dependents(before: Column, after: Column) -> bool:
    """Whether everything but views may stay as it is when the type changes."""
    return before.collation == after.collation and widens(before.type, after.type)


def loosened(before: Column, after: Column) -> list[str]:
    """Actions of an ALTER TABLE before types change: what is to go, or would be in the way."""
    column = f"ALTER COLUMN {quoted(after.name)}"
    found = []
    if before.default is not None and (before.default != after.default or retyped(before, after)):
        found.append(f"{column} DROP DEFAULT")
    if before.identity is not None and after.identity is None:
        found.append(f"{column} DROP IDENTITY")
    if not before.nullable and after.nullable:
        found.append(f"{column} DROP NOT NULL")
    return found


def converted(before: Column, after: Column) -> list[str]:
    """The action that changes the type, if it changes."""
    if not retyped(before, after):
        return []
    collation = f" COLLATE {after.collation}" if after.collation is not None else ""
    name = quoted(after.name)
    # A cast in words would cut a text short without an error; assigning says that it does not fit.
    using = "" if _assignable(_base(before.type), _base(after.type)) else f" USING {name}::text::{after.type}"
    return [f"ALTER COLUMN {name} TYPE {after.type}{collation}{using}"]


def tightened(before: Column, after: Column) -> list[str]:
    """Actions after types have changed."""
    column = f"ALTER COLUMN {quoted(after.name)}"
    found = []
    if before.nullable and not after.nullable:
        found.append(f"{column} SET NOT NULL")
    if after.default is not None and (before.default != after.default or retyped(before, after)):
        found.append(f"{column} SET DEFAULT {after.default}")
    if after.identity is None:
        return found
    if before.identity is None:
        found.append(f"{column} ADD {_identity(after)}")
    else:
        if before.identity != after.identity:
            found.append(f"{column} SET GENERATED {_IDENTITY[after.identity]}")
        if before.counts != after.counts:
            counts = after.counts or SequenceOptions.usual(after.type)
            found.append(
                f"{column} SET INCREMENT BY {counts.increment} SET MINVALUE {counts.minimum} "
                f"SET MAXVALUE {counts.maximum} SET START WITH {counts.start} SET CACHE {counts.cache} "
                f"SET {'' if counts.cycle else 'NO '}CYCLE"
            )
    return found


def _identity(column: Column) -> str:
    assert column.identity is not None
    options = f" ({counting(column.counts)})" if column.counts is not None else ""
    return f"GENERATED {_IDENTITY[column.identity]} AS IDENTITY{options}"


def _base(type_: str) -> str:
    return re.sub(r"\s*\([\d, -]*\)", "", type_)


def _assignable(before: str, after: str) -> bool:
    return before == after or after in _TEXTS or any({before, after} <= group for group in _ASSIGNABLE)
