"""What differs between two schemas, as examples."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from penstock.schema.changes import Change
from penstock.schema.diff import EnginesDiffer, compare
from penstock.schema.model import (
    Column,
    Constraint,
    DatabaseSchema,
    Enum,
    Index,
    Relation,
    Schema,
    Sequence,
    SequenceOptions,
)

ID = Column("id", "bigint", 1, False)
NOTE = Column("note", "text", 2, True)
KEY = Constraint("orders_pkey", "primary_key", "PRIMARY KEY (id)")
KEY_INDEX = Index("orders_pkey", "CREATE UNIQUE INDEX orders_pkey ON public.orders USING btree (id)", True, True)


def table(*columns: Column, name: str = "orders", **other: Any) -> Relation:
    """A table; columns take the positions in which they are given."""
    placed = tuple(msgspec.structs.replace(c, position=at) for at, c in enumerate(columns, 1))
    return Relation(name, other.pop("kind", "table"), placed, **other)


def of(*relations: Relation, engine: str = "postgres", name: str = "shop", **other: Any) -> DatabaseSchema:
    """A database with these tables."""
    namespace = "public" if engine == "postgres" else name
    return DatabaseSchema(name, engine, schemas=(Schema(namespace, relations, **other),))


def differences(left: DatabaseSchema, right: DatabaseSchema) -> list[str]:
    """Every difference on a line."""
    return [f"{c.kind} {c.type} {'.'.join(c.path)}" for c in compare(left, right).changes]


def only(left: DatabaseSchema, right: DatabaseSchema) -> Change:
    """The one difference."""
    [change] = compare(left, right).changes
    return change


def test_equal_schemas_differ_in_nothing_whatever_their_databases_are_called() -> None:
    assert differences(of(table(ID)), of(table(ID), name="other")) == []
    maria = of(table(ID), engine="mariadb", name="one"), of(table(ID), engine="mariadb", name="two")
    assert differences(*maria) == []


def test_what_is_more_and_what_is_less() -> None:
    left = of(table(ID, NOTE), table(ID, name="old"))
    right = of(table(ID), table(ID, NOTE, name="new"))
    assert differences(left, right) == [
        "added table public.new",
        "removed table public.old",
        "removed column public.orders.note",
    ]


def test_a_changed_column_names_what_changed() -> None:
    change = only(of(table(ID)), of(table(msgspec.structs.replace(ID, type="integer", comment="the number"))))
    assert change.path == ("public", "orders", "id")
    assert change.before == {"type": "bigint", "comment": None}
    assert change.after == {"type": "integer", "comment": "the number"}


def test_paths_of_mariadb_begin_with_the_table() -> None:
    assert only(of(table(ID), engine="mariadb"), of(table(ID, NOTE), engine="mariadb")).path == ("orders", "note")


def test_a_rename_is_suggested_and_never_assumed() -> None:
    remark = msgspec.structs.replace(NOTE, name="remark")
    changes = compare(of(table(ID, NOTE)), of(table(ID, remark))).changes
    assert [(c.kind, c.path[-1], c.maybe_renamed_from) for c in changes] == [
        ("removed", "note", None),
        ("added", "remark", "note"),
    ]
    other_type = msgspec.structs.replace(remark, type="bytea")
    assert [c.maybe_renamed_from for c in compare(of(table(ID, NOTE)), of(table(ID, other_type))).changes] == [
        None,
        None,
    ]
    moved = compare(of(table(ID, NOTE)), of(table(ID, NOTE, name="purchases"))).changes
    assert {c.maybe_renamed_from for c in moved if c.kind == "added"} == {"orders"}


def test_the_order_of_columns_is_a_difference_of_its_own() -> None:
    change = only(of(table(ID, NOTE)), of(table(NOTE, ID)))
    assert (change.type, change.before, change.after) == (
        "column_order",
        {"columns": ["id", "note"]},
        {"columns": ["note", "id"]},
    )
    # PostgreSQL adds columns at the end, MariaDB wherever they are wanted.
    assert "changed column_order public.orders" in differences(of(table(ID)), of(table(NOTE, ID)))
    assert differences(of(table(ID), engine="mariadb"), of(table(NOTE, ID), engine="mariadb")) == [
        "added column orders.note"
    ]


def test_the_index_of_a_key_is_part_of_the_key() -> None:
    keyed = table(ID, constraints=(KEY,), indexes=(KEY_INDEX,), primary_key=("id",))
    assert differences(of(table(ID)), of(keyed)) == ["added constraint public.orders.orders_pkey"]
    filled = msgspec.structs.replace(KEY_INDEX, definition=KEY_INDEX.definition + " WITH (fillfactor='70')")
    other = table(ID, constraints=(KEY,), indexes=(filled,), primary_key=("id",))
    assert differences(of(keyed), of(other)) == ["changed index public.orders.orders_pkey"]


def test_an_index_that_became_invalid_is_a_difference() -> None:
    index = Index("i", "CREATE INDEX i ON public.orders USING btree (id)")
    broken = msgspec.structs.replace(index, valid=False)
    assert only(of(table(ID, indexes=(index,))), of(table(ID, indexes=(broken,)))).after == {"valid": False}


def test_a_view_and_a_table_of_one_name_are_two_things() -> None:
    view = Relation("orders", "view", (ID,), definition=" SELECT 1 AS id;")
    assert differences(of(table(ID)), of(view)) == ["removed table public.orders", "added view public.orders"]


def test_what_happens_to_a_partition_because_of_its_parent_is_said_once() -> None:
    def parted(*columns: Column) -> DatabaseSchema:
        part = table(*columns, name="part", parent="public.whole", bound="DEFAULT")
        whole = table(*columns, name="whole", kind="partitioned_table", partition_by="LIST (id)")
        return of(part, whole)

    assert differences(parted(ID), parted(ID, NOTE)) == ["added column public.whole.note"]


def test_sequences_and_enums() -> None:
    counts = Sequence("numbers", SequenceOptions.usual("integer"), ("orders", "id"))
    faster = Sequence("numbers", msgspec.structs.replace(counts.options, increment=2), ("orders", "id"))
    assert only(of(sequences=(counts,)), of(sequences=(faster,))).type == "sequence"
    change = only(of(enums=(Enum("mood", ("fine",)),)), of(enums=(Enum("mood", ("fine", "bad")),)))
    assert (change.before, change.after, change.hazards) == (
        {"values": ("fine",)}, {"values": ("fine", "bad")}, ("needs_commit",),
    )  # fmt: skip


def test_schemas_of_two_engines_are_not_compared() -> None:
    with pytest.raises(EnginesDiffer):
        compare(of(), of(engine="mariadb"))


@pytest.mark.parametrize(
    ("before", "after", "hazards"),
    [
        (("text", True), None, ("drops_data",)),
        (None, ("text", True), ()),
        (None, ("text", False), ("may_fail_on_rows",)),
        (("text", True), ("text", False), ("blocks_writes", "may_fail_on_rows")),
        (("character varying(10)", True), ("character varying(20)", True), ()),
        (("character varying(10)", True), ("text", True), ()),
        (("numeric(8,2)", True), ("numeric(10,2)", True), ()),
        (("integer", True), ("bigint", True), ("blocks_writes", "rewrites_table")),
        (
            ("character varying(20)", True),
            ("character varying(10)", True),
            ("blocks_writes", "may_change_values", "may_fail_on_rows", "rewrites_table"),
        ),
        (
            ("numeric(10,2)", True),
            ("numeric(10,4)", True),
            ("blocks_writes", "may_change_values", "may_fail_on_rows", "rewrites_table"),
        ),
    ],
)
def test_hazards_of_columns(
    before: tuple[str, bool] | None, after: tuple[str, bool] | None, hazards: tuple[str, ...]
) -> None:
    left, right = (
        of(table(ID, *([Column("x", side[0], 2, side[1])] if side is not None else []))) for side in (before, after)
    )
    assert only(left, right).hazards == hazards


def test_dropping_a_table_drops_data_and_validating_blocks_nobody() -> None:
    assert only(of(table(ID)), of()).hazards == ("drops_data",)
    loose = Constraint("c", "check", "CHECK ((id > 0)) NOT VALID", validated=False)
    firm = Constraint("c", "check", "CHECK ((id > 0))")
    assert only(of(table(ID)), of(table(ID, constraints=(loose,)))).hazards == ()
    assert only(of(table(ID, constraints=(loose,))), of(table(ID, constraints=(firm,)))).hazards == (
        "may_fail_on_rows",
    )
    assert only(of(table(ID)), of(table(ID, constraints=(firm,)))).hazards == ("blocks_writes", "may_fail_on_rows")
