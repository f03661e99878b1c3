"""``scripts/bench releases``: a release of thousands of changes, stored, and applied where most of it is.

What a repository with a long history costs every time: the whole directory is one release, each database has all of it
but the last change, and its ledger is read once. The floor is a bare driver that connects and reads the same rows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any, Final

import asyncpg
from rich.console import Console

from penstock.runtime.supervisor import RunnerSettings
from tests.bench import servers
from tests.installation import Installation, installation
from tests.postgres_server import PostgresServer

ABOUT: Final = "a release of thousands of changes, stored, and applied to databases that have most of it"
AIM: Final = 2.0
_READ: Final = "SELECT * FROM penstock.ledger WHERE project = $1"
_PRETEND: Final = """
    INSERT INTO penstock.ledger
        (project, version, name, change_digest, release_digest, deployment, statement_count, run, actor)
    SELECT $1, c->>0, '', c->>1, '', 'bench', 1, '1', 'bench' FROM json_array_elements($2::json) AS c
"""


@dataclass(frozen=True)
class Measured:
    """Seconds; milliseconds where it says so.

    Args:
        stored: median of storing the release through the API, answer included.
        per_database_ms: from filing the issue to its end, divided by the databases.
        floor_ms: the same for the bare driver.
    """

    changes: int
    databases: int
    concurrency: int
    stored: float
    per_database_ms: float
    floor_ms: float


def options(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--changes", type=int, default=2_000, metavar="N", help="of the release")
    parser.add_argument("--databases", type=int, default=100, metavar="N", help="that have all but the last change")
    parser.add_argument("--concurrency", type=int, default=8, metavar="N", help="databases at once, on both sides")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="in which the release is stored")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


async def main(given: argparse.Namespace) -> None:
    """Run the benchmark and print what it found."""
    async with (
        servers.server() as server,
        servers.databases(server, given.databases, lambda: None) as names,
        servers.metadata_database(server) as metadata,
        installation(metadata, runner=RunnerSettings(concurrency=given.concurrency)) as penstock,
    ):
        await penstock.register(server, max_running_tasks=given.concurrency)
        ids = await penstock.adopt(names)
        result = await _measure(penstock, server, names, ids, given)
    if given.json:
        json.dump(asdict(result), sys.stdout, indent=2)
        print()
        return
    console = Console(soft_wrap=True)
    verdict = "under" if result.stored < AIM else "NOT under"
    console.print(
        f"A release of {result.changes:,} changes is stored in {result.stored:.2f} s ({verdict} {AIM:.0f} s)."
    )
    console.print(
        f"On {result.databases} databases that lack its last change, {result.concurrency} at once:"
        f" {result.per_database_ms:.1f} ms a database; a bare driver that only reads the ledger"
        f" {result.floor_ms:.1f} ms."
    )


async def _measure(
    penstock: Installation, server: PostgresServer, names: list[str], ids: list[int], given: argparse.Namespace
) -> Measured:
    stored, made = [], {}
    for n in range(given.rounds):
        started = time.perf_counter()
        made = await penstock.call("POST", "/releases", project=penstock.project, changes=_changes(given.changes, n))
        stored.append(time.perf_counter() - started)
    await _apply(penstock, ids, statement="SELECT 1")  # every database has a ledger now
    known = json.dumps([(c["version"], c["digest"]) for c in made["changes"][:-1]])
    urls = [server.url(name) for name in names]
    await _each(urls, given.concurrency, lambda c: c.execute(_PRETEND, penstock.project, known))
    floor = await _each(urls, given.concurrency, lambda c: c.fetch(_READ, penstock.project))
    spent = await _apply(penstock, ids, release=made["id"])
    return Measured(
        changes=given.changes,
        databases=len(ids),
        concurrency=given.concurrency,
        stored=round(statistics.median(stored), 3),
        per_database_ms=round(spent / len(ids) * 1_000, 2),
        floor_ms=round(floor / len(ids) * 1_000, 2),
    )


def _changes(count: int, salt: int) -> list[dict[str, Any]]:
    """A history; another text for every salt, so that nothing of it is stored yet."""
    text = "CREATE TABLE t{n} (id bigint PRIMARY KEY, name text NOT NULL); -- {salt}"
    return [
        {"version": f"{n:06}", "name": f"table_{n}", "statement": text.format(n=n, salt=salt)} for n in range(count)
    ]


async def _apply(penstock: Installation, ids: list[int], **what: Any) -> float:
    started = time.perf_counter()
    filed = await penstock.call(
        "POST", "/issues", project=penstock.project, title="bench", targets={"databases": ids}, **what
    )
    ended = await penstock.ended(filed["pipeline"]["id"], timeout=600 + len(ids))
    assert ended["result"] == "succeeded", ended["result"]
    return time.perf_counter() - started


async def _each(urls: list[str], concurrency: int, work: Any) -> float:
    """Do something to every database over a connection of its own, some at once; answers the seconds for all."""
    places = asyncio.Semaphore(concurrency)

    async def one(url: str) -> None:
        async with places:
            connection = await asyncpg.connect(url)
            try:
                await work(connection)
            finally:
                await connection.close()

    started = time.perf_counter()
    await asyncio.gather(*(one(url) for url in urls))
    return time.perf_counter() - started
