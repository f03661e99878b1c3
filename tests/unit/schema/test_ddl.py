"""Differences as DDL, as examples; that it works is for real servers to say, in ``tests/property``."""

from __future__ import annotations

import msgspec
import pytest

from penstock.schema.changes import Script, Unrendered
from penstock.schema.ddl import render
from penstock.schema.ddl.order import ordered
from penstock.schema.diff import compare
from penstock.schema.model import (
    Column,
    Constraint,
    DatabaseSchema,
    Enum,
    Index,
    Relation,
    Sequence,
    SequenceOptions,
)
from penstock.schema.names import backticked, backticks, literal, mentioned, parts, quoted
from tests.unit.schema.test_diff import ID, KEY, KEY_INDEX, NOTE, of, table

ORDERS = table(ID, NOTE, constraints=(KEY,), indexes=(KEY_INDEX,), primary_key=("id",))
LINES = table(
    ID, name="lines", constraints=(Constraint("f", "foreign_key", "FOREIGN KEY (id) REFERENCES public.orders(id)"),)
)
VIEW = Relation("v", "view", (ID,), definition=" SELECT orders.note\n   FROM public.orders;")
OUTER = Relation("a", "view", (ID,), definition=" SELECT v.note\n   FROM public.v;")


def script(left: DatabaseSchema, right: DatabaseSchema) -> list[str]:
    """The statements."""
    return list(render(compare(left, right)).statements)


def reasons(left: DatabaseSchema, right: DatabaseSchema) -> set[Unrendered | None]:
    """Why there is no DDL."""
    found: Script = render(compare(left, right))
    assert not found.statements
    return {change.unrendered for change in found.changes}


def test_a_foreign_key_comes_after_the_key_that_it_needs_and_goes_before_it() -> None:
    assert script(of(), of(LINES, ORDERS)) == [
        'CREATE TABLE "public"."lines" (\n  "id" bigint NOT NULL\n)',
        'CREATE TABLE "public"."orders" (\n  "id" bigint NOT NULL,\n  "note" text\n)',
        'ALTER TABLE "public"."orders" ADD CONSTRAINT "orders_pkey" PRIMARY KEY (id)',
        'ALTER TABLE "public"."lines" ADD CONSTRAINT "f" FOREIGN KEY (id) REFERENCES public.orders(id)',
    ]
    assert script(of(LINES, ORDERS), of()) == [
        'ALTER TABLE "public"."lines" DROP CONSTRAINT "f"',
        'DROP TABLE "public"."lines"',
        'DROP TABLE "public"."orders"',
    ]


def test_views_come_after_what_they_read() -> None:
    made = script(of(), of(OUTER, ORDERS, VIEW))
    assert [statement.split(" AS")[0] for statement in made[2:]] == [
        'CREATE VIEW "public"."v"',
        'CREATE VIEW "public"."a"',
    ]


def test_views_make_room_for_a_column_that_they_read_and_for_no_other() -> None:
    left = of(OUTER, ORDERS, VIEW)
    retyped = msgspec.structs.replace(NOTE, type="integer")
    right = of(OUTER, table(ID, retyped, constraints=(KEY,), indexes=(KEY_INDEX,), primary_key=("id",)), VIEW)
    found = render(compare(left, right))
    assert found.statements == (
        'DROP VIEW "public"."a"',
        'DROP VIEW "public"."v"',
        'ALTER TABLE "public"."orders" ALTER COLUMN "note" TYPE integer USING "note"::text::integer',
        'CREATE VIEW "public"."v" AS\nSELECT orders.note\n   FROM public.orders',
        'CREATE VIEW "public"."a" AS\nSELECT v.note\n   FROM public.v',
    )
    assert "loses_grants" in found.changes[0].hazards
    longer = of(OUTER, table(ID, NOTE, Column("b", "text", 3, True), constraints=(KEY,), indexes=(KEY_INDEX,)), VIEW)
    assert script(left, longer) == ['ALTER TABLE "public"."orders" ADD COLUMN "b" text']


def test_a_generated_column_makes_room_for_what_it_reads() -> None:
    doubled = Column("twice", "bigint", 2, True, generated="id * 2", comment="counted")
    narrow = msgspec.structs.replace(ID, type="integer")
    assert script(of(table(ID, doubled)), of(table(narrow, doubled))) == [
        'ALTER TABLE "public"."orders" DROP COLUMN "twice"',
        'ALTER TABLE "public"."orders" ALTER COLUMN "id" TYPE integer',
        'ALTER TABLE "public"."orders" ADD COLUMN "twice" bigint GENERATED ALWAYS AS (id * 2) STORED',
        """COMMENT ON COLUMN "public"."orders"."twice" IS 'counted'""",
    ]


def test_what_reads_a_column_makes_room_for_its_new_type_and_plain_indexes_stay() -> None:
    check = Constraint("c", "check", "CHECK ((id > 0))")
    plain = Index("i", "CREATE INDEX i ON public.orders USING btree (id)")
    partial = Index("p", "CREATE INDEX p ON public.orders USING btree (id) WHERE (id > 9)")
    narrow = msgspec.structs.replace(ID, type="integer")
    left, right = (of(table(c, constraints=(check,), indexes=(plain, partial))) for c in (ID, narrow))
    assert script(left, right) == [
        'ALTER TABLE "public"."orders" DROP CONSTRAINT "c"',
        'DROP INDEX "public"."p"',
        'ALTER TABLE "public"."orders" ALTER COLUMN "id" TYPE integer',
        partial.definition,
        'ALTER TABLE "public"."orders" ADD CONSTRAINT "c" CHECK ((id > 0))',
    ]


def test_a_text_is_never_cut_short_without_an_error() -> None:
    long, short = (Column("x", f"character varying({n})", 1, True) for n in (20, 10))
    assert script(of(table(long)), of(table(short))) == [
        'ALTER TABLE "public"."orders" ALTER COLUMN "x" TYPE character varying(10)'
    ]


def test_a_check_is_validated_where_it_stands() -> None:
    loose = Constraint("c", "check", "CHECK ((id > 0)) NOT VALID", validated=False)
    firm = Constraint("c", "check", "CHECK ((id > 0))")
    left, right = of(table(ID, constraints=(loose,))), of(table(ID, constraints=(firm,)))
    assert script(left, right) == ['ALTER TABLE "public"."orders" VALIDATE CONSTRAINT "c"']


def test_values_of_an_enum_keep_their_places() -> None:
    left, right = of(enums=(Enum("mood", ("b", "d")),)), of(enums=(Enum("mood", ("a", "b", "c'", "d")),))
    assert script(left, right) == [
        """ALTER TYPE "public"."mood" ADD VALUE 'a' BEFORE 'b'""",
        """ALTER TYPE "public"."mood" ADD VALUE 'c''' AFTER 'b'""",
    ]
    assert reasons(right, left) == {"enum_values"}


def test_hostile_names_and_comments_stay_names_and_comments() -> None:
    evil = 'x"; DROP TABLE orders; --'
    column = Column("y`'\\", "text", 1, True, comment="it's \\'; DROP TABLE orders; --")
    assert script(of(), of(table(column, name=evil))) == [
        'CREATE TABLE "public"."x""; DROP TABLE orders; --" (\n  "y`\'\\" text\n)',
        (
            'COMMENT ON COLUMN "public"."x""; DROP TABLE orders; --"."y`\'\\" '
            "IS E'it''s \\\\''; DROP TABLE orders; --'"
        ),
    ]
    assert script(of(engine="mariadb"), of(table(column, name="a`b"), engine="mariadb")) == [
        "CREATE TABLE `a``b` (\n  `y``'\\` text NULL COMMENT 'it''s \\\\''; DROP TABLE orders; --'\n)"
    ]


@pytest.mark.parametrize("parent", ["public.x; DROP TABLE y", "x", '"a', "a.b.c", ""])
def test_a_parent_that_cannot_be_read_is_not_written_into_a_statement(parent: str) -> None:
    assert reasons(of(), of(table(ID, parent=parent, bound="DEFAULT"))) == {"unknown_parent"}


def test_what_cannot_be_rendered_says_why() -> None:
    index = Index("i", "CREATE INDEX i ON public.orders USING btree (id)")
    broken = msgspec.structs.replace(index, valid=False)
    foreign = Relation("far", "foreign_table", (ID,))
    parted = table(ID, kind="partitioned_table", partition_by="LIST (id)")
    other = table(ID, kind="partitioned_table", partition_by="HASH (id)")
    trigger = Constraint("t", "trigger", "TRIGGER")
    assert reasons(of(table(ID)), of(table(ID, indexes=(broken,)))) == {"invalid_index"}
    assert reasons(of(), of(foreign)) == {"foreign_table"}
    assert reasons(of(table(ID)), of(parted)) == {"kind_of_table"}
    assert reasons(of(parted), of(other)) == {"partitions"}
    assert reasons(of(table(ID)), of(table(ID, constraints=(trigger,)))) == {"trigger"}
    assert reasons(of(table(ID, NOTE)), of(table(NOTE, ID))) == {"column_order"}
    assert reasons(of(), msgspec.structs.replace(of(), encoding="LATIN1")) == {"database_property"}


def test_a_new_table_with_a_part_that_cannot_be_rendered_comes_without_it() -> None:
    broken = Index("i", "CREATE INDEX i ON public.orders USING btree (id)", valid=False)
    found = render(compare(of(), of(table(ID, indexes=(broken,)))))
    assert found.statements == ('CREATE TABLE "public"."orders" (\n  "id" bigint NOT NULL\n)',)
    assert [(c.path, c.unrendered) for c in found.changes] == [
        (("public", "orders"), None),
        (("public", "orders", "i"), "invalid_index"),
    ]


def test_an_index_of_a_partitioned_table_is_made_part_by_part_and_put_together() -> None:
    of_whole = Index("i", "CREATE INDEX i ON ONLY public.whole USING btree (id)")
    of_part = Index("j", "CREATE INDEX j ON public.part USING btree (id)", parent="public.i")

    def parted(whole: tuple[Index, ...], part: tuple[Index, ...]) -> DatabaseSchema:
        parent = table(ID, name="whole", kind="partitioned_table", partition_by="LIST (id)", indexes=whole)
        return of(table(ID, name="part", parent="public.whole", bound="DEFAULT", indexes=part), parent)

    without, with_index = parted((), ()), parted((of_whole,), (of_part,))
    assert script(without, with_index) == [
        of_part.definition,
        of_whole.definition,
        'ALTER INDEX "public"."i" ATTACH PARTITION "public"."j"',
    ]
    assert script(with_index, without) == ['DROP INDEX "public"."i"']  # and its parts with it


def test_a_sequence_outlives_its_column_and_goes_to_another() -> None:
    def counted(column: str) -> DatabaseSchema:
        counter = Sequence("numbers", SequenceOptions.usual("bigint"), ("orders", column))
        return of(table(msgspec.structs.replace(ID, name=column)), sequences=(counter,))

    assert script(counted("a"), counted("b")) == [
        'ALTER SEQUENCE "public"."numbers" OWNED BY NONE',
        'ALTER TABLE "public"."orders" DROP COLUMN "a"',
        'ALTER TABLE "public"."orders" ADD COLUMN "b" bigint NOT NULL',
        'ALTER SEQUENCE "public"."numbers" OWNED BY "public"."orders"."b"',
    ]


def test_an_index_of_a_partition_is_held_by_its_parents() -> None:
    def parted(name: str) -> DatabaseSchema:
        of_whole = Index("i", "CREATE INDEX i ON ONLY public.whole USING btree (id)")
        of_part = Index(name, f"CREATE INDEX {name} ON public.part USING btree (id)", parent="public.i")
        whole = table(ID, name="whole", kind="partitioned_table", partition_by="LIST (id)", indexes=(of_whole,))
        return of(table(ID, name="part", parent="public.whole", bound="DEFAULT", indexes=(of_part,)), whole)

    assert reasons(parted("a"), parted("b")) == {"of_parent"}


def test_what_cannot_be_rendered_on_mysql_and_mariadb_says_why() -> None:
    index = Index("i", "KEY `i` ((expression)) USING BTREE")
    worded = Column("x", "varchar(9)", 2, True, default="uuid()")
    sequence = Relation("s", "sequence", (ID,))
    for_mysql = [of(table(ID), engine="mysql"), of(table(ID, worded), engine="mysql")]
    assert reasons(of(table(ID), engine="mysql"), of(table(ID, indexes=(index,)), engine="mysql")) == {
        "expression_index"
    }
    assert reasons(*for_mysql) == {"default_spelling"}
    assert reasons(of(engine="mariadb"), of(sequence, engine="mariadb")) == {"sequence"}
    parted = table(ID, kind="partitioned_table")
    assert reasons(of(engine="mariadb"), of(parted, engine="mariadb")) == {"partitions"}


def test_mariadb_alters_a_table_once() -> None:
    key = Index("PRIMARY", "PRIMARY KEY (`id`) USING BTREE", True, True)
    words = Index("w", "KEY `w` (`note`) USING FULLTEXT")
    left = of(table(ID), engine="mariadb")
    right = of(table(NOTE, msgspec.structs.replace(ID, type="int(11)"), indexes=(key, words)), engine="mariadb")
    assert script(left, right) == [
        (
            "ALTER TABLE `orders` ADD COLUMN `note` text NULL FIRST, MODIFY COLUMN `id` int(11) NOT NULL, "
            "ADD PRIMARY KEY (`id`) USING BTREE, ADD FULLTEXT KEY `w` (`note`)"
        )
    ]


def test_a_foreign_key_of_mariadb_makes_room_for_the_index_that_it_needs() -> None:
    key = Constraint(
        "f", "foreign_key", "FOREIGN KEY (`a`) REFERENCES `p` (`id`) ON UPDATE RESTRICT ON DELETE RESTRICT"
    )
    a = Column("a", "bigint", 2, True)
    parent = table(ID, name="p", indexes=(Index("PRIMARY", "PRIMARY KEY (`id`) USING BTREE", True, True),))

    def indexed(definition: str) -> DatabaseSchema:
        child = table(ID, a, constraints=(key,), indexes=(Index("f", definition),))
        return of(child, parent, engine="mariadb")

    assert script(indexed("KEY `f` (`a`) USING BTREE"), indexed("KEY `f` (`a`, `id`) USING BTREE")) == [
        "ALTER TABLE `orders` DROP FOREIGN KEY `f`",
        "ALTER TABLE `orders` DROP INDEX `f`, ADD KEY `f` (`a`, `id`) USING BTREE",
        f"ALTER TABLE `orders` ADD CONSTRAINT `f` {key.definition}",
    ]


def test_mariadb_makes_generated_columns_anew_and_drops_checks_before_what_they_read() -> None:
    doubled, tripled = (Column("n", "bigint(20)", 2, True, generated=f"`id` * {by} virtual") for by in (2, 3))
    left, right = (of(table(ID, column), engine="mariadb") for column in (doubled, tripled))
    [statement] = script(left, right)
    assert "DROP COLUMN `n`, ADD COLUMN `n` bigint(20) GENERATED ALWAYS AS (`id` * 3) VIRTUAL AFTER `id`" in statement
    check = Constraint("c", "check", "CHECK (`note` <> '')")
    narrow = msgspec.structs.replace(NOTE, type="varchar(9)")
    left, right = (of(table(ID, column, constraints=(check,)), engine="mariadb") for column in (NOTE, narrow))
    assert [statement.split("`")[2].strip() for statement in script(left, right)] == [
        "DROP CONSTRAINT",
        "MODIFY COLUMN",
        "ADD CONSTRAINT",
    ]


def test_the_comment_of_a_table() -> None:
    left, right = of(table(ID)), of(table(ID, comment="what was ordered"))
    assert script(left, right) == ["""COMMENT ON TABLE "public"."orders" IS 'what was ordered'"""]
    assert script(right, left) == ['COMMENT ON TABLE "public"."orders" IS NULL']


def test_names_are_read_as_they_are_written() -> None:
    nasty = ('a.b"', "it's")
    assert parts(quoted(*nasty)) == nasty and parts("public.orders") == ("public", "orders")
    assert parts("a b") == () and parts('""') == ()
    assert mentioned("""(x > 'y' AND "Z""z" = E'\\'w')""") == {"x", "AND", 'Z"z'}
    assert backticks(f"{backticked('a`b')} = 'c`d`'") == {"a`b"}
    assert literal("it's") == "'it''s'" and literal("a\\") == "E'a\\\\'"


def test_what_needs_itself_is_still_put_in_some_order() -> None:
    assert ordered(["a", "b", "c"], {"a": {"b"}, "b": {"a"}, "c": {"a"}}) == ["b", "a", "c"]
