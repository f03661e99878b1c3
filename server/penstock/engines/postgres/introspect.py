"""Reads the schemas of all databases of an instance, a few queries per database, several databases at
once."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final, Literal

import asyncpg

from penstock.engines.base import Target, TargetUnavailable
from penstock.engines.postgres import catalog
from penstock.engines.postgres.connect import GONE, connect_failure, open_connection
from penstock.schema.model import (
    Column,
    Constraint,
    DatabaseSchema,
    Enum,
    Index,
    Relation,
    RelationKind,
    Schema,
    Sequence,
    SequenceOptions,
)

_READ_SECONDS: Final = 120.0
_RELATION_KINDS: Final[dict[str, RelationKind]] = {
    "r": "table",
    "p": "partitioned_table",
    "v": "view",
    "m": "materialized_view",
    "f": "foreign_table",
}
_CONSTRAINT_KINDS: Final[
    dict[str, Literal["primary_key", "unique", "foreign_key", "check", "exclusion", "trigger"]]
] = {"p": "primary_key", "u": "unique", "f": "foreign_key", "c": "check", "x": "exclusion", "t": "trigger"}
_QUERIES: Final = (
    catalog.SCHEMAS,
    catalog.RELATIONS,
    catalog.COLUMNS,
    catalog.INDEXES,
    catalog.CONSTRAINTS,
    catalog.SEQUENCES,
    catalog.ENUMS,
)
_IDENTITIES: Final[dict[str, Literal["always", "by_default"]]] = {"a": "always", "d": "by_default"}


async def introspect(target: Target, parallel: int) -> list[DatabaseSchema]:
    """See `penstock.engines.base.Engine.introspect`."""
    rows = await _list_databases(target)
    places = asyncio.Semaphore(parallel)

    async def read(row: Any) -> DatabaseSchema:
        found = DatabaseSchema(row["name"], "postgres", row["encoding"], row["collation"])
        if not row["may_connect"]:
            return _unreadable(found, "This login may not connect to it.")
        async with places:
            return await _read_database(replace(target, database=row["name"]), found)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(read(row)) for row in rows]
    return [task.result() for task in tasks]


async def _list_databases(target: Target) -> list[Any]:
    connection = await open_connection(target)
    try:
        return list(await connection.fetch(catalog.DATABASES, timeout=_READ_SECONDS))
    except (asyncpg.PostgresError, *GONE, TimeoutError) as error:
        raise TargetUnavailable(connect_failure(target, error)) from error
    finally:
        connection.terminate()


async def _read_database(target: Target, database: DatabaseSchema) -> DatabaseSchema:
    try:
        connection = await open_connection(target)
    except TargetUnavailable as error:
        return _unreadable(database, error.message)
    try:
        await connection.execute(catalog.SNAPSHOT, timeout=_READ_SECONDS)
        found = [await connection.fetch(query, timeout=_READ_SECONDS) for query in _QUERIES]
        await connection.execute("COMMIT", timeout=_READ_SECONDS)
        await connection.close(timeout=5)
    except (asyncpg.PostgresError, *GONE, TimeoutError) as error:
        return _unreadable(database, str(error) or type(error).__name__)
    finally:
        connection.terminate()
    return DatabaseSchema(database.name, database.engine, database.encoding, database.collation, _schemas(*found))


def _unreadable(database: DatabaseSchema, why: str) -> DatabaseSchema:
    return DatabaseSchema(database.name, database.engine, database.encoding, database.collation, unreadable=why)


def _schemas(
    schemas: Iterable[Any],
    relations: Iterable[Any],
    columns: Iterable[Any],
    indexes: Iterable[Any],
    constraints: Iterable[Any],
    sequences: Iterable[Any],
    enums: Iterable[Any],
) -> tuple[Schema, ...]:
    columns_of, indexes_of, constraints_of = (_by_relation(rows) for rows in (columns, indexes, constraints))
    relations_of: dict[str, list[Relation]] = defaultdict(list)
    for row in relations:
        oid = row["oid"]
        relation = _relation(row, columns_of[oid], indexes_of[oid], constraints_of[oid])
        relations_of[row["schema"]].append(relation)
    sequences_of: dict[str, list[Sequence]] = defaultdict(list)
    for row in sequences:
        sequences_of[row["schema"]].append(_sequence(row))
    enums_of: dict[str, list[Enum]] = defaultdict(list)
    for row in enums:
        enums_of[row["schema"]].append(Enum(row["name"], tuple(row["values"]), row["comment"]))
    return tuple(
        Schema(
            row["name"],
            tuple(relations_of[row["name"]]),
            comment=row["comment"],
            sequences=tuple(sequences_of[row["name"]]),
            enums=tuple(enums_of[row["name"]]),
        )
        for row in schemas
    )


def _sequence(row: Any) -> Sequence:
    owner = (row["owner_table"], row["owner_column"]) if row["owner_column"] is not None else None
    return Sequence(row["name"], _options(row), owner, row["comment"])


def _options(row: Any) -> SequenceOptions:
    return SequenceOptions(
        row["counter_type"],
        row["seqstart"],
        row["seqincrement"],
        row["seqmin"],
        row["seqmax"],
        row["seqcache"],
        row["seqcycle"],
    )


def _by_relation(rows: Iterable[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row["relation"]].append(row)
    return found


def _relation(row: Any, columns: list[Any], indexes: list[Any], constraints: list[Any]) -> Relation:
    primary_key: tuple[str, ...] = next((tuple(i["key_columns"]) for i in indexes if i["is_primary"]), ())
    return Relation(
        name=row["name"],
        kind=_RELATION_KINDS[row["kind"]],
        columns=tuple(_column(position, column) for position, column in enumerate(columns, 1)),
        primary_key=primary_key,
        indexes=tuple(
            Index(i["name"], i["definition"], i["is_unique"], i["is_primary"], i["is_valid"], i["parent"])
            for i in indexes
        ),
        constraints=tuple(
            Constraint(c["name"], _CONSTRAINT_KINDS[c["kind"]], c["definition"], c["is_validated"], c["is_inherited"])
            for c in constraints
        ),
        definition=row["definition"],
        parent=row["parent"],
        comment=row["comment"],
        bound=row["bound"],
        partition_by=row["partition_by"],
    )


def _column(position: int, row: Any) -> Column:
    expression, generated = row["expression"], bool(row["generated"])
    counts = _options(row) if row["counter_type"] is not None else None
    return Column(
        name=row["name"],
        type=row["type"],
        position=position,
        nullable=row["nullable"],
        default=None if generated else expression,
        identity=_IDENTITIES.get(row["identity"]),
        generated=expression if generated else None,
        collation=row["collation"],
        comment=row["comment"],
        virtual=row["generated"] == "v",
        counts=counts if counts is not None and counts != SequenceOptions.usual(counts.type) else None,
    )
