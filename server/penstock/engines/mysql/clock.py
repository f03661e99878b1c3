"""What time it is on a MySQL or MariaDB server."""

from __future__ import annotations

from datetime import UTC, datetime

from penstock.engines.base import Target, TargetUnavailable
from penstock.engines.mysql.connect import connect_failure, open_connection
from penstock.engines.mysql.driver import BROKEN


async def read(target: Target) -> datetime:
    """See `penstock.engines.base.Engine.clock`."""
    connection = await open_connection(target)
    try:
        now: datetime = await connection.value("SELECT UTC_TIMESTAMP(6)")
        return now.replace(tzinfo=UTC)
    except BROKEN as error:
        raise TargetUnavailable(connect_failure(target, error)) from error
    finally:
        connection.close()
