"""A proxy that gives every transaction another session is refused, when an instance is tested and before a change."""

from __future__ import annotations

from dataclasses import replace

import asyncpg
import pytest

from penstock.engines.base import Engine, Target
from penstock.engines.postgres.connect import connect_failure
from tests.engines.conftest import change
from tests.engines.postgres.pooler import Pooler
from tests.engines.postgres.test_once import exists, versions
from tests.engines.recorder import Recorder


@pytest.mark.parametrize("last_first", [True, False], ids=["last-first", "first-first"])
async def test_a_transaction_pooling_proxy_is_refused(
    last_first: bool, engine: Engine, target: Target, database: asyncpg.Connection
) -> None:
    async with Pooler(target.host, target.port, last_first=last_first).listening() as pooler:
        through = replace(target, host="127.0.0.1", port=pooler.port)
        report = await engine.test(through)
        failed = report.steps[-1]
        assert (failed.name, failed.ok) == ("version", False) and "transaction-pooling" in failed.detail
        for text in ("CREATE TABLE t ()", "VACUUM"):
            result = await engine.apply(through, change(text), Recorder())
            assert result.failure is not None and (result.state, result.sent) == ("failed", False)
            assert (result.failure.code, result.failure.retry) == ("transaction_pooling", "no")
    assert not await exists(database, "t") and not await exists(database, "penstock.ledger")


async def test_a_session_pooling_proxy_is_fine(engine: Engine, target: Target, database: asyncpg.Connection) -> None:
    async with Pooler(target.host, target.port, by_session=True).listening() as pooler:
        through = replace(target, host="127.0.0.1", port=pooler.port)
        report = await engine.test(through)
        assert all(step.ok for step in report.steps), report.steps
        result = await engine.apply(through, change("CREATE TABLE t (a int)"), Recorder())
        assert result.state == "applied", result.failure
        result = await engine.apply(through, change("CREATE INDEX CONCURRENTLY i ON t (a)", "2"), Recorder())
        assert result.state == "applied", result.failure
        waiting = Recorder(seconds=1)
        stopped = await engine.apply(through, change("SELECT pg_sleep(60)", "3"), waiting)
        assert stopped.failure is not None and stopped.failure.kind == "timeout", "its session is found, and ended"
    assert await versions(database) == ["1", "2"]


def test_a_proxy_that_refuses_our_settings_is_not_asked_again(target: Target) -> None:
    """PgBouncer's own words, when it is not told to pass settings over."""
    error = asyncpg.ProtocolViolationError("unsupported startup parameter: client_connection_check_interval")
    failure = connect_failure(target, error)
    assert failure.retry == "no" and "ignore_startup_parameters" in (failure.hint or "")
    assert connect_failure(target, asyncpg.ProtocolViolationError("something else")).retry == "connect"
