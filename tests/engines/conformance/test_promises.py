"""What every engine promises, whatever its transactions can do: the same tests, in each engine's own words.

Its neighbours here go deeper into PostgreSQL; those in ``tests/engines/mysql`` into MariaDB.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from penstock.engines.base import ApplyResult, LeaseLost, TargetUnavailable, application_name
from tests.engines import dialects
from tests.engines.conftest import change
from tests.engines.dialects import Dialect
from tests.engines.recorder import Recorder
from tests.mariadb_server import mariadb_database as mariadb_database
from tests.mariadb_server import mariadb_server as mariadb_server
from tests.waiting import eventually

TWO = "INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)"


@pytest.fixture(params=["postgres", "mariadb"])
def dialect(request: pytest.FixtureRequest) -> Dialect:
    """The engine under test."""
    if request.param == "postgres":
        return dialects.postgres(request.getfixturevalue("postgres_server"), request.getfixturevalue("fresh_database"))
    return dialects.mariadb(request.getfixturevalue("mariadb_server"), request.getfixturevalue("mariadb_database"))


@pytest.fixture
async def on(dialect: Dialect) -> Dialect:
    """The engine under test, with a table ``t`` to change."""
    await dialect.query("CREATE TABLE t (a int)")
    return dialect


async def apply(on: Dialect, statement: str, port: Recorder | None = None, **other: Any) -> ApplyResult:
    return await on.engine.apply(on.target, change(statement, **other), port or Recorder())


async def test_a_change_is_applied_once_with_its_ledger_row(on: Dialect) -> None:
    port = Recorder()
    first, second = await apply(on, TWO, port), await apply(on, TWO)
    assert (first.state, first.statements_run, first.statements_total, first.sent) == ("applied", 2, 2, True)
    assert (second.state, second.sent) == ("already_applied", False)
    assert port.steps == [(0, 2, 1), (1, 2, 1)] and port.asked == 2
    assert first.ledger == second.ledger and first.ledger is not None
    assert (first.ledger.run, first.ledger.statement_count) == ("run-1", 2)
    assert await on.count() == 2 and await on.versions() == ["1"]


async def test_definitions_are_applied_once(on: Dialect) -> None:
    text = "CREATE TABLE u (a int); INSERT INTO u VALUES (1); ALTER TABLE u ADD b int"
    assert (await apply(on, text)).state == "applied"
    assert (await apply(on, text)).state == "already_applied" and await on.count("u") == 1


async def test_other_bytes_of_a_version_are_a_conflict(on: Dialect) -> None:
    await apply(on, TWO)
    result = await apply(on, "DROP TABLE t")
    assert result.failure is not None and result.ledger is not None
    assert (result.state, result.failure.kind, result.sent) == ("failed", "version_conflict", False)
    assert await on.count() == 2


async def test_bytes_that_were_not_approved_are_never_sent(on: Dialect) -> None:
    result = await apply(on, TWO, change_digest=change("SELECT 1").change_digest)
    assert result.failure is not None and (result.failure.kind, result.sent) == ("tampered", False)


async def test_a_failure_in_rows_leaves_nothing_and_says_where(on: Dialect) -> None:
    result = await apply(on, "INSERT INTO t VALUES (1);\nINSERT INTO nowhere VALUES (2)")
    assert result.failure is not None
    assert (result.state, result.failure.kind, result.failure.statement_index) == ("failed", "statement", 1)
    assert result.failure.line == 2 and await on.count() == 0 and await on.versions() == []


async def test_after_a_failure_the_corrected_change_applies(on: Dialect) -> None:
    assert (await apply(on, "INSERT INTO t VALUES (nope)")).state == "failed"
    assert (await apply(on, TWO)).state == "applied" and await on.versions() == ["1"]


@pytest.mark.parametrize(("what", "code"), [("begin", "transaction_control"), ("tamper", "session_tampering")])
async def test_what_a_change_may_not_contain_is_refused_before_any_of_it_is_sent(
    what: str, code: str, on: Dialect
) -> None:
    result = await apply(on, f"{TWO};\n {getattr(on, what)}")
    assert result.failure is not None and not result.sent
    assert (result.failure.code, result.failure.line, result.failure.column) == (code, 2, 2)


@pytest.mark.parametrize(("query", "state"), [("SELECT count(*) = 2 FROM t", "applied"), ("SELECT a FROM t", "failed")])
async def test_checks_decide_whether_rows_stay(query: str, state: str, on: Dialect) -> None:
    result = await apply(on, TWO, verify=[query])
    assert result.state == state and await on.count() == (2 if state == "applied" else 0)


async def test_ten_at_once_apply_it_once(on: Dialect) -> None:
    results = await asyncio.gather(*(apply(on, TWO, run_id=f"run-{n}", task_id=n) for n in range(10)))
    assert sorted(result.state for result in results) == ["already_applied"] * 9 + ["applied"]
    assert await on.count() == 2


async def _pid(on: Dialect) -> int:
    rows = await eventually(lambda: on.query(on.sleeping), message="our statement to sleep")
    return int(rows[0][0])


async def test_a_cancel_stops_the_statement_and_leaves_nothing(on: Dialect) -> None:
    port = Recorder()
    running = asyncio.create_task(apply(on, f"{TWO}; {on.sleep}", port))
    await _pid(on)
    port.cancel_requested.set()
    result = await running
    assert (result.state, result.failure, result.statements_run) == ("canceled", None, 2)
    assert await on.count() == 0 and await on.versions() == [] and await on.query(on.sleeping) == []


async def test_the_deadline_stops_the_statement(on: Dialect) -> None:
    result = await apply(on, f"{TWO}; {on.sleep}", Recorder(seconds=0.5))
    assert result.failure is not None
    assert (result.state, result.failure.kind, result.failure.code) == ("failed", "timeout", "deadline")
    assert await on.count() == 0 and await on.query(on.sleeping) == []


async def test_a_session_that_is_ended_applied_nothing(on: Dialect) -> None:
    running = asyncio.create_task(apply(on, f"{TWO}; {on.sleep}"))
    await on.query(on.end_session.format(await _pid(on)))
    result = await running
    assert result.failure is not None
    assert (result.state, result.failure.kind, result.failure.retry) == ("failed", "infrastructure", "transaction")
    assert await on.count() == 0 and await on.versions() == []


@pytest.mark.parametrize("call", [1, 2])
async def test_a_lost_lease_rolls_back_and_says_nothing(call: int, on: Dialect) -> None:
    with pytest.raises(LeaseLost):
        await apply(on, TWO, Recorder(lose_lease_at=call))
    assert await on.count() == 0 and (await apply(on, TWO)).state == "applied"


async def test_an_older_attempt_is_ended_and_the_proof_read(on: Dialect) -> None:
    text = f"{TWO}; {on.sleep}"
    zombie = asyncio.create_task(apply(on, text))
    await _pid(on)
    rescuer = replace(on.target, application_name=application_name("test", 1, 2))
    assert await on.engine.proof(rescuer, "shop", "1", change(text).change_digest) == "not_applied"
    assert (await zombie).state == "failed"


async def test_sessions_are_shown_and_can_be_canceled(on: Dialect) -> None:
    running = asyncio.create_task(apply(on, on.sleep))
    pid = await _pid(on)
    [ours] = await on.engine.sessions(on.target, "penstock:test:1:a1")
    assert (ours.pid, ours.database, ours.state) == (pid, on.target.database, "active")
    assert await on.engine.cancel(on.target, "penstock:test:1:a1") == 1
    assert (await running).state == "failed"


async def test_recording_writes_the_row_and_runs_nothing(on: Dialect) -> None:
    async with on.engine.session(on.target) as session:
        row = await session.record(change(TWO))
        assert row == await session.record(change(TWO, run_id="run-2"))
        assert await session.proof("shop", "1", change(TWO).change_digest) == "applied"
        assert await session.proof("shop", "1", "sha256:other") == "conflict"
        assert (await session.apply(change(TWO), Recorder())).state == "already_applied"
    assert await on.count() == 0


async def test_an_unreachable_target_is_no_failure_of_the_change(on: Dialect) -> None:
    result = await on.engine.apply(replace(on.target, port=1), change(TWO), Recorder())
    assert result.failure is not None and not result.sent
    assert (result.failure.code, result.failure.retry) == ("target_unreachable", "connect")
    with pytest.raises(TargetUnavailable):
        await on.engine.introspect(replace(on.target, port=1))


async def test_an_instance_is_tested_and_read(on: Dialect) -> None:
    report = await on.engine.test(on.target)
    assert [step.name for step in report.steps] == ["dns", "tcp", "tls", "login", "version", "privileges"]
    assert all(step.ok for step in report.steps) and report.authenticated
    found = next(d for d in await on.engine.introspect(on.target) if d.name == on.target.database)
    assert [r.name for s in found.schemas for r in s.relations] == ["t"]
    assert on.engine.capabilities.transactional_ddl is (on.engine.name == "postgres")
