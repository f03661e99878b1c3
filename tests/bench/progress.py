"""``scripts/bench progress``: what a finished task costs in small pipelines and in large ones.

Each cell is a metadata database of its own with pipelines of one size and shape, whose tasks do nothing: they are
claimed and ended through the runner's own transactions, a slice of them in each round; the cells take turns.  A
pipeline that is used up is followed by the next.  Filing it, and opening its stage part by part, is measured apart.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import asyncpg
from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import events
from penstock.domain.pipeline.fan_out import NONE, FanOut
from penstock.runtime.gatekeeper import Gatekeeper
from penstock.services import filing
from penstock.services.attempts import Attempts, Taker
from penstock.services.progress import Progress
from penstock.services.submission import Filing, submit
from penstock.store import queue, runs
from penstock.store.database import Database, driver_dsn
from tests.bench import servers
from tests.postgres_server import PostgresServer

ABOUT: Final = "marginal cost of a finished task in pipelines of 100 to 50,000 tasks"
AIM: Final = 1.5
_ROOM: Final = 16
_LEASE: Final = 3600.0
_SHAPES: Final = ("parallel", "limited", "sequential")
_WORLD: Final = """
    INSERT INTO account (kind, email, name) VALUES ('person', 'bench@example.com', 'Bench');
    INSERT INTO project (slug, name) VALUES ('bench', 'Bench');
    INSERT INTO approval_tier (slug, name, rules) VALUES ('bench', 'Bench', '{{"steps": []}}');
    INSERT INTO environment (slug, name, position, tier_id)
    SELECT 'bench', 'Bench', 99, id FROM approval_tier WHERE slug = 'bench';
    INSERT INTO instance (slug, name, engine, environment_id, host, port, max_running_tasks)
    SELECT 'i' || n, 'i' || n, 'postgres', e.id, '127.0.0.1', 1, 64
    FROM environment e, generate_series(1, 8) n WHERE e.slug = 'bench';
    INSERT INTO database (instance_id, name, project_id)
    SELECT i.id, 'd' || n, p.id FROM generate_series(1, {databases}) n, project p, instance i
    WHERE i.slug = 'i' || (1 + n % 8);
    INSERT INTO release (project_id, digest, change_count, created_by)
    SELECT p.id, 'sha256:0', 1, a.id FROM project p, account a WHERE p.slug = 'bench';
"""


@dataclass
class Cell:
    """One size and shape, and what was measured.

    Args:
        filing, opening: milliseconds a task, of every pipeline that was filed.
        finished: milliseconds a task, of every round.
    """

    tasks: int
    shape: str
    filing: list[float] = field(default_factory=list)
    opening: list[float] = field(default_factory=list)
    finished: list[float] = field(default_factory=list)


def options(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--tasks", type=_numbers, default=[100, 1_000, 10_000, 50_000], metavar="N,N…")
    parser.add_argument("--shapes", type=lambda text: text.split(","), default=list(_SHAPES), metavar="SHAPE,…")
    parser.add_argument("--slice", type=int, default=500, metavar="N", help="tasks per round and cell")
    parser.add_argument("--rounds", type=int, default=9, metavar="N")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


async def main(given: argparse.Namespace) -> None:
    """Run the benchmark and print what it found."""
    async with servers.server() as server:
        cells = [cell for shape in given.shapes for cell in await _shape(server, shape, given)]
        about = await servers.described(server)
    if given.json:
        json.dump({"server": about, "cells": [asdict(cell) for cell in cells]}, sys.stdout, indent=2)
        print()
    else:
        show(cells, about)


async def _shape(server: PostgresServer, shape: str, given: argparse.Namespace) -> list[Cell]:
    async with AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(_line(server, Cell(n, shape))) for n in given.tasks]
        for line in lines:
            await line.finish(given.slice)  # what a process does only once
        for number in range(given.rounds):
            for line in lines if number % 2 == 0 else reversed(lines):
                began = time.perf_counter()
                spent = await line.finish(given.slice)
                line.cell.finished.append((time.perf_counter() - began - spent) * 1000 / given.slice)
        return [line.cell for line in lines]


class _Line:
    """Pipelines of one cell, one after the other."""

    def __init__(self, cell: Cell, database: Database, runner: uuid.UUID, targets: Sequence[asyncpg.Record]) -> None:
        self.cell = cell
        self._database = database
        self._attempts = Attempts(database)
        self._runner = runner
        self._targets = targets
        self._held: list[queue.Claimed] = []
        self._left = 0

    async def finish(self, n: int) -> float:
        """End so many tasks; answers the seconds that went into filing."""
        spent = 0.0
        while n > 0:
            if not self._left:
                began = time.perf_counter()
                await self._file()
                spent += time.perf_counter() - began
            if not self._held:
                self._held = await self._attempts.take(self._runner, _ROOM, _LEASE)
                assert self._held, "an open pipeline has tasks to hand out"
            ends = [runs.End(c, "succeeded", sent=True, changes={"v1": "applied"}) for c in self._held[:n]]
            taker = Taker(self._runner, _ROOM, _LEASE)
            ended = await self._attempts.end(self._held[0].pipeline_id, ends, taker)
            assert len(ended.written) == len(ends)
            self._held = [*self._held[len(ends) :], *ended.following.claims]
            self._left -= len(ends)
            n -= len(ends)
        return spent

    async def _file(self) -> None:
        began = time.perf_counter()
        await submit(self._database, self._prepare)
        filed = time.perf_counter()
        gatekeeper = Gatekeeper(self._database)
        while await gatekeeper.round():
            pass
        self.cell.filing.append((filed - began) * 1000 / self.cell.tasks)
        self.cell.opening.append((time.perf_counter() - filed) * 1000 / self.cell.tasks)
        self._left = self.cell.tasks
        await _ask(self._database, "ANALYZE task; ANALYZE stage; ANALYZE slot")

    async def _prepare(self, conn: AsyncConnection) -> Filing[int]:
        first = self._targets[0]
        tasks = [
            filing.NewTask(t["name"], "database.change", t["instance_id"], t["id"], first["release"], "sha256:1")
            for t in self._targets
        ]
        shape = self.cell.shape
        stage = filing.NewStage(
            "bench",
            first["environment"],
            tasks,
            task_order="sequential" if shape == "sequential" else "parallel",
            fan_out=FanOut(max_parallel=_ROOM) if shape == "limited" else NONE,
        )
        return Filing(first["project_id"], [stage], self._publish)

    async def _publish(self, conn: AsyncConnection, pipeline_id: int) -> int:
        progress = await Progress.begin(conn, pipeline_id)
        progress.event(events.PIPELINE_START, attempt=1)
        await progress.advance()
        await progress.finish()
        return pipeline_id


async def _ask(database: Database, script: str) -> None:
    connection = await asyncpg.connect(driver_dsn(database.url))
    try:
        await connection.execute(script)
    finally:
        await connection.close()


@asynccontextmanager
async def _line(server: PostgresServer, cell: Cell) -> AsyncIterator[_Line]:
    async with servers.metadata_database(server) as url:
        database = Database(url, pool_size=4)
        try:
            await _ask(database, _WORLD.format(databases=cell.tasks))
            runner = uuid.uuid4()
            await database.run(lambda conn: queue.register_runner(conn, runner, "bench", 1))
            connection = await asyncpg.connect(driver_dsn(url))
            try:
                targets = await connection.fetch(
                    "SELECT d.id, d.name, d.instance_id, d.project_id, r.id AS release, e.id AS environment"
                    " FROM database d, release r, environment e WHERE e.slug = 'bench' ORDER BY d.id"
                )
            finally:
                await connection.close()
            yield _Line(cell, database, runner, targets)
        finally:
            await database.close()


def show(cells: Sequence[Cell], server: dict[str, Any]) -> None:
    """Print tables for people."""
    console = Console(soft_wrap=True)
    for shape in dict.fromkeys(cell.shape for cell in cells):
        own = [cell for cell in cells if cell.shape == shape]
        table = Table(title=f"Tasks that do nothing, {shape}")
        headings = ("tasks", "ms/finished task", "lowest", "highest", "filing ms/task", "opening ms/task")
        for heading in headings:
            table.add_column(heading, justify="right")
        for cell in own:
            median = statistics.median(cell.finished)
            cells_of = (f"{median:.3f}", f"{min(cell.finished):.3f}", f"{max(cell.finished):.3f}")
            apart = (f"{statistics.median(cell.filing):.3f}", f"{statistics.median(cell.opening):.3f}")
            table.add_row(f"{cell.tasks:,}", *cells_of, *apart)
        console.print(table)
        medians = [statistics.median(cell.finished) for cell in own]
        ratio = max(medians) / min(medians)
        verdict = "under" if ratio < AIM else "NOT under"
        console.print(f"Largest/smallest: {ratio:.2f} ({verdict} {AIM})")
    console.print("PostgreSQL: " + ", ".join(f"{name} {value}" for name, value in server.items()))
