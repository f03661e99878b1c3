"""What a diff of MariaDB renders, tried on a real server: it makes any schema any other."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, seed, settings

from penstock.engines.base import Target
from penstock.engines.mysql.driver import Connection
from penstock.engines.mysql.driver import name as q
from penstock.engines.registry import engine_for
from penstock.schema.ddl import render
from penstock.schema.diff import compare
from penstock.schema.fingerprint import fingerprint
from penstock.schema.model import DatabaseSchema
from tests.mariadb_server import MariaDbServer
from tests.mariadb_server import mariadb_server as mariadb_server
from tests.property.mariadb_designs import designs
from tests.property.schema_designs import without_order

Names = tuple[str, str]


async def _read(server: MariaDbServer, *names: str) -> list[DatabaseSchema]:
    target = Target("mariadb", server.host, server.port, server.user, server.password)
    found = {schema.name: schema for schema in await engine_for("mariadb").introspect(target)}
    return [found[name] for name in names]


async def _make(connection: Connection, name: str, statements: list[str]) -> None:
    again = [f"DROP DATABASE {q(name)}", f"CREATE DATABASE {q(name)} CHARACTER SET utf8mb4", f"USE {q(name)}"]
    for statement in [*again, *statements]:
        await connection.run(statement)


async def _try(
    server: MariaDbServer, one: Connection, other: Connection, names: Names, left: list[str], right: list[str]
) -> None:
    await _make(one, names[0], left)
    await _make(other, names[1], right)
    before, wanted = await _read(server, *names)
    diff = compare(before, wanted)
    assert (not diff.changes) == (fingerprint(before) == fingerprint(wanted))
    script = render(diff)
    for statement in script.statements:
        await one.run(statement)
    [after] = await _read(server, names[0])
    said = {(change.type, change.path) for change in script.changes if change.unrendered is not None}
    rest = [change for change in compare(after, wanted).changes if (change.type, change.path) not in said]
    assert not rest, "\n".join([*map(str, rest), script.text])
    if {change.unrendered for change in script.changes} <= {None, "column_order"}:
        assert without_order(after) == without_order(wanted), script.text
    assert {change.unrendered for change in script.changes} <= {None, "column_order"}


def test_a_diff_makes_any_schema_any_other(
    mariadb_server: MariaDbServer, session_runner: asyncio.Runner, request: pytest.FixtureRequest
) -> None:
    option = request.config.getoption

    async def furnish() -> tuple[Connection, Connection, Names]:
        names = (await mariadb_server.create_database(), await mariadb_server.create_database())
        one, other = [await mariadb_server.open(name) for name in names]
        return one, other, names

    one, other, names = session_runner.run(furnish())

    @seed(option("--seed", default=None) or 1)
    @settings(max_examples=option("--schemas", default=30), deadline=None, database=None)
    @given(designs(), designs())
    def tried(left: list[str], right: list[str]) -> None:
        session_runner.run(_try(mariadb_server, one, other, names, left, right))

    async def clear() -> None:
        one.close()
        other.close()
        for name in names:
            await mariadb_server.drop_database(name)

    try:
        tried()
    finally:
        session_runner.run(clear())
