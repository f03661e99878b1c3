"""A rehearsal is remembered for databases that are alike, and for no others; what is owed to the journal is paid."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from penstock.domain import failpoints
from penstock.engines.base import Target
from penstock.engines.mysql import activity
from penstock.engines.mysql.driver import Connection
from penstock.engines.mysql.engine import MySqlEngine
from penstock.engines.mysql.fingerprint import describe, digest
from penstock.engines.mysql.journal import Journal
from penstock.engines.mysql.line import Line
from penstock.engines.mysql.plan import make_plan
from penstock.engines.mysql.points import Point
from penstock.engines.mysql.rehearsal import Rehearsal
from penstock.engines.mysql.rehearsals import Rehearsals
from penstock.engines.mysql.script import Ended, Script
from penstock.engines.patience import Patience
from penstock.sql.mysql.ddl import Object
from tests.engines.conftest import change
from tests.engines.recorder import Recorder
from tests.mariadb_server import MariaDbServer

CHANGE = "ALTER TABLE t ADD b int; CREATE VIEW v AS SELECT a FROM t; CREATE INDEX i ON t (a)"


@pytest.fixture
async def other(mariadb_server: MariaDbServer, target: Target) -> AsyncIterator[Target]:
    """A second database on the same server."""
    name = await mariadb_server.create_database()
    yield replace(target, database=name)
    await mariadb_server.drop_database(name)


async def rehearsed(engine: MySqlEngine, target: Target, text: str = CHANGE) -> int:
    """Apply a change and answer how many scratch databases were made for it."""
    points: list[object] = []
    with failpoints.armed(points.append):
        result = await engine.apply(target, change(text), Recorder())
    assert result.state == "applied", result.failure
    return points.count(Point.SCRATCH_MADE)


async def test_databases_that_are_alike_share_a_rehearsal(
    target: Target, other: Target, mariadb_server: MariaDbServer
) -> None:
    engine = MySqlEngine("mariadb")
    for each in (target, other):
        await mariadb_server.execute("CREATE TABLE t (a int)", each.database)
    assert [await rehearsed(engine, target), await rehearsed(engine, other)] == [1, 0]
    rows = await mariadb_server.execute(
        "SELECT before_fingerprint, expected_after, state FROM penstock.journal WHERE database_name ="
        f" '{other.database}' ORDER BY seq"
    )
    assert [row[2] for row in rows] == ["done"] * 3
    connection = await mariadb_server.open(other.database)
    [*_, table] = rows
    assert table[1] == digest(await describe(connection, other.database or "", [Object("table", "", "t")]))
    connection.close()


@pytest.mark.parametrize(
    "unlike",
    [
        "ALTER TABLE t COMMENT 'another'",
        "ALTER DATABASE CHARACTER SET latin1",
        "CREATE TABLE v (a int); RENAME TABLE t TO old, v TO t",
    ],
)
async def test_a_database_that_is_not_alike_has_its_own(
    unlike: str, target: Target, other: Target, mariadb_server: MariaDbServer
) -> None:
    engine = MySqlEngine("mariadb")
    for each in (target, other):
        await mariadb_server.execute("CREATE TABLE t (a int, c int)", each.database)
    for statement in unlike.split("; "):
        await mariadb_server.execute(statement, other.database)
    assert [await rehearsed(engine, target), await rehearsed(engine, other)] == [1, 1]


async def test_a_statement_that_names_its_database_is_rehearsed_in_each(
    target: Target, other: Target, mariadb_server: MariaDbServer
) -> None:
    engine = MySqlEngine("mariadb")
    for each in (target, other):
        await mariadb_server.execute("CREATE TABLE t (a int)", each.database)
    texts = [f"ALTER TABLE {each.database}.t ADD b int" for each in (target, other)]
    assert [await rehearsed(engine, target, texts[0]), await rehearsed(engine, other, texts[1])] == [1, 1]


async def test_a_session_that_lost_its_lock_begins_no_further_definition(
    target: Target, inside: Connection, mariadb_server: MariaDbServer
) -> None:
    """The definition before has run, and is written down as done."""
    await inside.run("CREATE TABLE t (a int)")
    engine = MySqlEngine("mariadb")
    await engine.apply(target, change("CREATE TABLE u (a int)", "0"), Recorder())
    request, port = change("ALTER TABLE t ADD b int; ALTER TABLE t ADD c int"), Recorder()
    steps = (await make_plan(request, "mariadb", target.database or "")).steps
    line = Line(target)
    link = await line.lock(Patience.of(port))
    journal = Journal(link.connection, line.database, request, link.pid)
    script = Script(target, link, port, journal, Rehearsal(target, steps, port), total=2, lock_timeout=1.0)
    await script.run(steps[0])
    assert await states(inside) == ["intent"], "it is written together with what comes next"
    await link.connection.run(f"DO RELEASE_LOCK('{activity.lock_name(line.database)}')")
    with pytest.raises(Ended) as ended:
        await script.run(steps[1])
    assert ended.value.failure.code == "lock_lost"
    await script.close()
    await line.close()
    assert await states(inside) == ["done"]
    assert [row[0] for row in await inside.fetch("SHOW COLUMNS FROM t")] == ["a", "b"]


async def states(inside: Connection) -> list[str]:
    mine = "database_name = database() AND version = '1'"
    return [row[0] for row in await inside.fetch(f"SELECT state FROM penstock.journal WHERE {mine} ORDER BY seq")]


async def test_what_is_canceled_between_two_definitions_leaves_none_open(target: Target, inside: Connection) -> None:
    await inside.run("CREATE TABLE t (a int)")
    port = Recorder()

    def cancel(point: object) -> None:
        if point == Point.STATEMENT_RUN:
            port.cancel_requested.set()

    request = change("ALTER TABLE t ADD b int; ALTER TABLE t ADD c int")
    with failpoints.armed(cancel):
        result = await MySqlEngine("mariadb").apply(target, request, port)
    assert result.state == "canceled" and result.kept == 1
    assert await states(inside) == ["done"]


def test_the_memory_is_bounded() -> None:
    memory = Rehearsals(most=10)
    for key in "abc":
        memory.remember(key, {0: "12345"})
    assert [memory.recall(key) is not None for key in "abc"] == [False, True, True]
    memory.recall("b")
    memory.remember("d", {0: "12345"})
    assert [memory.recall(key) is not None for key in "bcd"] == [True, False, True], "what was asked for stays"
