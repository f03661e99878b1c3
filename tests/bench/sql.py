"""``scripts/bench sql``: how long splitting and classifying take, beside other parsers on the same script.

Other parsers do other things with it; they stand here for scale. Needs no database.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import logging
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import sqlglot
import sqlparse
from rich.console import Console
from rich.table import Table

from penstock.review.inspect import Inspection, inspect
from penstock.sql.classify import Classification
from penstock.sql.dialects import classify, of_text
from penstock.sql.errors import SplitError
from penstock.sql.splitter import Statement, split
from penstock.sql.splitter import statements as stream
from tests.bench import scripts

ABOUT: Final = "splitting and classifying SQL: Penstock beside squawk, sqlglot and sqlparse on the same script"
SPLIT, CLASSIFY, REVIEW = "split", "classify", "review"
LIMITS: Final = {SPLIT: 0.5, CLASSIFY: 1.0}  # seconds for 10,000 statements
ENGINES: Final = ("postgres", "mariadb")
MEASURED: Final = """\
split: bytes to statements with positions. classify: what each of them is and touches, given the statements. review:
both, and every rule. sqlparse: sqlparse.split. sqlglot: sqlglot.parse in the engine's dialect, errors ignored.
squawk: the program with --reporter json, its start included; it knows PostgreSQL only. All in one process, on one
thread, taking turns."""
_CHILD: Final = """\
import resource, sys
from pathlib import Path
from penstock.sql.splitter import statements
data = Path(sys.argv[1]).read_bytes()
for _ in statements(b"SELECT 1;" * 100, sys.argv[2]): pass
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for _ in statements(data, sys.argv[2]): pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@dataclass(frozen=True)
class Result:
    """Everything that was measured.

    Args:
        seconds: engine -> contender -> of every round.
        processor: the same in seconds of processor time, which other programs on the machine disturb less.
        memory: engine -> bytes of a script -> bytes that Python allocates at most while the script is streamed.
        resident: engine -> bytes by which the largest script makes a process grow.
        hard: rows of engine, repeated text, seconds for half the size and for the size.
    """

    statements: int
    bytes: dict[str, int]
    seconds: dict[str, dict[str, list[float]]]
    processor: dict[str, dict[str, list[float]]]
    memory: dict[str, dict[int, int]]
    resident: dict[str, int]
    hard: list[tuple[str, str, float, float]]


def options(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--statements", type=int, default=10_000, metavar="N")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--size", type=int, default=9_000_000, metavar="BYTES", help="of the script for memory")
    parser.add_argument("--hard", type=int, default=1_000_000, metavar="BYTES", help="of the texts that mean harm")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def main(given: argparse.Namespace) -> None:
    """Run the benchmark and print what it found."""
    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it says of every routine that it does not read it
    result = measure(given)
    if given.json:
        json.dump(asdict(result), sys.stdout, indent=2)
        print()
    else:
        show(result)


def measure(given: argparse.Namespace) -> Result:
    """Time every contender in turn, then look at memory and at hard texts."""
    texts = {engine: scripts.script(engine, given.statements) for engine in ENGINES}
    seconds: dict[str, dict[str, list[float]]] = {engine: {} for engine in ENGINES}
    processor: dict[str, dict[str, list[float]]] = {engine: {} for engine in ENGINES}
    with tempfile.TemporaryDirectory() as directory:
        for number in range(given.rounds + 1):
            for engine, text in texts.items():
                sides = contenders(engine, text, Path(directory, f"{engine}.sql"))
                # Taking turns at going first, so that none always gets the warmer cache.
                for name in sides if number % 2 else reversed(sides):
                    gc.collect()  # what the one before it has left behind
                    began = sum(os.times()[:4])
                    took = timed(sides[name])
                    if number:  # the first round warms up
                        seconds[engine].setdefault(name, []).append(took)
                        processor[engine].setdefault(name, []).append(sum(os.times()[:4]) - began)
        memory = {e: {n: allocated(e, n) for n in (given.size // 9, given.size // 3, given.size)} for e in ENGINES}
        resident = {engine: grown(engine, given.size, Path(directory, "large.sql")) for engine in ENGINES}
    return Result(
        statements=given.statements,
        bytes={engine: len(text.encode()) for engine, text in texts.items()},
        seconds=seconds,
        processor=processor,
        memory=memory,
        resident=resident,
        hard=[
            (engine, piece, refused(engine, piece, given.hard // 2), refused(engine, piece, given.hard))
            for engine in ENGINES
            for piece in scripts.HARD
        ],
    )


def contenders(engine: str, text: str, file: Path) -> dict[str, Callable[[], object]]:
    """What is measured on one script."""
    data = text.encode()
    file.write_bytes(data)
    found = split(data, engine)
    dialect = "postgres" if engine == "postgres" else "mysql"
    sides: dict[str, Callable[[], object]] = {
        SPLIT: lambda: split(data, engine),
        CLASSIFY: lambda: classified(found, engine),
        REVIEW: lambda: review(data, engine),
        "sqlparse": lambda: sqlparse.split(text),
        "sqlglot": lambda: sqlglot.parse(text, read=dialect, error_level=sqlglot.ErrorLevel.IGNORE),
    }
    if engine == "postgres":
        squawk = str(Path(sys.executable).with_name("squawk"))
        command = [squawk, "--reporter", "json", "--no-error-on-unmatched-pattern", str(file)]
        sides["squawk"] = lambda: subprocess.run(command, capture_output=True, check=False)
    return sides


def classified(found: Sequence[Statement], engine: str) -> list[Classification]:
    """What statements are that have not been seen before."""
    of_text.cache_clear()
    return [classify(statement, engine) for statement in found]


def review(data: bytes, engine: str) -> Inspection:
    """A review of what has not been seen before."""
    of_text.cache_clear()
    return inspect(data, engine)


def timed(side: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    began = time.perf_counter()
    side()
    return time.perf_counter() - began


def allocated(engine: str, size: int) -> int:
    """Bytes that are allocated at most while a script is streamed, without its own."""
    data = scripts.of_size(engine, size).encode()
    tracemalloc.start()
    try:
        for _ in stream(data, engine):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def grown(engine: str, size: int, file: Path) -> int:
    """Bytes by which a process grows that streams a script."""
    file.write_text(scripts.of_size(engine, size))
    command = [sys.executable, "-c", _CHILD, str(file), engine]
    return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout) * 1024


def refused(engine: str, piece: str, size: int) -> float:
    """Seconds of processor time until a hard text is split or refused."""
    data = scripts.hard(piece, size)
    began = time.process_time()
    with contextlib.suppress(SplitError):
        split(data, engine)
    return time.process_time() - began


def show(result: Result) -> None:
    """Print tables for people."""
    console = Console(soft_wrap=True)
    for engine, sides in result.seconds.items():
        console.print(_times(result, engine, sides))
    console.print(_memory(result))
    console.print(_hard(result.hard))
    console.print(MEASURED)


def _times(result: Result, engine: str, sides: dict[str, list[float]]) -> Table:
    rounds = len(sides[SPLIT])
    table = Table(title=f"{engine}: {result.statements:,} statements, {result.bytes[engine]:,} bytes, {rounds} rounds")
    for heading in ("", "median s", "fastest", "slowest", "cpu s", "MB/s", "× split", "× classify", "limit s"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, times in sides.items():
        median = statistics.median(times)
        ratios = [statistics.median(t / o for t, o in zip(times, sides[by], strict=True)) for by in (SPLIT, CLASSIFY)]
        limit = LIMITS.get(name, 0.0) * result.statements / 10_000
        cpu = statistics.median(result.processor[engine][name])
        cells = [f"{value:.3f}" for value in (median, min(times), max(times), cpu)]
        cells += [f"{result.bytes[engine] / median / 1e6:.1f}", *(f"{ratio:.1f}" for ratio in ratios)]
        table.add_row(name, *cells, f"{limit:.2f} {'✓' if median < limit else '✗'}" if limit else "")
    return table


def _memory(result: Result) -> Table:
    table = Table(title="Memory while a script is streamed, beside the script itself")
    sizes = list(next(iter(result.memory.values())))
    for heading in ("", *(f"{size / 1e6:.0f} MB: allocated" for size in sizes), "process grows by"):
        table.add_column(heading, justify="left" if not heading else "right")
    for engine, peaks in result.memory.items():
        cells = [f"{peaks[size] / 1024:.0f} KiB" for size in sizes]
        table.add_row(engine, *cells, f"{result.resident[engine] / 1024:.0f} KiB")
    return table


def _hard(rows: Sequence[tuple[str, str, float, float]]) -> Table:
    table = Table(title="Texts that mean harm: the ten slowest; twice the text must not take four times as long")
    for heading in ("", "repeated", "half: cpu s", "whole: cpu s", "ratio"):
        table.add_column(heading, justify="left" if heading in ("", "repeated") else "right")
    for engine, piece, half, whole in sorted(rows, key=lambda row: -row[3])[:10]:
        shown = re.sub(r"\n", r"\\n", piece).replace("\r", "\\r")
        table.add_row(engine, shown, f"{half:.2f}", f"{whole:.2f}", f"{whole / half:.1f}" if half else "")
    return table
