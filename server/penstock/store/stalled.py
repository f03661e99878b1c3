"""Sessions of ours whose client fell silent in the midst of saying something: paused, cut off, or gone without a word.

The server ends a transaction that lies idle (``idle_in_transaction_session_timeout``), but one is not idle between the
messages that prepare a statement and those that run it, and no timeout of a server before PostgreSQL 17 looks at it
then: it would keep its locks until the network gives the connection up, which takes hours.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.store.database import OURS

_END: Final = sa.text("""
    SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user AND application_name = :ours
    AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
    AND state = 'active' AND wait_event = 'ClientRead' AND state_change < clock_timestamp() - :silent
""").bindparams(sa.bindparam("silent", type_=sa.Interval), ours=OURS)


async def end(conn: AsyncConnection, seconds: float) -> int:
    """End those that have been silent for so long, and with them their transactions; answers how many."""
    return int(await conn.scalar(_END, {"silent": dt.timedelta(seconds=seconds)}) or 0)
