"""Cancels, lost sessions and crashes among definitions, which this server commits by itself."""

from __future__ import annotations

import asyncio

import pytest

from penstock.engines.base import LeaseLost, Target
from penstock.engines.mysql import ledger
from penstock.engines.mysql.driver import Connection
from penstock.engines.mysql.fingerprint import digest, fingerprint
from penstock.engines.mysql.journal import Journal, Mark
from penstock.engines.mysql.plan import make_plan
from penstock.engines.mysql.rehearsal import Rehearsal
from tests.engines.conftest import Apply, change
from tests.engines.mysql.test_once import count, journal, tables, versions
from tests.engines.recorder import Recorder
from tests.waiting import eventually

SLOW = "INSERT INTO t VALUES (1); INSERT INTO t SELECT SLEEP(60); INSERT INTO t VALUES (3)"


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
        ("CREATE TABLE u (a int)", "CREATE TABLE u (a int)", "applied", {"t", "u"}),
        ("CREATE TABLE u (a int)", "CREATE TABLE u (a bigint)", "unknown", {"t", "u"}),
        ("CREATE TABLE IF NOT EXISTS u (a int)", "CREATE TABLE u (a int)", "applied", {"t", "u"}),
        ("DROP TABLE t", None, "applied", set()),
        ("DROP TABLE t", "DROP TABLE t", "applied", set()),
        ("DROP TABLE t", "ALTER TABLE t ADD b int", "unknown", {"t"}),
        ("ALTER TABLE t ADD b int", None, "applied", {"t"}),
        ("ALTER TABLE t ADD b int", "ALTER TABLE t ADD b int", "applied", {"t"}),
        ("ALTER TABLE t ADD b int", "ALTER TABLE t ADD c int", "unknown", {"t"}),
        ("ALTER TABLE t MODIFY a int", None, "applied", {"t"}),
        ("ALTER TABLE t DROP a, ADD a int", None, "unknown", {"t"}),
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
    rehearsal = Rehearsal(target, [step], Recorder())
    expected = await rehearsal.expected(step)
    await rehearsal.close()
    before, expected = await fingerprint(inside, database, found.defines), expected and digest(expected)
    mark = Mark(0, step.digest, "intent", before, expected)
    await Journal(inside, database, request, 0).write(mark)
    if meanwhile:
        await bystander.run(meanwhile)
    result = await apply(text)
    assert result.state == state, result.failure
    assert await tables(inside) == left
    assert (await apply(text)).state == {"applied": "already_applied"}.get(state, state)


@pytest.mark.parametrize("call", [1, 2])
async def test_a_lost_lease_says_nothing(call: int, apply: Apply, inside: Connection, mariadb_database: str) -> None:
    with pytest.raises(LeaseLost):
        await apply("CREATE TABLE u (a int); INSERT INTO u VALUES (1)", Recorder(lose_lease_at=call))
    assert await versions(inside, mariadb_database) == []
    assert (await apply("CREATE TABLE u (a int); INSERT INTO u VALUES (1)")).state == "applied"
    assert await count(inside, "u") == 1
