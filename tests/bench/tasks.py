"""``scripts/bench tasks``: what Penstock adds to the time that the statements of a change take by themselves.

One round applies one change of N statements to every database, twice: through Penstock, and by a bare driver.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import count
from typing import Any, Final

import asyncpg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from penstock.runtime.supervisor import RunnerSettings
from tests.bench import servers
from tests.installation import Installation, installation
from tests.postgres_server import PostgresServer
from tests.waiting import eventually

ABOUT: Final = "one change on many databases: Penstock against a bare asyncpg at the same concurrency"
MEASURED: Final = """\
Penstock: from sending POST /issues (through the application, without a socket) to the pipeline being done in the
metadata database, which is on the same server: checking the request, filing, queue, leases, lock, ledger row, log
lines, events; one runner, in this process.
asyncpg: connect, BEGIN, the statements one by one, COMMIT, close; in this process too.
Both sides get tables of their own in every round."""
# What a change of a growing product looks like; {t} is a table of the round's own.
_STATEMENTS: Final = (
    "CREATE TABLE {t} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer bigint NOT NULL, state text)",
    "ALTER TABLE {t} ADD COLUMN total numeric(12, 2) NOT NULL DEFAULT 0",
    "CREATE INDEX {t}_customer ON {t} (customer)",
    "INSERT INTO {t} (customer, state) SELECT g, 'new' FROM generate_series(1, 20) AS g",
    "UPDATE {t} SET state = 'paid', total = customer * 10 WHERE customer % 2 = 0",
    "ALTER TABLE {t} ADD CONSTRAINT {t}_total CHECK (total >= 0)",
    "COMMENT ON TABLE {t} IS 'Orders'",
    "CREATE VIEW {t}_paid AS SELECT id, customer, total FROM {t} WHERE state = 'paid'",
    "ALTER TABLE {t} ALTER COLUMN state SET NOT NULL",
    "DELETE FROM {t} WHERE customer > 15",
)


@dataclass(frozen=True)
class Sample:
    """One side of one round.

    Args:
        seconds: for all databases together.
        cpu: seconds of processor time that this process took meanwhile (the server's are not in it).
    """

    seconds: float
    cpu: float


@dataclass(frozen=True)
class Result:
    """Everything that was measured.

    Args:
        first: the round that makes Penstock's ledger in every database; it is not in the medians.
    """

    databases: int
    statements: int
    concurrency: int
    server: dict[str, str]
    first: dict[str, Sample]
    rounds: list[dict[str, Sample]]

    def milliseconds(self, side: str) -> list[float]:
        """Per database, of every round."""
        return [each[side].seconds / self.databases * 1000 for each in self.rounds]

    @property
    def ratios(self) -> list[float]:
        """Of every round: the two sides of a round ran right after each other."""
        return [each["penstock"].seconds / each["asyncpg"].seconds for each in self.rounds]


def options(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--databases", type=int, default=200, metavar="N")
    parser.add_argument("--statements", type=int, default=10, metavar="N")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--concurrency", type=int, default=8, metavar="N", help="databases at once, on both sides")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


async def main(given: argparse.Namespace) -> None:
    """Run the benchmark and print what it found."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        result = await measure(given, bar)
    if given.json:
        json.dump(asdict(result) | {"ratio": statistics.median(result.ratios)}, sys.stdout, indent=2)
        print()
    else:
        show(result)


async def measure(given: argparse.Namespace, bar: Progress) -> Result:
    """Make the databases, run the rounds, drop everything."""
    made = bar.add_task("Databases", total=given.databases)
    async with (
        servers.server() as server,
        servers.databases(server, given.databases, lambda: bar.advance(made)) as names,
        servers.metadata_database(server) as metadata,
        installation(metadata, runner=RunnerSettings(concurrency=given.concurrency)) as penstock,
    ):
        await penstock.register(server, max_running_tasks=given.concurrency)
        ids = await penstock.adopt(names)
        watch = await asyncpg.connect(server.url(metadata.rsplit("/", 1)[1]))
        rounds: list[dict[str, Sample]] = []
        todo = bar.add_task("Rounds", total=given.rounds + 1)
        for number in range(given.rounds + 1):
            of_penstock, of_asyncpg = (script(given.statements, f"{side}{number}") for side in "pa")
            sides: dict[str, Callable[[], Awaitable[None]]] = {
                "penstock": partial(by_penstock, penstock, watch, ids, of_penstock),
                "asyncpg": partial(by_asyncpg, server, names, of_asyncpg, given.concurrency),
            }
            # Taking turns at going first, so that neither side always gets the warmer server.
            order = list(sides) if number % 2 == 0 else list(reversed(sides))
            rounds.append({side: await timed(sides[side]) for side in order})
            bar.advance(todo)
        await watch.close()
        return Result(
            databases=given.databases,
            statements=given.statements,
            concurrency=given.concurrency,
            server=await servers.described(server),
            first=rounds[0],
            rounds=rounds[1:],
        )


def script(statements: int, name: str) -> list[str]:
    """That many statements about tables of this name."""
    found: list[str] = []
    for table in count():
        found += [text.format(t=f"orders_{name}_{table}") for text in _STATEMENTS]
        if len(found) >= statements:
            return found[:statements]
    raise AssertionError("unreachable")


async def timed(side: Callable[[], Awaitable[None]]) -> Sample:
    """How long one side takes."""
    began, cpu = time.perf_counter(), time.process_time()
    await side()
    return Sample(time.perf_counter() - began, time.process_time() - cpu)


async def by_penstock(
    penstock: Installation, watch: asyncpg.Connection, databases: Sequence[int], statements: Sequence[str]
) -> None:
    """File one issue and wait until it is done."""
    filed = await penstock.call(
        "POST",
        "/issues",
        project=penstock.project,
        title="Benchmark",
        statement=";\n".join(statements) + ";\n",
        targets={"databases": list(databases)},
    )
    pipeline = filed["pipeline"]["id"]

    async def ended() -> bool:
        return bool(await watch.fetchval("SELECT ended FROM pipeline WHERE id = $1", pipeline))

    await eventually(ended, 600, every=0.01, message="the issue ends")
    found: dict[str, Any] = await penstock.call("GET", f"/pipelines/{pipeline}")
    assert found["result"] == "succeeded", await penstock.explain(pipeline)


async def by_asyncpg(
    server: PostgresServer, databases: Sequence[str], statements: Sequence[str], concurrency: int
) -> None:
    """Run the statements on every database, each in one transaction on a connection of its own."""
    places = asyncio.Semaphore(concurrency)

    async def one(name: str) -> None:
        async with places:
            connection = await asyncpg.connect(server.url(name), ssl=False)
            async with connection.transaction():
                for statement in statements:
                    await connection.execute(statement)
            await connection.close()

    async with asyncio.TaskGroup() as group:
        for name in databases:
            group.create_task(one(name))


def show(result: Result) -> None:
    """Print a table for people."""
    about = ", ".join(f"{name} {value}" for name, value in result.server.items())
    table = Table(title=f"{result.databases} databases × {result.statements} statements, {result.concurrency} at once")
    for heading in ("", "ms/database", "fastest", "slowest", "our processor ms/database", "first round ms/database"):
        table.add_column(heading, justify="left" if not heading else "right")
    for side in ("penstock", "asyncpg"):
        times = result.milliseconds(side)
        cpu = statistics.median(each[side].cpu for each in result.rounds) / result.databases * 1000
        first = result.first[side].seconds / result.databases * 1000
        cells = (statistics.median(times), min(times), max(times), cpu, first)
        table.add_row(side, *(f"{value:.2f}" for value in cells))
    ratios = result.ratios
    first_ratio = result.first["penstock"].seconds / result.first["asyncpg"].seconds
    spread = (statistics.median(ratios), min(ratios), max(ratios))
    table.add_row("ratio", *(f"{value:.2f}" for value in spread), "", f"{first_ratio:.2f}", style="bold")
    console = Console(soft_wrap=True)
    console.print(table)
    console.print(f"Medians of {len(ratios)} rounds; the first round, which makes the ledger, is shown apart.")
    console.print(f"PostgreSQL: {about}\n{MEASURED}")
