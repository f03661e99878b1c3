"""What the catalog says of the tables that a change names, before anything runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from penstock.engines.base import TargetUnavailable
from tests.engines.dialects import Dialect


async def test_tables_are_told_by_the_names_that_classification_gives_them(on: Dialect) -> None:
    for statement in ("CREATE TABLE orders (a int)", *_filled("orders", on)):
        await on.query(statement)
    found = await on.engine.table_facts(on.target, ["orders", f"{_schema(on)}.orders", "nobody.orders", "absent"])
    assert set(found) == {"orders", f"{_schema(on)}.orders"}
    facts = found["orders"]
    assert facts.rows is not None and 900 <= facts.rows <= 1100 and facts.bytes >= 16_384 and facts.transactional
    assert facts.kind == {"postgres": "table", "mariadb": "InnoDB"}[on.engine.name]


async def test_a_name_with_a_dot_in_it_is_found(on: Dialect) -> None:
    quote = '"' if on.engine.name == "postgres" else "`"
    await on.query(f"CREATE TABLE {quote}or.ders{quote} (a int)")
    assert set(await on.engine.table_facts(on.target, ["or.ders"])) == {"or.ders"}


async def test_no_names_ask_nobody(on: Dialect) -> None:
    assert await on.engine.table_facts(replace(on.target, port=1), []) == {}


async def test_a_server_that_is_away_is_said_to_be(on: Dialect) -> None:
    with pytest.raises(TargetUnavailable):
        await on.engine.table_facts(replace(on.target, port=1), ["orders"])


async def test_a_table_that_somebody_has_locked_does_not_hold_it_up(on: Dialect) -> None:
    async with on.connection() as somebody:
        await somebody.run("BEGIN")
        await somebody.run(f"LOCK TABLE t {'' if on.engine.name == 'postgres' else 'WRITE'}")
        assert set(await on.engine.table_facts(on.target, ["t"])) == {"t"}


def _schema(on: Dialect) -> str:
    return "public" if on.engine.name == "postgres" else str(on.target.database)


def _filled(table: str, on: Dialect) -> tuple[str, ...]:
    if on.engine.name == "postgres":
        return (f"INSERT INTO {table} SELECT generate_series(1, 1000)", f"ANALYZE {table}")
    return (f"INSERT INTO {table} SELECT seq FROM seq_1_to_1000", f"ANALYZE TABLE {table}")
