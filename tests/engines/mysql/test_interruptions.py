"""Cancels, deadlines, lost leases, lost connections, crashes: whatever happens, what is reported is true."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from penstock.engines.base import Engine, LeaseLost, Target, TargetUnavailable, application_name
from penstock.engines.mysql import activity, ledger
from penstock.engines.mysql.driver import Connection
from penstock.engines.mysql.fingerprint import fingerprint, fingerprint_of_absence
from penstock.engines.mysql.journal import Journal
from penstock.engines.mysql.plan import make_plan
from tests.engines.conftest import Apply, change
from tests.engines.mysql.test_once import count, journal, tables, versions
from tests.engines.proxy import Loss, Proxy
from tests.engines.recorder import Recorder
from tests.waiting import eventually

SLOW = "INSERT INTO t VALUES (1); INSERT INTO t SELECT SLEEP(60); INSERT INTO t VALUES (3)"
COMMIT = b"\x03COMMIT"


@pytest.fixture(autouse=True)
async def table(inside: Connection) -> None:
    """A table to change."""
    await inside.run("CREATE TABLE t (a int)")


async def sleeping_pid(inside: Connection, database: str) -> int:
    query = (
        f"SELECT ID FROM information_schema.PROCESSLIST WHERE DB = '{database}' AND STATE = 'User sleep'"
        " AND ID <> CONNECTION_ID()"
    )
    return int(await eventually(lambda: inside.value(query), message="our statement to sleep"))


async def test_a_cancel_stops_the_statement_and_leaves_nothing(
    apply: Apply, inside: Connection, mariadb_database: str
) -> None:
    port = Recorder()
    running = asyncio.create_task(apply(SLOW, port))
    await sleeping_pid(inside, mariadb_database)
    port.cancel_requested.set()
    result = await running
    assert (result.state, result.failure, result.statements_run) == ("canceled", None, 1)
    assert await count(inside) == 0 and await versions(inside, mariadb_database) == []


async def test_a_cancel_before_the_start_sends_nothing(apply: Apply) -> None:
    port = Recorder()
    port.cancel_requested.set()
    result = await apply(SLOW, port)
    assert (result.state, result.sent) == ("canceled", False)


async def test_the_deadline_stops_the_statement(apply: Apply, inside: Connection, mariadb_database: str) -> None:
    result = await apply(SLOW, Recorder(seconds=0.5))
    assert result.state == "failed" and result.failure is not None
    assert (result.failure.kind, result.failure.code) == ("timeout", "deadline")
    assert await count(inside) == 0 and await versions(inside, mariadb_database) == []


async def test_a_definition_that_is_canceled_while_it_waits_can_be_tried_again(
    apply: Apply, inside: Connection, bystander: Connection, mariadb_database: str
) -> None:
    await bystander.run("LOCK TABLES t READ")
    port = Recorder()
    text = "CREATE TABLE u (a int); ALTER TABLE t ADD b int"
    running = asyncio.create_task(apply(text, port, lock_timeout=30))
    await eventually(
        lambda: inside.value(f"""
        SELECT 1 FROM information_schema.PROCESSLIST
        WHERE DB = '{mariadb_database}' AND STATE = 'Waiting for table metadata lock'""")
    )
    port.cancel_requested.set()
    assert (await running).state == "canceled"
    assert await journal(inside, mariadb_database) == [("1", 0, "done"), ("1", 1, "failed")]
    await bystander.run("UNLOCK TABLES")
    assert (await apply(text)).state == "applied"


async def test_a_locked_table_is_tried_again_until_it_is_free(
    apply: Apply, inside: Connection, bystander: Connection, mariadb_database: str
) -> None:
    await bystander.run("START TRANSACTION")
    await bystander.run("INSERT INTO t VALUES (0)")
    port = Recorder()
    running = asyncio.create_task(apply("ALTER TABLE t ADD b int", port, lock_timeout=1))
    await eventually(lambda: "Trying again" in port.text)
    assert port.waits[0][0].pid == bystander.thread_id()
    await bystander.run("COMMIT")
    result = await running
    assert result.state == "applied" and result.tries > 1, result.failure


async def test_a_locked_row_is_shown_and_times_out(
    apply: Apply, inside: Connection, bystander: Connection, mariadb_database: str
) -> None:
    await inside.run("INSERT INTO t VALUES (0)")
    await inside.run("CREATE TABLE u (a int)")
    await bystander.run("START TRANSACTION")
    await bystander.run("UPDATE t SET a = 1")
    port = Recorder(seconds=2.5)
    result = await apply("INSERT INTO u VALUES (5);\nUPDATE t SET a = 2", port, lock_timeout=1)
    assert result.state == "failed" and result.failure is not None and result.tries > 1
    assert (result.failure.kind, result.failure.code, result.failure.line) == ("timeout", "1205", 2)
    assert port.waits[0][0].pid == bystander.thread_id()
    await bystander.run("ROLLBACK")
    assert await count(inside, "u") == 0 and await versions(inside, mariadb_database) == []


async def test_a_session_ended_during_dml_applied_nothing(
    apply: Apply, inside: Connection, mariadb_database: str
) -> None:
    running = asyncio.create_task(apply(SLOW))
    await inside.run(f"KILL CONNECTION {await sleeping_pid(inside, mariadb_database)}")
    result = await running
    assert result.state == "failed" and result.failure is not None
    assert (result.failure.kind, result.failure.retry) == ("infrastructure", "transaction")
    assert await count(inside) == 0 and await versions(inside, mariadb_database) == []


async def test_a_session_ended_during_a_call_is_unknown(
    apply: Apply, inside: Connection, mariadb_database: str
) -> None:
    await inside.run("CREATE PROCEDURE p() BEGIN INSERT INTO t VALUES (1); COMMIT; DO SLEEP(60); END")
    running = asyncio.create_task(apply("CALL p()"))
    await inside.run(f"KILL CONNECTION {await sleeping_pid(inside, mariadb_database)}")
    result = await running
    assert result.state == "unknown" and result.failure is not None
    assert (result.failure.kind, result.failure.retry) == ("outcome_unknown", "no")
    assert (await apply("CALL p()")).state == "unknown" and await count(inside) == 1


@pytest.mark.parametrize(
    ("text", "meanwhile", "state", "left"),
    [
        ("CREATE TABLE u (a int)", None, "applied", {"t", "u"}),
        ("CREATE TABLE u (a int)", "CREATE TABLE u (a int)", "unknown", {"t", "u"}),
        ("CREATE TABLE IF NOT EXISTS u (a int)", "CREATE TABLE u (a int)", "applied", {"t", "u"}),
        ("DROP TABLE t", None, "applied", set()),
        ("DROP TABLE t", "DROP TABLE t", "applied", set()),
        ("DROP TABLE t", "ALTER TABLE t ADD b int", "unknown", {"t"}),
        ("ALTER TABLE t ADD b int", None, "applied", {"t"}),
        ("ALTER TABLE t ADD b int", "ALTER TABLE t ADD b int", "unknown", {"t"}),
        ("RENAME TABLE t TO u", None, "applied", {"u"}),
        ("TRUNCATE TABLE t", None, "unknown", {"t"}),
        ("ANALYZE TABLE t", None, "applied", {"t"}),
    ],
)
async def test_a_crash_during_a_definition_is_decided_by_what_is_there(
    text: str,
    meanwhile: str | None,
    state: str,
    left: set[str],
    apply: Apply,
    inside: Connection,
    bystander: Connection,
    target: Target,
) -> None:
    """What a runner leaves behind that dies after the intent, before or after its statement."""
    await ledger.create(inside)
    database = target.database or ""
    request = change(text)
    [step] = (await make_plan(request, "mariadb", database)).steps
    found = step.parts[0].found
    before = await fingerprint(inside, database, found.defines) if found.defines else None
    expected = fingerprint_of_absence(found.defines) if found.gone else None
    await Journal(inside, database, request, 0).write(0, step.digest, "intent", before=before, expected=expected)
    if meanwhile:
        await bystander.run(meanwhile)
    result = await apply(text)
    assert result.state == state, result.failure
    assert await tables(inside) == left
    assert (await apply(text)).state == {"applied": "already_applied"}.get(state, state)


async def test_an_unreachable_target_is_no_failure_of_the_change(engine: Engine, target: Target) -> None:
    result = await engine.apply(replace(target, port=1), change("SELECT 1"), Recorder())
    assert result.state == "failed" and result.failure is not None and not result.sent
    assert (result.failure.kind, result.failure.code) == ("infrastructure", "target_unreachable")
    assert result.failure.retry == "connect"


@pytest.mark.parametrize(("loss", "state", "rows"), [("answer", "applied", 1), ("request", "failed", 0)])
async def test_a_lost_commit_is_settled_by_the_ledger(
    loss: Loss, state: str, rows: int, engine: Engine, target: Target, inside: Connection
) -> None:
    proxy, port = Proxy(target.host, target.port, COMMIT), Recorder()
    async with proxy.listening(), engine.session(replace(target, host="127.0.0.1", port=proxy.port)) as session:
        await session.apply(change("SELECT 1", "0"), port)
        proxy.lose(loss)
        result = await session.apply(change("INSERT INTO t VALUES (1)"), port)
        assert proxy.lost.is_set()
        assert result.state == state, result.failure
        assert await count(inside) == rows
        again = await session.apply(change("INSERT INTO t VALUES (1)"), port)
        assert again.state == ("already_applied" if rows else "applied")
    assert await count(inside) == 1


async def test_an_answer_that_the_network_swallows_is_missed(
    engine: Engine, target: Target, inside: Connection
) -> None:
    proxy, port = Proxy(target.host, target.port, COMMIT), Recorder()
    async with proxy.listening(), engine.session(replace(target, host="127.0.0.1", port=proxy.port)) as session:
        await session.apply(change("SELECT 1", "0"), port)
        proxy.lose("silently")
        result = await session.apply(change("INSERT INTO t VALUES (1)"), port)
        assert proxy.lost.is_set() and result.state == "applied", result.failure
    assert await count(inside) == 1


async def test_without_a_proof_the_outcome_is_unknown(
    engine: Engine, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.engines.mysql.apply._PROOF_PATIENCE", 0.5)
    proxy, port = Proxy(target.host, target.port, COMMIT), Recorder(seconds=2)
    async with proxy.listening(), engine.session(replace(target, host="127.0.0.1", port=proxy.port)) as session:
        await session.apply(change("SELECT 1", "0"), port)
        proxy.lose("answer")
        opened = asyncio.create_task(session.apply(change("INSERT INTO t SELECT SLEEP(0.5)"), port))
        await asyncio.wait_for(_sending(port), 5)
        proxy.refusing = True
        result = await opened
        assert result.state == "unknown" and result.failure is not None
        assert (result.failure.kind, result.failure.retry) == ("outcome_unknown", "proof")
        with pytest.raises(TargetUnavailable):
            await session.proof("shop", "1", "sha256:x", wait=0.2)
    assert await engine.proof(target, "shop", "1", change("INSERT INTO t SELECT SLEEP(0.5)").change_digest) == "applied"


async def _sending(port: Recorder) -> None:
    await eventually(lambda: "SLEEP(0.5)" in port.text)


@pytest.mark.parametrize("call", [1, 2])
async def test_a_lost_lease_says_nothing(call: int, apply: Apply, inside: Connection, mariadb_database: str) -> None:
    with pytest.raises(LeaseLost):
        await apply("CREATE TABLE u (a int); INSERT INTO u VALUES (1)", Recorder(lose_lease_at=call))
    assert await versions(inside, mariadb_database) == []
    assert (await apply("CREATE TABLE u (a int); INSERT INTO u VALUES (1)")).state == "applied"
    assert await count(inside, "u") == 1


async def test_a_cancelled_runner_leaves_no_session_behind(
    apply: Apply, inside: Connection, mariadb_database: str
) -> None:
    running = asyncio.create_task(apply(SLOW))
    await sleeping_pid(inside, mariadb_database)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await eventually(lambda: _is_free(inside, mariadb_database), message="our session to end")
    assert await count(inside) == 0 and await versions(inside, mariadb_database) == []


async def _is_free(inside: Connection, database: str) -> bool:
    return await activity.holder(inside, database) is None


async def test_who_comes_second_waits_and_sees_who_is_first(
    apply: Apply, inside: Connection, mariadb_database: str
) -> None:
    port, second_port = Recorder(), Recorder()
    first = asyncio.create_task(apply(SLOW, port))
    await sleeping_pid(inside, mariadb_database)
    second = asyncio.create_task(apply("SELECT 1", second_port, version="2", task_id=2))
    await second_port.waiting.wait()
    assert second_port.waits[0][0].application_name == "penstock:test:1:a1"
    port.cancel_requested.set()
    assert ((await first).state, (await second).state) == ("canceled", "applied")
    assert second_port.waits[-1] == []


async def test_waiting_for_the_database_ends_with_the_deadline(
    apply: Apply, inside: Connection, mariadb_database: str
) -> None:
    assert await inside.value(f"SELECT GET_LOCK('{activity.lock_name(mariadb_database)}', 0)")
    result = await apply("CREATE TABLE u (a int)", Recorder(seconds=0.5))
    assert result.failure is not None and not result.sent
    assert (result.failure.kind, result.failure.code) == ("timeout", "target_busy")


async def test_an_older_attempt_of_the_same_task_is_ended(
    apply: Apply, inside: Connection, mariadb_database: str
) -> None:
    first = asyncio.create_task(apply(SLOW))
    await sleeping_pid(inside, mariadb_database)
    port = Recorder()
    second = await apply("CREATE TABLE u (a int)", port, attempt=2, version="2")
    assert second.state == "applied" and "Ended the session of an older attempt" in port.text
    result = await first
    assert result.state == "failed" and result.failure is not None and result.failure.kind == "infrastructure"
    assert await versions(inside, mariadb_database) == ["2"]


async def test_a_rescuer_ends_the_zombie_and_reads_the_proof(
    apply: Apply, engine: Engine, target: Target, inside: Connection, mariadb_database: str
) -> None:
    zombie = asyncio.create_task(apply(SLOW))
    await sleeping_pid(inside, mariadb_database)
    rescuer = replace(target, application_name=application_name("test", 1, 2))
    assert await engine.proof(rescuer, "shop", "1", change(SLOW).change_digest) == "not_applied"
    assert (await zombie).state == "failed"


async def test_sessions_are_shown_and_can_be_canceled(
    apply: Apply, engine: Engine, target: Target, inside: Connection, mariadb_database: str
) -> None:
    running = asyncio.create_task(apply(SLOW))
    pid = await sleeping_pid(inside, mariadb_database)
    [ours] = await engine.sessions(target, "penstock:test:1:a1")
    assert (ours.pid, ours.database, ours.state) == (pid, mariadb_database, "active")
    assert await engine.cancel(target, "penstock:test:1:a1") == 1
    result = await running
    assert result.failure is not None and result.failure.code == "1317"
    assert await engine.sessions(target, "penstock:test:1:a1") == []
