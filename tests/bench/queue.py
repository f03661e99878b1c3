"""``scripts/bench queue``: what the queue itself costs, however much is finished and whatever waits; and how soon a
task begins once somebody has approved it.

Claims: tasks that do nothing are claimed and ended through the runner's own transactions, on metadata databases with
more and fewer finished tasks, with and without ready tasks of one saturated instance ahead; the cells take turns.
Latency: an idle Penstock; from sending the approval to the server's clock in the change's first statement.
"""

from __future__ import annotations

import argparse
import asyncio
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

from penstock.runtime.supervisor import RunnerSettings
from penstock.services.attempts import Attempts, Taker
from penstock.store import queue, runs, tasks
from penstock.store.database import Database, driver_dsn
from tests.bench import servers
from tests.installation import EMAIL, installation
from tests.postgres_server import PostgresServer
from tests.waiting import eventually

ABOUT: Final = "claims per second and their latency with a long history and a long queue; approval to first statement"
_INSTANCES: Final = 8
_DATABASES: Final = 200  # of all instances together
_LEASE: Final = 3600.0
_WORLD: Final = """
    INSERT INTO account (kind, email, name) VALUES ('person', 'bench@example.com', 'Bench');
    INSERT INTO project (slug, name) VALUES ('bench', 'Bench');
    INSERT INTO approval_tier (slug, name, rules) VALUES ('bench', 'Bench', '{{"steps": []}}');
    INSERT INTO environment (slug, name, position, tier_id) SELECT 'bench', 'Bench', 99, min(id) FROM approval_tier;
    INSERT INTO instance (slug, name, engine, environment_id, host, port, max_running_tasks)
    SELECT 'i' || n, 'i' || n, 'postgres', e.id, '127.0.0.1', 1, CASE n WHEN 0 THEN 1 ELSE 64 END
    FROM environment e, generate_series(0, {instances}) n WHERE e.slug = 'bench';
    INSERT INTO slot (key) SELECT 'i:' || id FROM instance ON CONFLICT DO NOTHING;
    INSERT INTO database (instance_id, name, project_id)
    SELECT i.id, 'd' || n, p.id FROM generate_series(1, {databases}) n, project p, instance i
    WHERE i.slug = 'i' || (1 + n % {instances});
    INSERT INTO database (instance_id, name, project_id)
    SELECT i.id, 's' || n, p.id FROM generate_series(1, {databases}) n, project p, instance i WHERE i.slug = 'i0';
    INSERT INTO slot (key) SELECT 'd:' || id FROM database ON CONFLICT DO NOTHING;
    INSERT INTO release (project_id, digest, change_count, created_by)
    SELECT p.id, 'sha256:0', 1, a.id FROM project p, account a WHERE p.slug = 'bench';
"""
# One pipeline with an open stage; {n} tasks on the databases whose names begin with {letter}.
_FILE: Final = """
    WITH d AS MATERIALIZED (
        SELECT database.*, row_number() OVER (ORDER BY id) - 1 AS place FROM database WHERE name LIKE '{letter}%'
    ), p AS (
        INSERT INTO pipeline (project_id, started) SELECT id, true FROM project WHERE slug = 'bench' RETURNING id
    ), s AS (
        INSERT INTO stage (pipeline_id, name, environment_id, position, task_order, advance, digest, permit_digest,
                           permit_generation, permit_valid_until, opened_at, n_{status})
        SELECT p.id, 'bench', e.id, 0, 'parallel', 'auto', 'd', 'd', e.generation, 'infinity', now(), {n}
        FROM p, environment e WHERE e.slug = 'bench' RETURNING id, pipeline_id
    )
    INSERT INTO task (pipeline_id, stage_id, position, name, type, instance_id, database_id, release_id, digest, status,
                      slot_key, run_at, attempt, started_at, ended_at)
    SELECT s.pipeline_id, s.id, g, d.name || '/' || g, 'database.change', d.instance_id, d.id, r.id, 'd', '{status}',
           'd:' || d.id, now() - interval '{age} seconds', {ended}, {when}, {when}
    FROM s, release r, generate_series(1, {n}) g JOIN d ON d.place = g % (SELECT count(*) FROM d)
"""
# What no constraint is made of is made at the end, which is several times as fast.
_INDEXES: Final = """
    SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition FROM pg_index i
    WHERE i.indrelid IN ('task'::regclass, 'task_run'::regclass)
      AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
"""


# Foreign keys hold by construction; what is loaded need not outlive the machine.
_FOR_LOADING: Final = (
    "SET session_replication_role = replica; SET synchronous_commit = off; SET maintenance_work_mem = '256MB';"
    " SET jit = off"
)


@dataclass
class Cell:
    """One kind of load, and what was measured under it.

    Args:
        rates: claims and ends per second, of every round.
        idle: milliseconds of one claim by itself.
    """

    finished: int
    ahead: int
    rates: list[float] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)


def options(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--finished", type=_numbers, default=[0, 1_000_000, 3_000_000], metavar="N,N…")
    parser.add_argument("--ahead", type=int, default=50_000, metavar="N", help="ready tasks of a saturated instance")
    parser.add_argument("--tasks", type=int, default=2_000, metavar="N", help="tasks per round and cell")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--runners", type=int, default=4, metavar="N", help="that claim at once")
    parser.add_argument("--room", type=int, default=8, metavar="N", help="tasks at once, of each runner")
    parser.add_argument("--samples", type=int, default=60, metavar="N", help="approvals; 0 leaves them out")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


async def main(given: argparse.Namespace) -> None:
    """Run the benchmark and print what it found."""
    async with servers.server() as server:
        cells = await claims(server, given)
        latency = await approvals(server, given.samples) if given.samples else []
        about = await servers.described(server)
    if given.json:
        json.dump({"server": about, "cells": [asdict(c) for c in cells], "latency_ms": latency}, sys.stdout, indent=2)
        print()
    else:
        show(cells, latency, about)


async def claims(server: PostgresServer, given: argparse.Namespace) -> list[Cell]:
    """Make the metadata databases, and let the cells take turns."""
    async with AsyncExitStack() as stack:
        cells: list[tuple[Cell, Database]] = []
        for finished in given.finished:
            url = await stack.enter_async_context(_metadata(server, finished))
            copied = await stack.enter_async_context(_copied(server, url)) if given.ahead else None
            cells.append((Cell(finished, 0), await stack.enter_async_context(_open(url))))
            if copied is not None:
                crowded = await stack.enter_async_context(_open(copied))
                await _saturate(crowded, given.ahead)
                cells.append((Cell(finished, given.ahead), crowded))
        for number in range(given.rounds):
            # Every cell has a database of its own and as many rounds behind it, and each comes first in its turn.
            first = number % len(cells)
            for cell, database in cells[first:] + cells[:first]:
                await _round(cell, database, given)
        return [cell for cell, _ in cells]


@asynccontextmanager
async def _open(url: str) -> AsyncIterator[Database]:
    database = Database(url, pool_size=20)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def _copied(server: PostgresServer, url: str) -> AsyncIterator[str]:
    """The URL of a copy of a metadata database that nobody uses."""
    name = await server.create_database(template=url.rsplit("/", 1)[1])
    try:
        yield server.sqlalchemy_url(name)
    finally:
        await server.drop_database(name)


@asynccontextmanager
async def _metadata(server: PostgresServer, finished: int) -> AsyncIterator[str]:
    async with servers.metadata_database(server) as url:
        connection = await asyncpg.connect(driver_dsn(url))
        try:
            await connection.execute(_WORLD.format(instances=_INSTANCES, databases=_DATABASES))
            await connection.execute(_FOR_LOADING)
            indexes = await connection.fetch(_INDEXES)
            for index in indexes:
                await connection.execute(f"DROP INDEX {index['name']}")
            for start in range(0, finished, 100_000):
                n = min(100_000, finished - start)
                print(f"{start + n:,} of {finished:,} finished tasks", file=sys.stderr)
                await connection.execute(
                    _FILE.format(n=n, status="succeeded", letter="d", age=86400, ended=1, when="now()")
                )
            await connection.execute(
                "INSERT INTO runner (id, host, pid, started_at, beat_at)"
                " VALUES (gen_random_uuid(), 'old', 1, now(), now())"
            )
            await connection.execute(
                "INSERT INTO task_run (task_id, attempt, lease, runner_id, started_at, ended_at, outcome)"
                " SELECT t.id, 1, '', r.id, now(), now(), 'succeeded' FROM task t, runner r"
            )
            for index in indexes:
                await connection.execute(index["definition"])
            await connection.execute("VACUUM ANALYZE")
        finally:
            await connection.close()
        yield url


async def _file(database: Database, n: int, letter: str, age: int) -> None:
    connection = await asyncpg.connect(driver_dsn(database.url))
    try:
        await connection.execute("SET session_replication_role = replica")
        await connection.execute(_FILE.format(n=n, status="ready", letter=letter, age=age, ended=0, when="NULL"))
        await connection.execute("VACUUM ANALYZE task, task_run, stage, pipeline, project_turn, runner, slot")
    finally:
        await connection.close()


async def _saturate(database: Database, n: int) -> None:
    """Due long before all others, on one instance whose only place is taken."""
    await _file(database, n, "s", 3600)
    await database.run(tasks.sweep)
    runner = await _register(database)
    taken = await Attempts(database).take(runner, 1, 24 * _LEASE)
    assert len(taken) == 1, "the saturated instance has one place"


async def _register(database: Database) -> uuid.UUID:
    runner = uuid.uuid4()
    await database.run(lambda conn: queue.register_runner(conn, runner, "bench", 1))
    return runner


async def _round(cell: Cell, database: Database, given: argparse.Namespace) -> None:
    await _file(database, given.tasks, "d", 60)
    await database.run(tasks.sweep)
    runners = [await _register(database) for _ in range(given.runners)]
    # A tenth by itself first: what one claim takes when nobody else claims.
    attempts = Attempts(database)
    for _ in range(max(20, given.tasks // 10)):
        began = time.perf_counter()
        [claimed] = await attempts.take(runners[0], 1, _LEASE)
        cell.idle.append((time.perf_counter() - began) * 1000)
        await attempts.end(claimed.pipeline_id, [_success(claimed)])
    left = given.tasks - max(20, given.tasks // 10)
    began = time.perf_counter()
    done = sum(await asyncio.gather(*(_work(database, runner, given.room) for runner in runners)))
    assert done == left, f"{done} of {left} tasks ran"
    cell.rates.append(done / (time.perf_counter() - began))


async def _work(database: Database, runner: uuid.UUID, room: int) -> int:
    """Claim and end until nothing is left, in the transactions of a runner whose tasks take no time."""
    attempts, done, held = Attempts(database), 0, list[queue.Claimed]()
    while True:
        if not held:
            held = await attempts.take(runner, room, _LEASE)
            if not held:
                return done
        ended = await attempts.end(held[0].pipeline_id, [_success(c) for c in held], Taker(runner, room, _LEASE))
        done += len(ended.written)
        held = list(ended.following.claims)


def _success(claimed: queue.Claimed) -> runs.End:
    return runs.End(claimed, "succeeded", sent=True, changes={"v1": "applied"})


async def approvals(server: PostgresServer, samples: int) -> list[float]:
    """Milliseconds from sending an approval to the first statement, of an installation that has nothing else to do."""
    found: list[float] = []
    async with (
        servers.databases(server, 1, lambda: None) as [name],
        servers.metadata_database(server) as metadata,
        installation(metadata, runner=RunnerSettings()) as penstock,
    ):
        await penstock.register(server)
        [target] = await penstock.adopt([name])
        await server.execute("CREATE TABLE seen (at timestamptz)", name)
        steps = [{"any_of": [{"user": EMAIL}]}]
        await penstock.call("POST", "/approval-tiers", slug="own", name="Own", steps=steps, self_approval=True)
        await penstock.call("PATCH", f"/environments/{penstock.environment}", tier="own")
        watch = await asyncpg.connect(server.url(name))
        for _ in range(samples + 3):
            found.append(await _approval(penstock, watch, target))
        await watch.close()
    return found[3:]  # the first ones make the ledger, and fill caches


async def _approval(penstock: Any, watch: asyncpg.Connection, target: int) -> float:
    issue = await penstock.call(
        "POST",
        "/issues",
        project=penstock.project,
        title="Latency",
        statement="INSERT INTO seen VALUES (clock_timestamp())",
        targets={"databases": [target]},
    )
    [stage] = issue["pipeline"]["stages"]
    body = {"stages": [stage["name"]], "digest": {stage["name"]: stage["digest"]}, "decision": "approve"}
    began = time.time()
    await penstock.call("POST", f"/issues/{issue['id']}/approvals", **body)

    async def seen() -> list[Any]:
        # Not by asking Penstock, which would cost time of the process that is measured.
        query = "SELECT extract(epoch FROM at)::float8 AS at FROM seen WHERE at > to_timestamp($1)"
        return list(await watch.fetch(query, began))

    [row] = await eventually(seen, every=0.05)
    await penstock.ended(issue["pipeline"]["id"])
    return float(row["at"] - began) * 1000


def show(cells: Sequence[Cell], latency: Sequence[float], server: dict[str, str]) -> None:
    """Print tables for people."""
    console = Console(soft_wrap=True)
    if cells:
        table = Table(title="Claim and end of tasks that do nothing")
        for heading in ("finished", "ready ahead", "tasks/s", "slowest", "one claim, p50 ms", "p95 ms"):
            table.add_column(heading, justify="right")
        for cell in cells:
            rate, idle = statistics.median(cell.rates), statistics.quantiles(cell.idle, n=20, method="inclusive")
            cells_of = (
                f"{rate:,.0f}",
                f"{min(cell.rates):,.0f}",
                f"{statistics.median(cell.idle):.2f}",
                f"{idle[-1]:.2f}",
            )
            table.add_row(f"{cell.finished:,}", f"{cell.ahead:,}", *cells_of)
        console.print(table)
        p50 = [statistics.median(cell.idle) for cell in cells]
        rates = [statistics.median(cell.rates) for cell in cells]
        console.print(f"Largest/smallest: one claim {max(p50) / min(p50):.2f}, tasks/s {max(rates) / min(rates):.2f}")
    if latency:
        p99 = statistics.quantiles(latency, n=100, method="inclusive")[-1] if len(latency) > 1 else latency[0]
        console.print(
            f"Approval to first statement, {len(latency)} samples: p50 {statistics.median(latency):.0f} ms,"
            f" p99 {p99:.0f} ms, slowest {max(latency):.0f} ms"
        )
    console.print("PostgreSQL: " + ", ".join(f"{name} {value}" for name, value in server.items()))
