"""Looks at the whole installation now and then, for the gauges that no single process could count."""

from __future__ import annotations

from typing import Final

from penstock.services import metrics
from penstock.store.census import census
from penstock.store.database import Database

EVERY_SECONDS: Final = 10.0


class Gauges:
    """One round looks once.

    Args:
        lease_seconds: a runner that was silent for longer does not count.
    """

    def __init__(self, database: Database, *, lease_seconds: float) -> None:
        self._database = database
        self._lease_seconds = lease_seconds

    async def round(self) -> bool:
        """Returns False: there is never more to do at once."""
        seen = await census(self._database, self._lease_seconds)
        for state in ("claimable", "ready", "active"):
            metrics.queue_tasks.labels(state=state).set(seen[state])
        metrics.queue_age.set(seen["oldest"])
        metrics.leases_expired.set(seen["expired"])
        metrics.unknown_outcomes.set(seen["unknown"])
        metrics.drifts.set(seen["drifts"])
        metrics.runners.set(seen["runners"])
        metrics.outbox_events.set(seen["unstamped"])
        metrics.outbox_lag.set(seen["lag"])
        return False
