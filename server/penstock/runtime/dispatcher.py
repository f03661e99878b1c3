"""Tells the outside: makes deliveries of new events, and tries those that are due.

At least once, never in the way: whatever a receiver does, or its sender raises, is written down and tried again, and
the pipeline that it is about knows nothing of it.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import events
from penstock.domain.plugins import COMMIT_STATUS, Kind, next_delay
from penstock.plugins.base import Message, Outcome, Receiver, Sender
from penstock.services import metrics
from penstock.services.secrets import SecretUnreadable
from penstock.store import outbox, plugins
from penstock.store.database import Database

log = structlog.get_logger(__name__)

AT_ONCE: Final = 16
LONGEST: Final = 30.0  # a sender has limits of its own; this one is for those that forget them


class Dispatcher:
    """One round handles one batch.

    Args:
        open_secret: opens a plugin's sealed secret.
        public_url: where people reach this installation, for links.
    """

    def __init__(
        self,
        database: Database,
        senders: Mapping[Kind, Sender],
        open_secret: Callable[[int, bytes], str],
        public_url: str | None,
    ) -> None:
        self._database = database
        self._senders = senders
        self._open = open_secret
        self._public_url = public_url.rstrip("/") if public_url else None

    async def round(self) -> bool:
        """Returns whether there is more to do at once."""
        behind = await self._database.run(plugins.spread)
        due = await self._database.run(lambda conn: plugins.claim(conn, AT_ONCE))
        await asyncio.gather(*(self._deliver(d) for d in due))
        return behind or len(due) == AT_ONCE

    async def _deliver(self, due: plugins.Due) -> None:
        begun = time.monotonic()
        outcome = Outcome() if await self._is_outdated(due) else await self._try(due)
        ms = round((time.monotonic() - begun) * 1000)
        metrics.deliveries.labels(outcome="delivered" if outcome.delivered else "failed").inc()
        await self._database.run(lambda conn: self._settle(conn, due, outcome, ms))

    async def _is_outdated(self, due: plugins.Due) -> bool:
        """Whether a later word took the place of this one: sent now, it would take the place of that."""
        if due.plugin["kind"] != COMMIT_STATUS:
            return False
        async with self._database.connect() as conn:
            return await plugins.is_outdated(conn, due)

    async def _try(self, due: plugins.Due) -> Outcome:
        plugin = due.plugin
        try:
            receiver = Receiver(plugin["settings"], self._secrets(plugin))
            message = Message(f"msg_{due.message_id.hex}", dt.datetime.now(dt.UTC), due.event, self._link(due.event))
            async with asyncio.timeout(LONGEST):
                return await self._senders[plugin["kind"]].send(receiver, message)
        except TimeoutError:
            return Outcome(error=f"No answer within {LONGEST:.0f} s.")
        except SecretUnreadable as error:
            return Outcome(error=str(error))
        except Exception as error:  # a plugin may raise anything; it is told, and harms nobody else
            log.exception("plugin_raised", plugin=plugin["id"], delivery=due.id)
            return Outcome(error=f"The plugin failed: {type(error).__name__}.")

    def _secrets(self, plugin: Mapping[str, Any]) -> tuple[str, ...]:
        sealed = [plugin["secret"]] if plugin["secret"] is not None else []
        if plugin["old_secret"] is not None and plugin["old_secret_until"] > dt.datetime.now(dt.UTC):
            sealed.append(plugin["old_secret"])
        return tuple(self._open(plugin["id"], s) for s in sealed)

    def _link(self, event: Mapping[str, Any]) -> str | None:
        return f"{self._public_url}/issues/{event['issue']}" if self._public_url and event.get("issue") else None

    async def _settle(self, conn: AsyncConnection, due: plugins.Due, outcome: Outcome, ms: int) -> None:
        if outcome.gone:
            await plugins.lock(conn, due.plugin["id"])  # before its message, as who removes it does
        told = {"last_status": outcome.status, "last_error": outcome.error, "last_ms": ms}
        if outcome.delivered:
            ended = {"status": "delivered", "ended_at": sa.func.statement_timestamp()}
            await plugins.settle(conn, due, told | ended)
            return
        delay = None if outcome.gone or outcome.hopeless else next_delay(due.attempts, outcome.retry_after)
        if delay is None:
            values = {"status": "dead", "ended_at": sa.func.statement_timestamp()}
        else:
            values = {"next_at": sa.func.statement_timestamp() + delay}
        if not await plugins.settle(conn, due, told | values):
            return
        if outcome.gone:
            reason = "The receiver answered 410: it never wants to hear of us again."
            await plugins.update(conn, due.plugin["id"], {"enabled": False, "disabled_reason": reason})
        if due.attempts == 1 or delay is None:
            about = {"plugin": due.plugin["id"], "name": due.plugin["name"], "delivery": due.id}
            data = {**about, "error": outcome.error, "given_up": delay is None}
            error = outbox.NewEvent(events.PLUGIN_ERROR, project_id=due.plugin["project_id"], data=data)
            await outbox.append(conn, [error])
