"""A crash between every two durable writes: the next attempt finds the truth, and everything takes effect once."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from enum import StrEnum
from pathlib import Path

import asyncpg
import msgspec
import pytest

from penstock.domain import failpoints
from penstock.engines.base import Target
from penstock.engines.postgres.points import Point
from tests.engines.conftest import Apply
from tests.engines.postgres.test_nontransactional import MIXED, effects, valid
from tests.engines.postgres.test_once import versions
from tests.engines.postgres.victim import Death
from tests.engines.recorder import Recorder

ROOT = Path(__file__).parents[3]
TABLES = "CREATE TABLE t (a int, b text); CREATE TABLE effect (what int)"
STEPS = (
    Point.LEDGER_CREATED,
    Point.STEP_COMMITTED,
    *(Point.INTENT_WRITTEN, Point.STATEMENT_RUN, Point.DONE_WRITTEN),
    Point.STEP_COMMITTED,
    *(Point.INTENT_WRITTEN, Point.STATEMENT_RUN, Point.DONE_WRITTEN),
    Point.CHANGE_COMMITTED,
)
ELSEWHERE = {Point.JOURNAL_ADDED, Point.INTENT_RESOLVED, Point.LEFTOVER_DROPPED}


async def die(target: Target, point: Point, *, nth: int = 1, attempt: int = 1, text: str = MIXED) -> None:
    """Apply a change in a process that is killed at that point."""
    fields = ("engine", "host", "port", "username", "password", "database")
    death = Death({name: getattr(target, name) for name in fields}, text, point, nth, attempt)
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "tests.engines.postgres.victim", msgspec.json.encode(death).decode()],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'server'}:{ROOT}"},
        stdout=asyncio.subprocess.DEVNULL,
    )
    assert await process.wait() == -signal.SIGKILL, f"{point} was not reached {nth} times"


async def finished_once(apply: Apply, database: asyncpg.Connection, attempt: int = 2) -> None:
    """The next attempt ends it, everything took effect once, and the database is free for others."""
    port = Recorder()
    result = await apply(MIXED, port, attempt=attempt)
    assert result.state in ("applied", "already_applied"), result.failure
    assert await effects(database) == [1, 2, 3] and await valid(database)
    assert await versions(database) == ["1"]
    assert (await apply("SELECT 1", version="2", task_id=2)).state == "applied"


async def test_every_point_is_reached_in_order(apply: Apply, database: asyncpg.Connection) -> None:
    await database.execute(TABLES)
    reached: list[StrEnum] = []
    with failpoints.armed(reached.append):
        assert (await apply(MIXED)).state == "applied"
    assert tuple(reached) == STEPS
    assert {*STEPS, *ELSEWHERE} == set(Point), "a crash at every point has a test below"


@pytest.mark.parametrize("at", range(len(STEPS)), ids=[f"{n}-{point.name.lower()}" for n, point in enumerate(STEPS)])
async def test_a_crash_in_a_change_of_steps(
    at: int, apply: Apply, target: Target, database: asyncpg.Connection
) -> None:
    await database.execute(TABLES)
    point = STEPS[at]
    await die(target, point, nth=STEPS[: at + 1].count(point))
    await finished_once(apply, database)


async def test_a_crash_when_a_transaction_is_committed_and_not_yet_reported(
    apply: Apply, target: Target, database: asyncpg.Connection
) -> None:
    text = "CREATE TABLE effect (what int); INSERT INTO effect VALUES (1)"
    await die(target, Point.CHANGE_COMMITTED, text=text)
    assert (await apply(text, attempt=2)).state == "already_applied"
    assert await effects(database) == [1]


async def test_a_crash_when_the_journal_was_added(apply: Apply, target: Target, database: asyncpg.Connection) -> None:
    await apply(TABLES, version="0")
    await database.execute("DROP TABLE penstock.journal; COMMENT ON TABLE penstock.ledger IS 'penstock ledger 1'")
    await die(target, Point.JOURNAL_ADDED)
    await database.execute("DELETE FROM penstock.ledger")
    await finished_once(apply, database)


async def test_a_crash_when_an_earlier_crash_was_resolved(
    apply: Apply, target: Target, database: asyncpg.Connection
) -> None:
    await database.execute(TABLES)
    await die(target, Point.STATEMENT_RUN)
    await die(target, Point.INTENT_RESOLVED, attempt=2)
    await finished_once(apply, database, attempt=3)


async def test_a_crash_when_what_a_crash_had_left_was_dropped(
    apply: Apply, target: Target, database: asyncpg.Connection
) -> None:
    await database.execute(TABLES)
    await die(target, Point.STATEMENT_RUN)
    await database.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass")
    await die(target, Point.LEFTOVER_DROPPED, attempt=2)
    assert await valid(database) is None
    await finished_once(apply, database, attempt=3)
