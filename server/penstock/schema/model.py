"""The canonical form of a database's schema: equal schemas are equal values, and so equal bytes.

Introspection of every engine ends here. Nothing volatile is kept: no object ids, no statistics, no sequence
positions, no order other than names and column positions. Comparing and rendering live in modules of their
own.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

RelationKind = Literal["table", "partitioned_table", "view", "materialized_view", "foreign_table"]


class Column(msgspec.Struct, frozen=True, omit_defaults=True):
    """One column.

    Args:
        type: as the server formats it, with length or precision, for example ``numeric(10,2)``.
        position: 1-based among the columns that exist; dropped columns leave no gap.
        default: the expression as the server prints it; None for identity and generated columns.
        identity: how an identity column is declared.
        generated: the expression of a stored or virtual generated column.
    """

    name: str
    type: str
    position: int
    nullable: bool
    default: str | None = None
    identity: Literal["always", "by_default"] | None = None
    generated: str | None = None
    collation: str | None = None
    comment: str | None = None


class Index(msgspec.Struct, frozen=True, omit_defaults=True):
    """One index; an invalid one is what a failed concurrent build leaves behind."""

    name: str
    definition: str
    unique: bool = False
    primary: bool = False
    valid: bool = True


class Constraint(msgspec.Struct, frozen=True, omit_defaults=True):
    """One constraint of a table, except NOT NULL, which is a column's."""

    name: str
    kind: Literal["primary_key", "unique", "foreign_key", "check", "exclusion", "trigger"]
    definition: str
    validated: bool = True


class Relation(msgspec.Struct, frozen=True, omit_defaults=True):
    """A table, view or what behaves like one.

    Args:
        primary_key: column names in key order.
        definition: the query of a view.
        parent: ``schema.table`` of which this is a partition.
        storage_engine, collation: of a table on MySQL and MariaDB.
    """

    name: str
    kind: RelationKind
    columns: tuple[Column, ...] = ()
    primary_key: tuple[str, ...] = ()
    indexes: tuple[Index, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    definition: str | None = None
    parent: str | None = None
    comment: str | None = None
    storage_engine: str | None = None
    collation: str | None = None


class Schema(msgspec.Struct, frozen=True, omit_defaults=True):
    """One namespace of a database; MySQL and MariaDB have exactly one, named like the database."""

    name: str
    relations: tuple[Relation, ...] = ()
    comment: str | None = None


# Where a database holds no namespaces, and is one that bears its own name.
ONE_NAMESPACE: Final = frozenset({"mysql", "mariadb"})


class DatabaseSchema(msgspec.Struct, frozen=True, omit_defaults=True):
    """One database.

    Args:
        encoding, collation: as the server names them.
        unreadable: why this login could not read it; then ``schemas`` says nothing.
    """

    name: str
    engine: str
    encoding: str | None = None
    collation: str | None = None
    schemas: tuple[Schema, ...] = ()
    unreadable: str | None = None
