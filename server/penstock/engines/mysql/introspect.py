"""Reads the schemas of all databases of a server in a handful of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from penstock.engines.base import Target, TargetUnavailable
from penstock.engines.mysql import catalog
from penstock.engines.mysql.connect import connect_failure, open_link
from penstock.engines.mysql.driver import BROKEN, name
from penstock.schema.model import Column, Constraint, DatabaseSchema, Index, Relation, RelationKind, Schema

_Rows = Sequence[tuple[Any, ...]]
_Place = tuple[str, str]


async def introspect(target: Target) -> list[DatabaseSchema]:
    """Every database that this login sees, except the server's own and ours. Raises `TargetUnavailable`."""
    link = await open_link(replace(target, database=None))
    connection = link.connection
    connection.own_seconds = None  # a large catalog takes its time
    try:
        databases = await connection.fetch(catalog.DATABASES)
        tables = await connection.fetch(catalog.TABLES)
        columns = _by_place(await connection.fetch(catalog.COLUMNS))
        indexes = _by_place(await connection.fetch(catalog.INDEXES))
        keys = _by_place(await connection.fetch(catalog.FOREIGN_KEYS))
        checks = _by_place(await connection.fetch(catalog.CHECKS[link.flavour]))
        views = _by_place(await connection.fetch(catalog.VIEWS))
    except BROKEN as error:
        raise TargetUnavailable(connect_failure(target, error)) from error
    finally:
        connection.close()
    relations: dict[str, list[Relation]] = defaultdict(list)
    for table in tables:
        place = (table[0], table[1])
        relations[table[0]].append(
            _relation(table, columns[place], indexes[place], keys[place], checks[place], views[place])
        )
    return [
        DatabaseSchema(
            name=database,
            engine=link.flavour,
            encoding=charset,
            collation=collation,
            schemas=(Schema(database, tuple(sorted(relations[database], key=lambda found: found.name))),),
        )
        for database, charset, collation in sorted(databases)
    ]


def _by_place(rows: _Rows) -> defaultdict[_Place, list[tuple[Any, ...]]]:
    found: defaultdict[_Place, list[tuple[Any, ...]]] = defaultdict(list)
    for row in rows:
        found[row[0], row[1]].append(row)
    return found


def _relation(
    table: tuple[Any, ...], columns: _Rows, indexes: _Rows, keys: _Rows, checks: _Rows, views: _Rows
) -> Relation:
    database, table_name, type_, engine, collation, comment, options = table
    is_view = "VIEW" in type_
    found = _indexes(indexes)
    return Relation(
        name=table_name,
        kind=_kind(type_, options or ""),
        columns=tuple(_column(position, row) for position, row in enumerate(columns, 1)),
        primary_key=next((tuple(r[4] for r in indexes if r[2] == "PRIMARY") for i in found if i.primary), ()),
        indexes=tuple(found),
        constraints=tuple(sorted([*_foreign_keys(database, keys), *_checks(checks)], key=lambda c: (c.kind, c.name))),
        # A view qualifies its tables with its own database, which says nothing.
        definition=views[0][2].replace(f"{name(database)}.", "") if views and views[0][2] else None,
        comment=None if is_view else comment or None,
        storage_engine=None if is_view else engine,
        collation=None if is_view else collation,
    )


def _kind(type_: str, options: str) -> RelationKind:
    if "VIEW" in type_:
        return "view"
    if type_ == "SEQUENCE":
        return "sequence"
    return "partitioned_table" if "partitioned" in options else "table"


def _column(position: int, row: tuple[Any, ...]) -> Column:
    _, _, column, type_, nullable, default, extra, generated, collation, comment = row
    extra = extra or ""
    if default == "NULL":  # MariaDB's way to say that there is none
        default = None
    if not generated and "on update" in extra.lower():
        default = f"{default or 'NULL'} {extra[extra.lower().index('on update') :]}"
    stored = " stored" if "STORED" in extra.upper() or "PERSISTENT" in extra.upper() else " virtual"
    return Column(
        name=column,
        type=type_,
        position=position,
        nullable=nullable == "YES",
        default=None if generated else default,
        identity="by_default" if "auto_increment" in extra.lower() else None,
        generated=generated + stored if generated else None,
        collation=collation,
        comment=comment or None,
    )


def _indexes(rows: _Rows) -> list[Index]:
    parts: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for row in rows:
        parts[row[2]].append(row)
    return [_index(index, parts[index]) for index in sorted(parts)]


def _index(index: str, rows: _Rows) -> Index:
    columns = ", ".join(
        (name(column) if column else "(expression)") + (f"({sub})" if sub else "") + (" DESC" if order == "D" else "")
        for _, _, _, _, column, sub, order, _ in rows
    )
    unique, primary, method = not rows[0][3], index == "PRIMARY", rows[0][7]
    kind = "PRIMARY KEY" if primary else f"{'UNIQUE ' if unique else ''}KEY {name(index)}"
    return Index(index, f"{kind} ({columns}) USING {method}", unique, primary)


def _foreign_keys(database: str, rows: _Rows) -> Iterable[Constraint]:
    parts: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for row in rows:
        parts[row[2]].append(row)
    for constraint, of_it in parts.items():
        _, _, _, _, schema, table, _, on_update, on_delete = of_it[0]
        other = name(table) if schema == database else f"{name(schema)}.{name(table)}"
        columns, referenced = (", ".join(name(row[at]) for row in of_it) for at in (3, 6))
        yield Constraint(
            constraint,
            "foreign_key",
            f"FOREIGN KEY ({columns}) REFERENCES {other} ({referenced}) ON UPDATE {on_update} ON DELETE {on_delete}",
        )


def _checks(rows: _Rows) -> Iterable[Constraint]:
    return (Constraint(row[2], "check", f"CHECK ({row[3]})", of_column=bool(row[4])) for row in rows)
