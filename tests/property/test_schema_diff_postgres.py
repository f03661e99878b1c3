"""What a diff of PostgreSQL renders, tried on a real server: it makes any schema any other."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from hypothesis import given, seed, settings

from penstock.engines.base import Target
from penstock.engines.registry import engine_for
from penstock.schema.changes import Script
from penstock.schema.ddl import render
from penstock.schema.diff import compare
from penstock.schema.fingerprint import fingerprint
from penstock.schema.model import DatabaseSchema
from tests.postgres_server import PostgresServer
from tests.property.postgres_designs import SCHEMAS, designs, q
from tests.property.schema_designs import without_order

_EMPTY = "".join(f"DROP SCHEMA IF EXISTS {q(schema)} CASCADE; " for schema in SCHEMAS) + "CREATE SCHEMA public"


async def _read(server: PostgresServer, *names: str) -> list[DatabaseSchema]:
    target = Target("postgres", server.host, server.port, server.user, server.password)
    found = {schema.name: schema for schema in await engine_for("postgres").introspect(target)}
    return [found[name] for name in names]


async def _apply(connection: asyncpg.Connection, script: Script) -> None:
    """In one transaction, where the script does not say that it cannot be."""
    if any("needs_commit" in change.hazards for change in script.changes):
        for statement in script.statements:
            await connection.execute(statement)
        return
    async with connection.transaction():
        await connection.execute(script.text or "SELECT")


async def _try(
    server: PostgresServer,
    one: asyncpg.Connection,
    other: asyncpg.Connection,
    names: tuple[str, str],
    left: list[str],
    right: list[str],
) -> None:
    for connection, statements in ((one, left), (other, right)):
        await connection.execute("; ".join([_EMPTY, *statements]))
    before, wanted = await _read(server, *names)
    diff = compare(before, wanted)
    assert (not diff.changes) == (fingerprint(before) == fingerprint(wanted))
    script = render(diff)
    await _apply(one, script)
    [after] = await _read(server, names[0])
    said = {(change.type, change.path) for change in script.changes if change.unrendered is not None}
    rest = [c for c in compare(after, wanted).changes if c.type != "column_order" and (c.type, c.path) not in said]
    assert not rest, "\n".join([*map(str, rest), script.text])
    if {change.unrendered for change in script.changes} <= {None, "column_order"}:
        assert without_order(after) == without_order(wanted), script.text
    assert {change.unrendered for change in script.changes} <= {None, "enum_values", "column_order", "of_parent"}


def test_a_diff_makes_any_schema_any_other(
    postgres_server: PostgresServer, session_runner: asyncio.Runner, request: pytest.FixtureRequest
) -> None:
    option = request.config.getoption

    async def furnish() -> tuple[asyncpg.Connection, asyncpg.Connection, tuple[str, str]]:
        names = (await postgres_server.create_database(), await postgres_server.create_database())
        one, other = [await asyncpg.connect(postgres_server.url(name)) for name in names]
        return one, other, names

    one, other, names = session_runner.run(furnish())

    @seed(option("--seed", default=None) or 1)
    @settings(max_examples=option("--schemas", default=30), deadline=None, database=None)
    @given(designs(), designs())
    def tried(left: list[str], right: list[str]) -> None:
        session_runner.run(_try(postgres_server, one, other, names, left, right))

    async def clear() -> None:
        await one.close()
        await other.close()
        for name in names:
            await postgres_server.drop_database(name)

    try:
        tried()
    finally:
        session_runner.run(clear())
