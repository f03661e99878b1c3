"""Names as people choose them: quotes of every kind, other scripts, and as long as the server allows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from tests.engines.conformance.conftest import Own
from tests.engines.conformance.test_once import TWO
from tests.engines.conftest import change
from tests.engines.dialects import OURS, Dialect
from tests.engines.recorder import Recorder

NAMES = (
    'double "quotes"',
    "single 'quotes'",
    "back`ticks`",
    "back\\slash\\",
    "semi; DROP TABLE t; --",
    "percent %s _",
    "SELECT",
    "1.2-3",
    "größe Ω 数据库",
    "$1 :name {0}",
    "longest",
)


@pytest.fixture(params=NAMES)
async def named(request: pytest.FixtureRequest, own: Own) -> AsyncIterator[Dialect]:
    """A database of that name, with a table ``t``."""
    name = request.param
    if name == "longest":  # in bytes, which are more than its characters
        most = own.dialect.words.longest_name
        name = "ö" * (most // 2) + "x" * (most % 2)
    on = own.dialect.on(replace(own.dialect.target, database=name))
    await on.create_database(name)
    await on.query("CREATE TABLE t (a int)")
    yield on
    await on.drop_database(name)


async def test_a_database_may_have_any_name(named: Dialect) -> None:
    on, port = named, Recorder()
    assert all(step.ok for step in (await on.engine.test(on.target)).steps)
    first, second = await on.apply(TWO, port), await on.apply(TWO)
    assert (first.state, second.state) == ("applied", "already_applied"), first.failure
    assert await on.engine.proof(on.target, "shop", "1", change(TWO).change_digest) == "applied"
    definitions = await on.apply("CREATE TABLE u (a int); ALTER TABLE u ADD b int; DROP TABLE t", version="2")
    assert definitions.state == "applied", definitions.failure
    assert await on.versions() == ["1", "2"]
    found = await on.schema()
    assert [relation.name for schema in found.schemas for relation in schema.relations] == ["u"]
    assert await on.engine.sessions(on.target, OURS) == []


@pytest.mark.parametrize("name", NAMES[:-1])
async def test_tables_and_columns_may_have_any_name(name: str, own: Own) -> None:
    on = own.dialect
    q = on.quoted(name)
    text = f"""
        CREATE TABLE {q} ({q} int PRIMARY KEY);
        INSERT INTO {q} VALUES (1);
        CREATE TABLE c ({q} int, CONSTRAINT f FOREIGN KEY ({q}) REFERENCES {q} ({q}));
        CREATE VIEW v AS SELECT {q} FROM {q};
        ALTER TABLE {q} ADD b int"""
    port = Recorder()
    result = await on.apply(text, port)
    assert result.state == "applied", result.failure
    relations = {r.name: r for schema in (await on.schema()).schemas for r in schema.relations}
    assert set(relations) == {name, "c", "v", "t"}
    assert [column.name for column in relations[name].columns] == [name, "b"]
    assert relations[name].primary_key == (name,)
    [foreign] = [found for found in relations["c"].constraints if found.kind == "foreign_key"]
    assert on.quoted(name) in foreign.definition or name.isidentifier()


@pytest.mark.parametrize("name", NAMES[:-1])
async def test_what_is_written_into_the_ledger_is_what_was_said(name: str, own: Own) -> None:
    on = own.dialect
    told: dict[str, Any] = {"project": name, "version": name, "name": name, "actor": name, "run_id": name}
    result = await on.apply("SELECT 1", **told)
    assert result.state == "applied" and result.ledger is not None, result.failure
    row = result.ledger
    assert (row.project, row.version, row.name, row.actor, row.run) == (name,) * 5
    async with on.engine.session(on.target) as session:
        assert await session.read_ledger(name) == {name: row}
        assert await session.read_ledger(name.upper()) == ({} if name != name.upper() else {name: row})
