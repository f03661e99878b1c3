"""Waking loops up by LISTEN/NOTIFY.  It shortens latency and never carries truth: every loop also polls.

One direct connection, pinged, reconnected with back-off; after a reconnect every listener is woken, for what was
missed.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Any, Final

import asyncpg
import structlog

log = structlog.get_logger(__name__)

PING_SECONDS: Final = 10.0
RETRY_SECONDS: Final = (0.2, 5.0)


class Wakeup:
    """Listens on channels of the metadata database.

    Args:
        dsn: for asyncpg.
        handlers: channel -> what to do with a payload; also called with an empty payload after a reconnect.
    """

    def __init__(self, dsn: str, handlers: Mapping[str, Callable[[str], None]]) -> None:
        self._dsn = dsn
        self._handlers = handlers

    async def run(self) -> None:
        """Listen until cancelled."""
        delay = RETRY_SECONDS[0]
        while True:
            try:
                connection = await asyncpg.connect(self._dsn, server_settings={"application_name": "penstock-listen"})
                try:
                    for channel in self._handlers:
                        await connection.add_listener(channel, self._heard)
                    for handler in self._handlers.values():
                        handler("")
                    delay = RETRY_SECONDS[0]
                    while not connection.is_closed():
                        await asyncio.sleep(PING_SECONDS)
                        await connection.execute("SELECT 1", timeout=PING_SECONDS)
                finally:
                    connection.terminate()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
                log.warning("wakeup_connection_lost", error=type(error).__name__, retry_seconds=delay)
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # jitter, not a secret
            delay = min(delay * 2, RETRY_SECONDS[1])

    def _heard(self, _connection: Any, _pid: int, channel: str, payload: str) -> None:
        self._handlers[channel](payload)
