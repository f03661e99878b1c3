"""Reads each new event once per process and hands it to every stream: one LISTEN connection, however many
browsers.

Notifications only make it quick: new positions are also polled for, so a lost connection loses nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
import structlog

from penstock.domain.events import LOG_APPENDED
from penstock.store import events
from penstock.store.database import TROUBLE, Database, driver_dsn
from penstock.store.rows import Record

EVENTS_CHANNEL: Final = "penstock_events"
LOGS_CHANNEL: Final = "penstock_logs"
POLL_SECONDS: Final = 2.0
# Four LOG_APPENDED a second and run are enough for a person to read along.
LOG_SECONDS: Final = 0.25
_BATCH: Final = 500
_QUEUE: Final = 1_000
_KNOWN_PIPELINES: Final = 10_000

log = structlog.get_logger(__name__)


@dataclass(eq=False)
class Subscription:
    """What one stream has yet to send.

    Args:
        position: where the hub was when the subscription began; earlier events come from the database.
        queue: events and LOG_APPENDED records, which have no position.
        lagging: set when the reader was too slow; it must end, and its client resumes from the last position
            it got.
    """

    position: int
    queue: asyncio.Queue[Record] = field(default_factory=lambda: asyncio.Queue(_QUEUE))
    lagging: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, record: Record) -> None:
        """Queue a record unless the reader is too slow."""
        if self.lagging.is_set():
            return
        try:
            self.queue.put_nowait(record)
        except asyncio.QueueFull:
            self.lagging.set()


class EventHub:
    """Fans events out to the streams of this process; runs between `start` and `stop`."""

    def __init__(self, database: Database, *, poll_seconds: float = POLL_SECONDS) -> None:
        self._database = database
        self._poll_seconds = poll_seconds
        self._subscriptions: set[Subscription] = set()
        self._position = 0
        self._wake = asyncio.Event()
        self._logs: dict[int, Record] = {}
        self._logs_wake = asyncio.Event()
        self._projects: dict[int, int | None] = {}
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def position(self) -> int:
        """The newest position that was handed out."""
        return self._position

    async def start(self) -> None:
        """Begin at the newest position that there is."""
        async with self._database.connect() as conn:
            self._position = await events.last_position(conn)
        self._tasks = [asyncio.create_task(work()) for work in (self._listen, self._read, self._send_logs)]

    async def stop(self) -> None:
        """End; streams are ended by whoever serves them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    @contextlib.contextmanager
    def subscribe(self) -> Iterator[Subscription]:
        """Receive every record from now on."""
        subscription = Subscription(self._position)
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    async def _read(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._poll_seconds):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self._read_new()
            except TROUBLE as error:
                log.warning("events_not_read", error=type(error).__name__)

    async def _read_new(self) -> None:
        while True:
            async with self._database.connect() as conn:
                batch = await events.between(conn, self._position, _BATCH)
            for record in batch:
                self._position = record["position"]
                self._fan_out(record)
            if len(batch) < _BATCH:
                return

    async def _listen(self) -> None:
        while True:
            try:
                async with self._listening() as connection:
                    self._wake.set()  # whatever was announced while nobody listened
                    while not connection.is_closed():
                        await asyncio.sleep(self._poll_seconds)
                        await connection.execute("SELECT 1")  # a dead peer shows only when spoken to
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
                log.warning("events_not_heard", error=type(error).__name__)
                await asyncio.sleep(self._poll_seconds)

    @contextlib.asynccontextmanager
    async def _listening(self) -> AsyncIterator[asyncpg.Connection]:
        settings = {"application_name": "penstock listener"}
        connection = await asyncpg.connect(driver_dsn(self._database.url), timeout=10, server_settings=settings)
        try:
            await connection.add_listener(EVENTS_CHANNEL, self._on_event)
            await connection.add_listener(LOGS_CHANNEL, self._on_log)
            yield connection
        finally:
            connection.terminate()

    def _on_event(self, *_: Any) -> None:
        self._wake.set()

    def _on_log(self, _connection: Any, _pid: int, _channel: str, payload: str) -> None:
        """``run_id:task_id:pipeline_id:last_seq``; only the newest of a run is kept until it is sent."""
        try:
            run, task, pipeline, last_seq = (int(part) for part in payload.split(":"))
        except ValueError:
            log.warning("log_notice_not_understood", payload=payload)
            return
        data = {"run": run, "task": task, "last_seq": last_seq}
        self._logs[run] = {"type": LOG_APPENDED, "pipeline": pipeline, "position": None, "data": data}
        self._logs_wake.set()

    async def _send_logs(self) -> None:
        while True:
            await self._logs_wake.wait()
            self._logs_wake.clear()
            waiting, self._logs = self._logs, {}
            try:
                for record in waiting.values():
                    project_id = await self._project_of(record["pipeline"])
                    self._fan_out(record | {"project_id": project_id})
            except TROUBLE as error:
                # The log itself is in the database: the next notice of the run brings readers up to date.
                log.warning("log_notices_dropped", error=type(error).__name__)
            await asyncio.sleep(LOG_SECONDS)

    async def _project_of(self, pipeline_id: int) -> int | None:
        if pipeline_id not in self._projects:
            async with self._database.connect() as conn:
                found = await events.project_of_pipeline(conn, pipeline_id)
            if len(self._projects) >= _KNOWN_PIPELINES:
                self._projects.clear()
            self._projects[pipeline_id] = found
        return self._projects[pipeline_id]

    def _fan_out(self, record: Record) -> None:
        for subscription in self._subscriptions:
            subscription.offer(record)
