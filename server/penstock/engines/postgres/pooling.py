"""Tells a proxy that gives every transaction another session: behind it no lock of a session is one."""

from __future__ import annotations

from typing import Final

import asyncpg

from penstock.engines.base import Failure, TargetUnavailable

_SECONDS: Final = 10.0
_PID: Final = "SELECT pg_catalog.pg_backend_pid()"
# What the server says when a statement was prepared in another session than it is run in.
NO_SUCH_STATEMENT: Final = "26000"


async def refuse_pooling(one: asyncpg.Connection, other: asyncpg.Connection) -> None:
    """Hold transactions on two connections, end them, and look whether each gets its session back.

    Both orders of ending are tried, so a pool is seen whether it hands out first what came back first or last.

    Raises:
        TargetUnavailable: ``transaction_pooling``.
        asyncpg.PostgresError, OSError, TimeoutError: as the server and the network do.
    """
    first = [await _begin(one), await _begin(other)]
    for order in ((one, other), (other, one)):
        for connection in order:
            await connection.execute("COMMIT", timeout=_SECONDS)
        if [await _begin(one), await _begin(other)] != first:
            raise TargetUnavailable(
                Failure(
                    "infrastructure",
                    "transaction_pooling",
                    "A transaction-pooling proxy is in front of the server: it gives each transaction another session.",
                    hint="Connect to the server itself, or through a pool of the proxy's that keeps sessions.",
                )
            )
    for connection in (one, other):
        await connection.execute("COMMIT", timeout=_SECONDS)


async def _begin(connection: asyncpg.Connection) -> int:
    await connection.execute("BEGIN", timeout=_SECONDS)
    return int(await connection.fetchval(_PID, timeout=_SECONDS))
