"""What is in the queue and around it, of the whole installation: for gauges, read in one statement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.store.database import Database
from penstock.store.direct import Statement
from penstock.store.tables.pipelines import UNKNOWN

# Each part is as large as a partial index, none as large as the history.
_CENSUS: Final = Statement(
    f"""
    SELECT
        (SELECT count(*) FROM task WHERE claimable) AS claimable,
        (SELECT count(*) FROM task WHERE status = 'ready' AND NOT claimable) AS ready,
        (SELECT count(*) FROM task WHERE lease_until IS NOT NULL) AS active,
        (SELECT count(*) FROM task WHERE lease_until < statement_timestamp()) AS expired,
        (SELECT count(*) FROM task WHERE {UNKNOWN}) AS unknown,
        (SELECT count(*) FROM drift WHERE status = 'open') AS drifts,
        (SELECT coalesce(greatest(extract(epoch FROM statement_timestamp() - min(run_at)), 0), 0)::float8
         FROM task WHERE claimable) AS oldest,
        (SELECT count(*) FROM runner WHERE NOT draining
            AND beat_at > statement_timestamp() - make_interval(secs => CAST(:lease_seconds AS float8))) AS runners,
        (SELECT count(*) FROM event WHERE position IS NULL) AS unstamped,
        (SELECT coalesce(greatest(extract(epoch FROM clock_timestamp() - min(created_at)), 0), 0)::float8
         FROM event WHERE position IS NULL) AS lag
    """
)


async def census(database: Database, lease_seconds: float) -> Mapping[str, float]:
    """What is in the queue, and around it: how many tasks are claimable, ready, active, expired, unknown; seconds that
    the oldest claimable one has been due; drifts that are open; runners that live; events without a position, and
    seconds of the oldest."""
    [row] = await database.ask(_CENSUS, {"lease_seconds": lease_seconds})
    return dict(row)
