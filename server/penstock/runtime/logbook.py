"""Stores what a run logs while it runs, in batches: at most four writes a second, however chatty the script.

A line is kept until it is stored; while the metadata database does not answer, lines gather.
"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from penstock.runtime.metadata import Metadata
from penstock.runtime.port import TaskPort
from penstock.store.database import TROUBLE

INTERVAL: Final = 0.25
RETRY: Final = 2.0
BATCH: Final = 500

log = structlog.get_logger(__name__)


async def keep(metadata: Metadata, port: TaskPort) -> None:
    """Store lines as they come, until cancelled or until the lease is lost."""
    while True:
        await port.dirty.wait()
        await asyncio.sleep(INTERVAL)
        try:
            if not await flush(metadata, port):
                return
        except TROUBLE as error:
            log.warning("log_write_failed", error=repr(error)[:200])
            port.dirty.set()
            await asyncio.sleep(RETRY)


async def flush(metadata: Metadata, port: TaskPort) -> bool:
    """Store all lines that are there; False when the lease is lost."""
    port.dirty.clear()
    while True:
        lines = port.unstored(BATCH)
        if not await metadata.append_log(port.claimed, lines, port.progress_text, port.waiting):
            port.lose()
            return False
        port.stored(lines)
        if not port.has_lines:
            return True
