"""Reading rows: plain records, and pages that stay stable while rows are added (keyset, never OFFSET)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.errors import BadRequest
from penstock.store.tables.accounts import account

Record: TypeAlias = dict[str, Any]
Key: TypeAlias = tuple[Any, ...]

_BIGINT = 2**63


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a page begins and how long it is.

    Args:
        after: key of the last row of the page before, or None for the first page.
        size: rows at most.
    """

    after: Key | None = None
    size: int = 50


@dataclass(frozen=True, slots=True)
class Slice:
    """One page of records; ``next_key`` is None on the last one."""

    records: list[Record]
    next_key: Key | None


async def fetch(conn: AsyncConnection, query: sa.Executable) -> list[Record]:
    """All rows of a query as records."""
    result = await conn.execute(query)
    names = list(map(str, result.keys()))  # plain strings, which SQLAlchemy's quoted names are not
    return [dict(zip(names, row, strict=True)) for row in result]


async def fetch_one(conn: AsyncConnection, query: sa.Executable) -> Record | None:
    """The only row of a query, or None."""
    records = await fetch(conn, query)
    if len(records) > 1:
        raise ValueError("The query answered more than one row.")
    return records[0] if records else None


async def page(
    conn: AsyncConnection,
    query: sa.Select[Any],
    keys: Sequence[sa.ColumnElement[Any]],
    cut: Cut,
    *,
    descending: bool = False,
) -> Slice:
    """One page of a query, ordered by unique keys.

    Args:
        query: selects the records; neither ordered nor limited.
        keys: columns of the query that order it and together are unique.
        cut: where to begin, how many.
        descending: newest first.

    Raises:
        BadRequest: the key does not fit this list: the token was made for another one.
    """
    marks = [key.label(f"_key_{n}") for n, key in enumerate(keys)]
    query = query.add_columns(*marks).order_by(*(k.desc() if descending else k.asc() for k in keys))
    if cut.after is not None:
        _check(cut.after, keys)
        after = sa.tuple_(*(sa.literal(v, k.type) for v, k in zip(cut.after, keys, strict=True)))
        query = query.where(sa.tuple_(*keys) < after if descending else sa.tuple_(*keys) > after)
    records = await fetch(conn, query.limit(cut.size + 1))
    found = [tuple(record.pop(mark.name) for mark in marks) for record in records]
    more = len(records) > cut.size
    return Slice(records[: cut.size], found[cut.size - 1] if more else None)


def _check(after: Key, keys: Sequence[sa.ColumnElement[Any]]) -> None:
    def fits(value: Any, key: sa.ColumnElement[Any]) -> bool:
        if isinstance(value, int) and not -_BIGINT <= value < _BIGINT:
            return False
        return type(value) is key.type.python_type

    if len(after) != len(keys) or not all(fits(v, k) for v, k in zip(after, keys, strict=True)):
        raise BadRequest("This page_token is not one that this list handed out.")


def person(source: sa.FromClause = account) -> sa.ColumnElement[Any]:
    """A person or service account as ``{id, name, email, kind}``, or null where an outer join found
    nobody."""
    who = sa.func.jsonb_build_object(
        *("id", source.c.id, "name", source.c.name, "email", source.c.email, "kind", source.c.kind),
        type_=pg.JSONB,
    )
    return sa.case((source.c.id.is_(None), None), else_=who)


def contains(column: sa.ColumnElement[Any], text: str) -> sa.ColumnElement[bool]:
    """Case-insensitive substring search in which ``%`` and ``_`` mean themselves."""
    return column.icontains(text, autoescape=True)
