"""The one live stream of a browser: Server-Sent Events that can be resumed, and that end when access does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from penstock.domain.access.decide import Principal, allowed
from penstock.domain.events import ACCESS_CHANGED
from penstock.services.container import Services
from penstock.services.event_hub import Subscription
from penstock.store.events import may_see
from penstock.store.rows import Record
from penstock.web.auth import Credential
from penstock.web.present import present
from penstock.web.schemas.catalog import EventOut

_PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class StreamPolicy:
    """How a stream keeps itself honest.

    Args:
        heartbeat: seconds of silence after which a comment is sent, so that proxies keep the connection.
        recheck: seconds after which session and permission are looked up again.
    """

    heartbeat: float = 15.0
    recheck: float = 30.0


class EventStream:
    """The events that one caller may see, from a position on.

    Args:
        after: the last position that the client has; None begins with the next event.
        stopping: set when the process stops.
    """

    def __init__(
        self,
        services: Services,
        principal: Principal,
        credential: Credential,
        *,
        after: int | None,
        stopping: asyncio.Event,
        policy: StreamPolicy,
    ) -> None:
        self._services = services
        self._principal = principal
        self._credential = credential
        self._after = after
        self._stopping = stopping
        self._policy = policy
        self._checked = time.monotonic()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Frames of ``text/event-stream``: what was missed, then what happens, until access or the process
        ends."""
        with self._services.hub.subscribe() as subscription:
            yield b": penstock events\nretry: 2000\n\n"
            sent = subscription.position if self._after is None else self._after
            while sent < subscription.position:
                missed, sent = await self._services.events.page(self._principal, after=sent, limit=_PAGE)
                for earlier in missed:
                    yield frame(earlier)
            ended = [asyncio.create_task(event.wait()) for event in (self._stopping, subscription.lagging)]
            try:
                while not any(task.done() for task in ended):
                    record = await self._next(subscription, ended)
                    if not await self._still_allowed(record):
                        return
                    if record is None:
                        yield b": \n\n"
                    elif record["position"] is None or record["position"] > sent:
                        sent = record["position"] or sent
                        if may_see(self._principal, record):
                            yield frame(record)
            finally:
                for task in ended:
                    task.cancel()

    async def _next(self, subscription: Subscription, ended: Sequence[asyncio.Task[Any]]) -> Record | None:
        """The next record; None when it is time for a heartbeat or an end."""
        coming = asyncio.create_task(subscription.queue.get())
        try:
            await asyncio.wait([coming, *ended], timeout=self._policy.heartbeat, return_when=asyncio.FIRST_COMPLETED)
            return coming.result() if coming.done() else None
        finally:
            coming.cancel()

    async def _still_allowed(self, record: Record | None) -> bool:
        due = time.monotonic() - self._checked > self._policy.recheck
        if not due and (record is None or record["type"] != ACCESS_CHANGED):
            return True
        self._checked = time.monotonic()
        principal = await self._credential.recheck(self._services, self._principal)
        if principal is None or not allowed(principal, "event.read"):
            return False
        self._principal = principal
        return True


def frame(record: Record) -> bytes:
    """One event as a frame; a LOG_APPENDED has no position and so no id."""
    if record["position"] is None:
        body = msgspec.json.encode({key: record[key] for key in ("type", "pipeline", "data")})
        return f"event: {record['type']}\ndata: ".encode() + body + b"\n\n"
    head = f"id: {record['position']}\nevent: {record['type']}\ndata: ".encode()
    return head + msgspec.json.encode(present(EventOut, record)) + b"\n\n"
