"""``scripts/bench filing``: how long it takes to file an issue for thousands of databases, and in how much memory.

Through the application, without a socket: from sending the request to its answer.  Measured is also the resident memory
of this process, client and server together, as the kernel counts it; and what it takes to look at the issue then.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import asyncpg
from rich.console import Console
from rich.table import Table

from penstock.store.database import driver_dsn
from tests.bench import servers
from tests.installation import Installation, installation

ABOUT: Final = "filing an issue for thousands of databases: seconds and memory"
AIM: Final = 3.0
_CLEAR_PEAK: Final = "5"  # see proc(5), clear_refs


@dataclass
class Cell:
    """One number of databases.

    Args:
        seconds: of every round.
        grew: megabytes of resident memory at the peak, above what there was before.
        looked: milliseconds of reading the issue, and a page of its tasks.
    """

    tasks: int
    seconds: list[float] = field(default_factory=list)
    grew: list[float] = field(default_factory=list)
    looked: list[float] = field(default_factory=list)


def options(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    numbers = [100, 1_000, 10_000]
    parser.add_argument("--tasks", type=lambda text: [int(n) for n in text.split(",")], default=numbers, metavar="N,N…")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


async def main(given: argparse.Namespace) -> None:
    """Run the benchmark and print what it found."""
    cells = [Cell(n) for n in given.tasks]
    async with servers.server() as server, servers.metadata_database(server) as metadata:
        async with installation(metadata, works=False) as penstock:
            await penstock.register(server)
            ids = await _databases(penstock, metadata, max(given.tasks))
            await _file(penstock, ids[:10])
            for number in range(given.rounds):
                for cell in cells if number % 2 == 0 else reversed(cells):
                    await _round(penstock, cell, ids)
        about = await servers.described(server)
    if given.json:
        json.dump({"server": about, "cells": [asdict(cell) for cell in cells]}, sys.stdout, indent=2)
        print()
        return
    table = Table(title="Filing an issue")
    for heading in ("databases", "seconds", "slowest", "memory, MB", "most, MB", "looking at it, ms"):
        table.add_column(heading, justify="right")
    for cell in cells:
        took = (f"{statistics.median(cell.seconds):.2f}", f"{max(cell.seconds):.2f}")
        memory = (f"{statistics.median(cell.grew):.1f}", f"{max(cell.grew):.1f}")
        table.add_row(f"{cell.tasks:,}", *took, *memory, f"{statistics.median(cell.looked):.0f}")
    console = Console(soft_wrap=True)
    console.print(table)
    slowest = statistics.median(cells[-1].seconds)
    console.print(
        f"{cells[-1].tasks:,} databases: {slowest:.2f} s ({'under' if slowest < AIM else 'NOT under'} {AIM:g} s)"
    )
    console.print("PostgreSQL: " + ", ".join(f"{name} {value}" for name, value in about.items()))


async def _databases(penstock: Installation, metadata: str, n: int) -> list[int]:
    connection = await asyncpg.connect(driver_dsn(metadata))
    try:
        rows = await connection.fetch(
            "INSERT INTO database (instance_id, name, project_id) SELECT i.id, 'd' || g, p.id"
            " FROM instance i, project p, generate_series(1, $1) g WHERE i.slug = $2 AND p.slug = $3 RETURNING id",
            n,
            penstock.instance,
            penstock.project,
        )
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
    return [row["id"] for row in rows]


async def _file(penstock: Installation, targets: list[int]) -> int:
    filed = await penstock.call(
        "POST",
        "/issues",
        project=penstock.project,
        title="Many",
        statement="CREATE TABLE t (id bigint)",
        targets={"databases": targets},
    )
    found: int = filed["id"]
    return found


async def _round(penstock: Installation, cell: Cell, ids: list[int]) -> None:
    Path("/proc/self/clear_refs").write_text(_CLEAR_PEAK)
    before = _memory("VmRSS")
    began = time.perf_counter()
    issue = await _file(penstock, ids[: cell.tasks])
    cell.seconds.append(time.perf_counter() - began)
    cell.grew.append(_memory("VmHWM") - before)
    began = time.perf_counter()
    seen = await penstock.call("GET", f"/issues/{issue}")
    await penstock.call("GET", f"/pipelines/{seen['pipeline']['id']}/tasks")
    cell.looked.append((time.perf_counter() - began) * 1000)
    await penstock.call("POST", f"/issues/{issue}/cancel")


def _memory(name: str) -> float:
    text = Path("/proc/self/status").read_text()
    return int(text.split(f"{name}:")[1].split()[0]) / 1000
