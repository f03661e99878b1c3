"""The canonical form of a database's schema: equal schemas are equal values, and so equal bytes.

Introspection of every engine ends here. Nothing volatile is kept: no object ids, no statistics, no sequence
positions, no order other than names and column positions. Comparing and rendering live in modules of their
own.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

RelationKind = Literal["table", "partitioned_table", "view", "materialized_view", "foreign_table", "sequence"]
_LARGEST: Final = {"smallint": 2**15 - 1, "integer": 2**31 - 1}


class SequenceOptions(msgspec.Struct, frozen=True):
    """How a sequence of PostgreSQL counts, but never how far it has come."""

    type: str
    start: int
    increment: int
    minimum: int
    maximum: int
    cache: int
    cycle: bool

    @classmethod
    def usual(cls, type_: str) -> SequenceOptions:
        """What a sequence of this type has when nothing else was said."""
        return cls(type_, 1, 1, 1, _LARGEST.get(type_, 2**63 - 1), 1, False)


class Column(msgspec.Struct, frozen=True, omit_defaults=True):
    """One column.

    Args:
        type: as the server formats it, with length or precision, for example ``numeric(10,2)``.
        position: 1-based among the columns that exist; dropped columns leave no gap.
        default: the expression as the server prints it; None for identity and generated columns.
        identity: how an identity column is declared.
        generated: the expression of a generated column; on MySQL and MariaDB, ``stored`` or ``virtual`` follows it.
        virtual: on PostgreSQL, a generated column that is not stored.
        counts: how an identity column counts, where that is not the usual way.
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
    virtual: bool = False
    counts: SequenceOptions | None = None


class Index(msgspec.Struct, frozen=True, omit_defaults=True):
    """One index; an invalid one is what a failed concurrent build leaves behind.

    Args:
        parent: ``schema.index`` of the partitioned table's index that this is a part of, each quoted where it must be.
    """

    name: str
    definition: str
    unique: bool = False
    primary: bool = False
    valid: bool = True
    parent: str | None = None


class Constraint(msgspec.Struct, frozen=True, omit_defaults=True):
    """One constraint of a table, except NOT NULL, which is a column's.

    Args:
        inherited: it is there because a parent table has it. Foreign keys of that kind are left out altogether.
        of_column: on MariaDB, a check that belongs to the column of its name.
    """

    name: str
    kind: Literal["primary_key", "unique", "foreign_key", "check", "exclusion", "trigger"]
    definition: str
    validated: bool = True
    inherited: bool = False
    of_column: bool = False


class Relation(msgspec.Struct, frozen=True, omit_defaults=True):
    """A table, view or what behaves like one.

    Args:
        primary_key: column names in key order.
        definition: the query of a view.
        parent: ``schema.table`` of which this is a partition, each quoted where it must be.
        bound: which rows of its parent a partition has, as ``FOR VALUES …`` or ``DEFAULT``.
        partition_by: how a partitioned table of PostgreSQL is divided, for example ``RANGE (day)``.
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
    bound: str | None = None
    partition_by: str | None = None


class Sequence(msgspec.Struct, frozen=True, omit_defaults=True):
    """One sequence of PostgreSQL, except those that belong to identity columns.

    Args:
        owned_by: table and column, in the same schema, with which it goes; as ``serial`` makes it.
    """

    name: str
    options: SequenceOptions
    owned_by: tuple[str, str] | None = None
    comment: str | None = None


class Enum(msgspec.Struct, frozen=True, omit_defaults=True):
    """One enumerated type of PostgreSQL, its values in order."""

    name: str
    values: tuple[str, ...] = ()
    comment: str | None = None


class Schema(msgspec.Struct, frozen=True, omit_defaults=True):
    """One namespace of a database; MySQL and MariaDB have exactly one, named like the database."""

    name: str
    relations: tuple[Relation, ...] = ()
    comment: str | None = None
    sequences: tuple[Sequence, ...] = ()
    enums: tuple[Enum, ...] = ()


# Where a database holds no namespaces, and is one that bears its own name.
ONE_NAMESPACE: Final = frozenset({"mysql", "mariadb"})
# Where a default that is a text looks like one that is an expression.
BARE_DEFAULTS: Final = frozenset({"mysql"})


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
