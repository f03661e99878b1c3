"""A run's log as Server-Sent Events, for the command line; browsers are told on their one shared stream to fetch it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import msgspec

from penstock.domain.access.decide import Principal
from penstock.domain.errors import NotFound
from penstock.domain.events import LOG_APPENDED
from penstock.services.container import Services
from penstock.web.auth import Credential
from penstock.web.present import present
from penstock.web.schemas.issues import LogLine

_PAGE: Final = 1_000
# The end of a run is told by its task's events; this is for what they do not tell.
_PATIENCE_SECONDS: Final = 5.0


async def log_lines(
    services: Services,
    principal: Principal,
    credential: Credential,
    *,
    run_id: int,
    after: int,
    stopping: asyncio.Event,
) -> AsyncIterator[bytes]:
    """Frames of ``text/event-stream``: a ``line`` each with its sequence number as id, and ``end`` after the last.

    Args:
        after: the last sequence number that the client has.
        stopping: set when the process stops: then the stream ends without ``end``.
    """
    with services.hub.subscribe() as subscription:
        while not stopping.is_set():
            try:
                page = await services.pipelines.log(principal, run_id, after=after, limit=_PAGE)
            except NotFound:  # access ended meanwhile
                return
            for line in page["items"]:
                body = msgspec.json.encode(present(LogLine, line))
                yield f"id: {line['seq']}\nevent: line\ndata: ".encode() + body + b"\n\n"
            after = page["next_after"]
            if page["ended"]:
                yield b"event: end\ndata: {}\n\n"
                return
            if not page["items"]:
                if not await _woken(subscription.queue, run_id):
                    yield b": \n\n"
                renewed = await credential.recheck(services, principal)
                if renewed is None:
                    return
                principal = renewed


async def _woken(queue: asyncio.Queue[dict[str, object]], run_id: int) -> bool:
    """Wait until something happened that may concern the run, at most for a while."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                record = await queue.get()
                data = record["data"]
                appended = record["type"] == LOG_APPENDED
                if not appended or (isinstance(data, dict) and data.get("run") == run_id):
                    return True
    except TimeoutError:
        return False
