"""What time it is on a PostgreSQL server."""

from __future__ import annotations

from datetime import datetime

from penstock.engines.base import Target, TargetUnavailable
from penstock.engines.postgres.connect import OWN_SECONDS, connect_failure, open_connection
from penstock.engines.postgres.line import BROKEN


async def read(target: Target) -> datetime:
    """See `penstock.engines.base.Engine.clock`."""
    connection = await open_connection(target)
    try:
        now: datetime = await connection.fetchval("SELECT pg_catalog.clock_timestamp()", timeout=OWN_SECONDS)
        return now
    except BROKEN as error:
        raise TargetUnavailable(connect_failure(target, error)) from error
    finally:
        connection.terminate()
