"""Benchmarks that anybody can run again: ``scripts/bench tasks --help``."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence
from typing import Final

from penstock import logging
from tests.bench import filing, memory, progress, queue, releases, sql, tasks


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one benchmark; returns the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (about, options, _) in _BENCHMARKS.items():
        options(commands.add_parser(name, help=about, description=about))
    given = parser.parse_args(arguments)
    logging.configure(format="console", level="warning")
    try:
        _BENCHMARKS[given.command][2](given)
    except KeyboardInterrupt:
        return 130
    return 0


_BENCHMARKS: Final[
    dict[str, tuple[str, Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace], None]]]
] = {
    "memory": (memory.ABOUT, memory.options, lambda given: asyncio.run(memory.main(given))),
    "filing": (filing.ABOUT, filing.options, lambda given: asyncio.run(filing.main(given))),
    "progress": (progress.ABOUT, progress.options, lambda given: asyncio.run(progress.main(given))),
    "queue": (queue.ABOUT, queue.options, lambda given: asyncio.run(queue.main(given))),
    "releases": (releases.ABOUT, releases.options, lambda given: asyncio.run(releases.main(given))),
    "sql": (sql.ABOUT, sql.options, sql.main),
    "tasks": (tasks.ABOUT, tasks.options, lambda given: asyncio.run(tasks.main(given))),
}

if __name__ == "__main__":
    sys.exit(main())
