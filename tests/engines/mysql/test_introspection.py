"""What is read of MariaDB alone: checks of columns, sequences, columns that follow the clock."""

from __future__ import annotations

from penstock.engines.base import Engine, Target
from penstock.engines.mysql.driver import Connection


async def test_a_check_of_a_column_is_told_from_one_of_the_table(
    engine: Engine, target: Target, inside: Connection
) -> None:
    await inside.run("CREATE TABLE t (a int CHECK (a > 0), j json, CONSTRAINT b CHECK (a < 9))")
    found = next(schema for schema in await engine.introspect(target) if schema.name == target.database)
    [table] = found.schemas[0].relations
    assert sorted((c.name, c.of_column) for c in table.constraints) == [("a", True), ("b", False), ("j", True)]


async def test_a_sequence_is_no_table_and_a_column_without_a_default_may_follow_the_clock(
    engine: Engine, target: Target, inside: Connection
) -> None:
    await inside.run("CREATE SEQUENCE s")
    await inside.run("CREATE TABLE t (at datetime NULL ON UPDATE current_timestamp())")
    found = next(schema for schema in await engine.introspect(target) if schema.name == target.database)
    sequence, table = found.schemas[0].relations
    assert (sequence.kind, table.kind) == ("sequence", "table")
    assert table.columns[0].default == "NULL on update current_timestamp()"
