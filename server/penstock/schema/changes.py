"""What a comparison of two schemas says: the words of `penstock.schema.diff` and of those that read it."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from penstock.schema.model import DatabaseSchema

ChangeKind = Literal["added", "removed", "changed"]
ObjectType = Literal[
    "database",
    "schema",
    "table",
    "view",
    "materialized_view",
    "foreign_table",
    "sequence",
    "enum",
    "column",
    "column_order",
    "index",
    "constraint",
]
# What somebody should know before making the change:
#   drops_data           rows, or values of a column, are gone afterwards
#   may_change_values    values that are there may become others, for example rounded
#   may_fail_on_rows     it fails where rows that are there do not fit
#   rewrites_table       every row is written anew
#   blocks_writes        nobody writes to the table while it is read or written as a whole
#   loses_grants         it is dropped and made again: grants, and what else this model does not know, are lost
#   needs_commit         what it adds can be used only by a later transaction
Hazard = Literal[
    "drops_data",
    "may_change_values",
    "may_fail_on_rows",
    "rewrites_table",
    "blocks_writes",
    "loses_grants",
    "needs_commit",
]
# Why there is no DDL for a change:
#   column_order         the order of columns changes only by making a table anew
#   database_property    it is decided when a database is made
#   enum_values          values of an enumerated type can be added, not removed or put in another order
#   expression_index     the model does not hold the expressions of this index
#   default_spelling     what is known of the default does not tell a text from an expression
#   foreign_table        the model does not hold servers and options of foreign tables
#   invalid_index        an index that is to be invalid cannot be made
#   key_index            the index of a key differs where the key does not: its storage parameters, for example
#   kind_of_table        a plain table does not become a partitioned one, nor the other way round
#   of_parent            it follows from a parent table, whose own change is another one
#   partitions           the model does not hold all of how a table is partitioned
#   sequence             the model does not hold the options of sequences of this engine
#   trigger              the model does not hold triggers
#   unknown_parent       the parent's name cannot be read
Unrendered = Literal[
    "column_order",
    "database_property",
    "enum_values",
    "expression_index",
    "default_spelling",
    "foreign_table",
    "invalid_index",
    "key_index",
    "kind_of_table",
    "of_parent",
    "partitions",
    "sequence",
    "trigger",
    "unknown_parent",
]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One difference: what to do to the left side, so that it is like the right one.

    Args:
        path: names from the outside in: schema, table, column. MySQL and MariaDB have no schemas, so theirs begin with
            the table. Empty for the database itself.
        before, after: what differs; the whole object where it is added or removed.
        maybe_renamed_from: the name of something that is removed at the same place and defined alike. It is treated as
            removed all the same: only people know what was meant.
        unrendered: why there is no DDL for it, once it was rendered.
    """

    kind: ChangeKind
    type: ObjectType
    path: tuple[str, ...]
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    hazards: tuple[Hazard, ...] = ()
    maybe_renamed_from: str | None = None
    unrendered: Unrendered | None = None


class Diff(msgspec.Struct, frozen=True):
    """Two schemas of one engine, and every difference between them, in order of their paths.

    There are none exactly when the fingerprints are equal.
    """

    left: DatabaseSchema
    right: DatabaseSchema
    changes: tuple[Change, ...]


class Script(msgspec.Struct, frozen=True):
    """A diff as DDL.

    Args:
        statements: in an order in which they work, without semicolons at their ends.
        changes: those of the diff; the ones without DDL say why.
    """

    statements: tuple[str, ...]
    changes: tuple[Change, ...]

    @property
    def text(self) -> str:
        """The statements as one script."""
        return "".join(f"{statement};\n" for statement in self.statements)
