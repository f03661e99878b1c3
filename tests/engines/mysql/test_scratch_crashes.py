"""A runner is killed between every two durable writes, each once: nothing happens twice, and what is said is true."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from penstock.engines.base import ApplyResult, Engine, Target
from penstock.engines.mysql.engine import MySqlEngine
from penstock.engines.mysql.points import Point
from penstock.engines.mysql.scratch import PREFIX
from penstock.review.inspect import inspect
from tests.engines.conftest import change
from tests.engines.recorder import Recorder
from tests.mariadb_server import MariaDbServer, own_server

ROOT = Path(__file__).parents[3]
# Rows, definitions that rely on each other, a session, and rows at the end, which share the ledger row's transaction.
MIXED = """
    SET @n = 7;
    INSERT INTO effect VALUES ('first');
    CREATE TABLE made (id int AUTO_INCREMENT PRIMARY KEY, n int) COMMENT 'made';
    INSERT INTO made (n) VALUES (@n);
    ALTER TABLE effect ADD note varchar(20), ADD KEY what (what);
    CREATE VIEW seen AS SELECT what, note FROM effect;
    INSERT INTO effect (what) VALUES ('last');
"""
# Ends with a definition, so that the ledger row has a transaction of its own.
DEFINITIONS = "ALTER TABLE effect ADD note int; RENAME TABLE effect TO effects; CREATE INDEX what ON effects (what)"
UNDECIDABLE = "INSERT INTO effect VALUES ('first'); TRUNCATE TABLE effect; INSERT INTO effect VALUES ('last')"

Kill = Callable[[Target, str, str, int], list[str]]


@pytest.fixture(scope="module")
def kill() -> Iterator[Kill]:
    """Have a process killed while it applies a change; answers the points that it came to."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.engines.mysql.victims"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'server'}:{ROOT}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        orders, answers = process.stdin, process.stdout
        answers.readline()

        def order(target: Target, statement: str, point: str, occurrence: int) -> list[str]:
            fields = {"target": asdict(target), "change": {"statement": statement}}
            print(json.dumps({**fields, "point": point, "occurrence": occurrence}), file=orders, flush=True)
            return list(json.loads(answers.readline()))

        yield order


class Place:
    """A database of its own for each kill."""

    def __init__(self, server: MariaDbServer, target: Target) -> None:
        self._server = server
        self.target = target

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        return await self._server.execute(query, self.target.database)

    async def journal(self) -> list[str]:
        mine = f"database_name = '{self.target.database}'"
        return [
            row[0] for row in await self.rows(f"SELECT state FROM penstock.journal WHERE {mine} ORDER BY version, seq")
        ]


@pytest.fixture
async def places(mariadb_server: MariaDbServer, target: Target) -> AsyncIterator[Callable[[], Awaitable[Place]]]:
    """New databases with a table without any unique constraint, to count effects in."""
    made: list[str] = []

    async def place() -> Place:
        name = await mariadb_server.create_database()
        made.append(name)
        await mariadb_server.execute("CREATE TABLE effect (what varchar(20))", name)
        fields = {**asdict(target), "database": name}
        return Place(mariadb_server, Target(**fields))

    yield place
    for name in made:
        await mariadb_server.drop_database(name)


async def _again(engine: Engine, place: Place, text: str) -> ApplyResult:
    return await engine.apply(place.target, change(text, attempt=2, run_id="second"), Recorder())


@pytest.mark.parametrize("point", [p for p in Point if p is not Point.LEDGER_MADE])
async def test_a_crash_at_any_point_is_gone_on_from(
    point: Point, kill: Kill, engine: Engine, places: Callable[[], Awaitable[Place]]
) -> None:
    for occurrence in range(10):
        place = await places()
        reached = kill(place.target, MIXED, point, occurrence)
        if reached[-1] != point or reached.count(point) <= occurrence:
            assert occurrence > 0, f"no change comes to {point}"
            break
        result = await _again(engine, place, MIXED)
        assert result.state in ("applied", "already_applied"), (reached, result.failure)
        assert await place.rows("SELECT what, count(*) FROM seen GROUP BY what") == [("first", 1), ("last", 1)], reached
        assert await place.rows("SELECT n FROM made") == [(7,)], reached
        assert (await place.rows("SELECT count(*) FROM penstock.ledger WHERE database_name = database()")) == [(1,)]
        assert set(await place.journal()) == {"done"}
        kept = "SELECT count(*) FROM penstock.definition WHERE database_name = database()"
        assert await place.rows(kept) == [(0,)], "texts are forgotten with the change"


async def test_a_change_of_definitions_alone_is_gone_on_from(
    kill: Kill, engine: Engine, places: Callable[[], Awaitable[Place]]
) -> None:
    points = kill((await places()).target, DEFINITIONS, "never", 0)
    assert points.count(Point.STATEMENT_RUN) == 3 and points[-1] == Point.LEDGER_COMMITTED
    assert points.count(Point.SCRATCH_MADE) == 1, "one scratch database for all of them"
    for n, point in enumerate(points):
        place = await places()
        reached = kill(place.target, DEFINITIONS, point, points[:n].count(point))
        assert reached == points[: n + 1]
        result = await _again(engine, place, DEFINITIONS)
        assert result.state in ("applied", "already_applied"), (reached, result.failure)
        assert [row[2] for row in await place.rows("SHOW INDEX FROM effects")] == ["what"]


async def test_what_cannot_be_told_is_labelled_and_said(
    kill: Kill, engine: Engine, places: Callable[[], Awaitable[Place]]
) -> None:
    assert [step.undecidable for step in inspect(UNDECIDABLE.encode(), "mariadb").steps] == [False, True, False]
    points = kill((await places()).target, UNDECIDABLE, "never", 0)
    unknown = set()
    for n, point in enumerate(points):
        place = await places()
        reached = kill(place.target, UNDECIDABLE, point, points[:n].count(point))
        result = await _again(engine, place, UNDECIDABLE)
        if result.state == "unknown":
            assert result.failure is not None and result.failure.statement_index == 1
            assert result.failure.data is not None and "CREATE TABLE `effect`" in result.failure.data["now"]
            unknown.add(reached[-1])
        else:
            assert await place.rows("SELECT what FROM effect") == [("last",)], reached
    assert unknown == {Point.INTENT_WRITTEN, Point.STATEMENT_RUN}


async def test_a_lost_step_is_decided_before_another_change_blurs_it(
    kill: Kill, engine: Engine, places: Callable[[], Awaitable[Place]]
) -> None:
    """The lost change is given up for a while; another one alters the same table; then the first is gone on with."""
    lost = "ALTER TABLE effect ADD lost int; INSERT INTO effect (what, lost) VALUES ('lost', 1)"
    after = {Point.INTENT_WRITTEN: "failed", Point.STATEMENT_RUN: "done", Point.ROWS_SENT: "done"}
    for point, state in after.items():
        place = await places()
        kill(place.target, lost, point, 0)
        other = await engine.apply(place.target, change("ALTER TABLE effect ADD other int", "2", task_id=2), Recorder())
        assert other.state == "applied", other.failure
        assert await place.journal() == [state, "done"], point
        result = await _again(engine, place, lost)
        assert result.state == "applied", result.failure
        assert await place.rows("SELECT what, lost FROM effect") == [("lost", 1)]


async def test_scratch_databases_of_the_dead_are_dropped(kill: Kill, places: Callable[[], Awaitable[Place]]) -> None:
    place = await places()
    kill(place.target, MIXED, Point.SCRATCH_MADE, 0)
    left = await _abandoned(place)
    assert left, "the dead one left its scratch database"
    knows_nothing = MySqlEngine("mariadb")  # so it rehearses
    assert (await _again(knows_nothing, place, MIXED)).state == "applied"
    assert not set(left) & set(await _abandoned(place))


async def _abandoned(place: Place) -> list[str]:
    query = f"SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE '{PREFIX}%'"
    return [row[0] for row in await place.rows(f"{query} AND IS_FREE_LOCK(SCHEMA_NAME)")]


async def test_a_crash_while_the_ledger_is_made_is_gone_on_from(
    kill: Kill, engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """On a server that has never seen Penstock."""
    folder = tmp_path_factory.mktemp("mariadb")
    for parent in (folder, folder.parent, folder.parent.parent):
        parent.chmod(0o755)
    async with own_server(folder) as server:
        name = await server.create_database()
        await server.execute("CREATE TABLE effect (what varchar(20))", name)
        place = Place(server, Target("mariadb", server.host, server.port, server.user, database=name))
        assert kill(place.target, MIXED, Point.LEDGER_MADE, 0) == [Point.LEDGER_MADE]
        assert (await _again(engine, place, MIXED)).state == "applied"
        assert await place.rows("SELECT what, count(*) FROM seen GROUP BY what") == [("first", 1), ("last", 1)]
