"""Stores what a run logs while it runs, in batches: at most four writes a second, however chatty the script.

A line is kept until it is stored; while the metadata database does not answer, lines gather.
"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.runtime.port import TaskPort
from penstock.store import runs
from penstock.store.database import TROUBLE, Database

INTERVAL: Final = 0.25
RETRY: Final = 2.0
BATCH: Final = 500

log = structlog.get_logger(__name__)


async def keep(database: Database, port: TaskPort) -> None:
    """Store lines as they come, until cancelled or until the lease is lost."""
    while True:
        await port.dirty.wait()
        await asyncio.sleep(INTERVAL)
        try:
            if not await flush(database, port):
                return
        except TROUBLE as error:
            log.warning("log_write_failed", error=repr(error)[:200])
            port.dirty.set()
            await asyncio.sleep(RETRY)


async def flush(database: Database, port: TaskPort) -> bool:
    """Store all lines that are there; False when the lease is lost."""
    port.dirty.clear()
    while True:
        lines = port.unstored(BATCH)
        progress, waiting = port.progress_text, port.waiting

        async def work(
            conn: AsyncConnection,
            lines: list[runs.Line] = lines,
            progress: str | None = progress,
            waiting: tuple[str, ...] = waiting,
        ) -> bool:
            return await runs.append_log(conn, port.claimed, lines, progress, waiting)

        if not await database.run(work):
            port.lose()
            return False
        port.stored(lines)
        if not port.has_lines:
            return True
