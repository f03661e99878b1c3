"""What a claim costs does not grow with what has ended: it looks at few rows, and leaves those that it writes where the
indexes point."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, fields
from typing import Final

import pytest

from penstock.store import queue, standing
from penstock.store.direct import Statement, Wire
from tests.builders import PROJECT, Site, World, open_world
from tests.hand import Hand

DATABASES: Final = 20
FEW: Final = 25 * DATABASES  # rows: of each that could run now some, and of its stage; tables of a page are read whole
# Of the session so far, as far as nobody else has been told of it yet: two of these bound what a statement did.
_DONE: Final = Statement(
    """
    SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::int AS read,
           sum(n_tup_upd) FILTER (WHERE relname = 'pipeline')::int AS moved,
           sum(n_tup_hot_upd) FILTER (WHERE relname = 'pipeline')::int AS stayed
    FROM pg_stat_xact_user_tables WHERE relname IN ('stage', 'pipeline', 'environment', 'project_turn', 'task')
    """
)
# Of the statement that has this piece; not of this one.
_PLANNED: Final = Statement(
    "SELECT generic_plans, custom_plans FROM pg_prepared_statements"
    " WHERE position(CAST(:piece AS text) IN statement) > 0 AND position('pg_prepared' IN statement) = 0"
)


@dataclass(frozen=True)
class Done:
    """What was done to the tables that a claim is about.

    Args:
        read: rows that were looked at.
        moved, stayed: new versions of a pipeline's row, and those of them that need no entries in its indexes.
    """

    read: int
    moved: int
    stayed: int


@pytest.fixture
async def world(site: Site) -> AsyncIterator[World]:
    async with open_world(site) as world:
        await world.sql("UPDATE instance SET max_running_tasks = :n WHERE slug = 'pg-dev'", n=DATABASES)
        await file_for(world, DATABASES)
        yield world


async def file_for(world: World, databases: int) -> None:
    """An issue about so many new databases."""
    rows = await world.sql(
        "INSERT INTO database (instance_id, name, project_id) SELECT i.id, gen_random_uuid(), p.id"
        " FROM instance i, project p, generate_series(1, :n) n"
        " WHERE i.slug = 'pg-dev' AND p.slug = :project RETURNING id",
        n=databases,
        project=PROJECT,
    )
    await world.file("SELECT 1", targets={"databases": [row[0] for row in rows]})


async def claim(world: World, runner: Hand) -> Done:
    """Claim and start one task."""

    async def work(wire: Wire) -> Done:
        [before] = await wire.fetch(_DONE, {})
        [_] = await queue.claim(wire, runner.id, 1, 600.0)
        [after] = await wire.fetch(_DONE, {})
        return Done(*(after[f.name] - before[f.name] for f in fields(Done)))

    return await world.database.run_straight(queue.TAKE_TURNS, work)


async def have_a_past(world: World, pipelines: int) -> None:
    await world.sql(
        """
        WITH old AS (
            INSERT INTO pipeline (project_id, status, started, ended)
            SELECT p.id, 'done', true, true FROM project p, generate_series(1, :n) WHERE p.slug = :project RETURNING id
        )
        INSERT INTO stage (pipeline_id, name, environment_id, position, task_order, advance, digest, permit_digest,
                           permit_generation, permit_valid_until, opened_at)
        SELECT old.id, 'dev', e.id, 0, 'parallel', 'auto', 'd', 'd', e.generation, 'infinity', now()
        FROM old, environment e WHERE e.slug = 'dev'
        """,
        n=pipelines,
        project=PROJECT,
    )
    await world.sql("ANALYZE")


@pytest.mark.parametrize("pipelines", [0, 40, 3_000])
async def test_a_claim_looks_at_as_few_rows_after_a_long_history(world: World, pipelines: int) -> None:
    runner = await Hand(world.database).register()
    await have_a_past(world, pipelines)
    assert (await claim(world, runner)).read < FEW


async def test_what_a_claim_announces_leaves_the_pipelines_row_where_it_is(world: World) -> None:
    runner = await Hand(world.database).register()
    claims = [await claim(world, runner) for _ in range(10)]

    assert [c.moved for c in claims] == [1] * 10
    assert sum(c.stayed for c in claims) > 5, "but for when its page is full"


async def test_a_claim_is_planned_once_and_not_for_every_task(world: World) -> None:
    runner = await Hand(world.database).register()
    for _ in range(3):
        await claim(world, runner)
    plans = await world.database.run_straight(
        queue.NO_TURNS, lambda wire: wire.fetch(_PLANNED, {"piece": "INTO task_run "})
    )

    assert [tuple(row) for row in plans] == [(3, 0)]


async def test_whether_tasks_may_still_run_is_planned_once_and_not_for_every_question(world: World) -> None:
    runner = await Hand(world.database).register()
    claims = await world.database.run_straight(
        queue.TAKE_TURNS, lambda wire: queue.claim(wire, runner.id, DATABASES, 600.0)
    )
    await file_for(world, 1_000)
    await world.sql("ANALYZE")
    for _ in range(8):
        found = await standing.standings(world.database, claims[:1])
        assert list(found.values()) == [standing.Standing(holds=True, permitted=True)]

    plans = await world.database.ask(_PLANNED, {"piece": "AS held(id"})
    assert [tuple(row) for row in plans] == [(3, 5)], "the server compares five times, and keeps the plan for all"
