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
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from itertools import count
from typing import Any, Final

import aiomysql
import asyncpg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from penstock.runtime.supervisor import RunnerSettings
from tests.bench import servers
from tests.bench.peers import Side, peers
from tests.installation import Installation, Server, installation
from tests.mariadb_server import MariaDbServer
from tests.postgres_server import PostgresServer
from tests.waiting import eventually

ABOUT: Final = "one change on many databases: Penstock against a bare driver at the same concurrency"
MEASURED: Final = """\
Penstock: from sending POST /issues (through the application, without a socket) to the pipeline being done in the
metadata database, which is on the same {place}: checking the request, filing, queue, leases, lock, ledger row, log
lines, events; one runner, in this process.
{driver}: {does}; in this process too.
Both sides get tables of their own in every round."""
# What a change of a growing product looks like; {t} is a table of the round's own.
_POSTGRES: Final = (
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
_MARIADB: Final = (
    "CREATE TABLE {t} (id bigint AUTO_INCREMENT PRIMARY KEY, customer bigint NOT NULL, state varchar(20))",
    "ALTER TABLE {t} ADD COLUMN total decimal(12, 2) NOT NULL DEFAULT 0",
    "CREATE INDEX {t}_customer ON {t} (customer)",
    "INSERT INTO {t} (customer, state) SELECT seq, 'new' FROM seq_1_to_20",
    "UPDATE {t} SET state = 'paid', total = customer * 10 WHERE customer % 2 = 0",
    "ALTER TABLE {t} ADD CONSTRAINT {t}_total CHECK (total >= 0)",
    "ALTER TABLE {t} COMMENT = 'Orders'",
    "CREATE VIEW {t}_paid AS SELECT id, customer, total FROM {t} WHERE state = 'paid'",
    "ALTER TABLE {t} MODIFY state varchar(20) NOT NULL",
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
class Kind:
    """One kind of server.

    Args:
        engine: Penstock's word for it.
        label: everybody's word for it.
        driver, does: what Penstock is compared with, and what that is told to do.
        place: where the metadata database is, seen from there.
        statements: of a change; ``{t}`` stands for a table.
    """

    engine: str
    label: str
    driver: str
    does: str
    place: str
    statements: Sequence[str]


POSTGRES: Final = Kind(
    engine="postgres",
    label="PostgreSQL",
    driver="asyncpg",
    does="connect, BEGIN, the statements one by one, COMMIT, close",
    place="server",
    statements=_POSTGRES,
)
MARIADB: Final = Kind(
    engine="mariadb",
    label="MariaDB",
    driver="aiomysql",
    does="connect, the statements one by one, each of which commits, close",
    place="machine",
    statements=_MARIADB,
)
KINDS: Final = {kind.engine: kind for kind in (POSTGRES, MARIADB)}


@dataclass(frozen=True)
class Subject:
    """Empty databases on one server.

    Args:
        about: what about the server decides what can be measured on it.
        bare: run statements on one database by the bare driver.
    """

    kind: Kind
    server: Server
    databases: Sequence[str]
    about: dict[str, str]
    bare: Callable[[str, Sequence[str]], Awaitable[None]]


@dataclass(frozen=True)
class Result:
    """Everything that was measured on one engine.

    Args:
        first: the round that makes Penstock's ledger in every database; it is not in the medians.
    """

    engine: str
    driver: str
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
        return [each["penstock"].seconds / each[self.driver].seconds for each in self.rounds]


def options(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--databases", type=int, default=200, metavar="N")
    parser.add_argument("--statements", type=int, default=10, metavar="N")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--concurrency", type=int, default=8, metavar="N", help="databases at once, on both sides")
    parser.add_argument("--engine", choices=("postgres", "mariadb", "both"), default="postgres")
    parser.add_argument("--peers", action="store_true", help="also alembic, psql and dbmate, as far as they are there")
    parser.add_argument("--own-server", action="store_true", help="an embedded PostgreSQL, whatever else there is")
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
        refresh_per_second=1,  # drawing it takes processor time of the process that is measured
    )
    engines = ("postgres", "mariadb") if given.engine == "both" else (given.engine,)
    with bar:
        results = [await measure(given, engine, bar) for engine in engines]
    if given.json:
        found = {each.engine: asdict(each) | {"ratio": statistics.median(each.ratios)} for each in results}
        json.dump(found if given.engine == "both" else found[given.engine], sys.stdout, indent=2)
        print()
    else:
        for each in results:
            show(each)


@asynccontextmanager
async def postgres(server: PostgresServer, count: int, step: Callable[[], None]) -> AsyncIterator[Subject]:
    """That many databases on PostgreSQL."""
    async with servers.databases(server, count, step) as names:
        about = await servers.described(server)
        yield Subject(POSTGRES, server, names, about, partial(by_asyncpg, server))


@asynccontextmanager
async def mariadb(_: PostgresServer, count: int, step: Callable[[], None]) -> AsyncIterator[Subject]:
    """That many databases on MariaDB."""
    async with servers.mariadb() as server, servers.mariadb_databases(server, count, step) as names:
        about = await servers.mariadb_described(server)
        yield Subject(MARIADB, server, names, about, partial(by_aiomysql, server))


async def measure(given: argparse.Namespace, engine: str, bar: Progress) -> Result:
    """Make the databases, run the rounds, drop everything."""
    made = bar.add_task(f"Databases ({engine})", total=given.databases)
    make, kind = (postgres if engine == "postgres" else mariadb), KINDS[engine]
    async with (
        servers.server(own=given.own_server) as own,
        make(own, given.databases, lambda: bar.advance(made)) as subject,
        servers.metadata_database(own) as metadata,
        installation(metadata, runner=RunnerSettings(concurrency=given.concurrency)) as penstock,
        AsyncExitStack() as stack,
    ):
        await penstock.register(subject.server, engine=engine, max_running_tasks=given.concurrency)
        ids = await penstock.adopt(subject.databases)
        watch = await asyncpg.connect(own.url(metadata.rsplit("/", 1)[1]))
        others: dict[str, Side] = {}
        if given.peers and isinstance(subject.server, PostgresServer):
            others = await stack.enter_async_context(peers(subject.server, subject.databases, given.concurrency))
        rounds: list[dict[str, Sample]] = []
        todo = bar.add_task(f"Rounds ({engine})", total=given.rounds + 1)
        for number in range(given.rounds + 1):
            ours, theirs = (script(kind.statements, given.statements, f"{side}{number}") for side in "pa")
            sides: dict[str, Callable[[], Awaitable[None]]] = {
                "penstock": partial(by_penstock, penstock, watch, ids, ours),
                kind.driver: partial(by_driver, subject, theirs, given.concurrency),
            }
            for place, (name, peer) in enumerate(others.items()):
                own_tables = script(kind.statements, given.statements, f"o{place}_{number}")
                sides[name] = partial(peer, f"r{number}", own_tables)
            # Taking turns at going first, so that neither side always gets the warmer server.
            order = list(sides) if number % 2 == 0 else list(reversed(sides))
            rounds.append({side: await timed(sides[side]) for side in order})
            bar.advance(todo)
        await watch.close()
        return Result(
            engine=engine,
            driver=kind.driver,
            databases=given.databases,
            statements=given.statements,
            concurrency=given.concurrency,
            server=subject.about,
            first=rounds[0],
            rounds=rounds[1:],
        )


def script(templates: Sequence[str], wanted: int, name: str) -> list[str]:
    """That many statements about tables of this name."""
    found: list[str] = []
    for table in count():
        found += [text.format(t=f"orders_{name}_{table}") for text in templates]
        if len(found) >= wanted:
            return found[:wanted]
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

    # Looking costs processor time, too: as rarely as does not matter beside what many databases take.
    await eventually(ended, 600 + len(databases), every=0.025, message="the issue ends")
    found: dict[str, Any] = await penstock.call("GET", f"/pipelines/{pipeline}")
    assert found["result"] == "succeeded", await penstock.explain(pipeline)


async def by_driver(subject: Subject, statements: Sequence[str], concurrency: int) -> None:
    """Run the statements on every database by the bare driver."""
    places = asyncio.Semaphore(concurrency)

    async def one(name: str) -> None:
        async with places:
            await subject.bare(name, statements)

    async with asyncio.TaskGroup() as group:
        for name in subject.databases:
            group.create_task(one(name))


async def by_asyncpg(server: PostgresServer, name: str, statements: Sequence[str]) -> None:
    """Run the statements in one transaction on a connection of its own."""
    connection = await asyncpg.connect(server.url(name), ssl=False)
    async with connection.transaction():
        for statement in statements:
            await connection.execute(statement)
    await connection.close()


async def by_aiomysql(server: MariaDbServer, name: str, statements: Sequence[str]) -> None:
    """Run the statements on a connection of its own; definitions commit, whatever there is around them."""
    where = {"host": server.host, "port": server.port, "user": server.user, "password": server.password, "db": name}
    connection = await aiomysql.connect(autocommit=True, **where)
    for statement in statements:
        await connection.query(statement)
    await connection.ensure_closed()


def show(result: Result) -> None:
    """Print a table for people."""
    kind = KINDS[result.engine]
    about = ", ".join(f"{name} {value}" for name, value in result.server.items())
    table = Table(title=f"{result.databases} databases × {result.statements} statements, {result.concurrency} at once")
    for heading in ("", "ms/database", "fastest", "slowest", "our processor ms/database", "first round ms/database"):
        table.add_column(heading, justify="left" if not heading else "right")
    for side in result.first:
        times = result.milliseconds(side)
        cpu = statistics.median(each[side].cpu for each in result.rounds) / result.databases * 1000
        first = result.first[side].seconds / result.databases * 1000
        cells = (statistics.median(times), min(times), max(times), cpu, first)
        table.add_row(side, *(f"{value:.2f}" for value in cells))
    ratios = result.ratios
    first_ratio = result.first["penstock"].seconds / result.first[result.driver].seconds
    spread = (statistics.median(ratios), min(ratios), max(ratios))
    table.add_row("ratio", *(f"{value:.2f}" for value in spread), "", f"{first_ratio:.2f}", style="bold")
    console = Console(soft_wrap=True)
    console.print(table)
    console.print(f"Medians of {len(ratios)} rounds; the first round, which makes the ledger, is shown apart.")
    console.print(f"{kind.label}: {about}")
    console.print(MEASURED.format(place=kind.place, driver=kind.driver, does=kind.does))
