"""A change with statements that cannot share a transaction runs in steps, each once, whatever happens in between."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import asyncpg
import pytest

from penstock.engines.base import Engine, LeaseLost, Target
from tests.engines.conftest import Apply, change
from tests.engines.postgres.test_once import exists, versions
from tests.engines.proxy import Loss, Proxy
from tests.engines.recorder import Recorder
from tests.waiting import eventually

TABLE = "CREATE TABLE t (a int, b text)"
BUILD = "CREATE INDEX CONCURRENTLY i ON t (a)"
MIXED = f"""
    INSERT INTO effect VALUES (1);
    {BUILD};
    INSERT INTO effect VALUES (2);
    VACUUM t;
    INSERT INTO effect VALUES (3)"""


@pytest.fixture(autouse=True)
async def tables(database: asyncpg.Connection) -> None:
    """A table to work on and one to count effects in."""
    await database.execute(f"{TABLE}; CREATE TABLE effect (what int)")


async def journal(database: asyncpg.Connection) -> list[tuple[int, str]]:
    rows = await database.fetch("SELECT step, state FROM penstock.journal ORDER BY entry")
    return [(row["step"], row["state"]) for row in rows]


async def effects(database: asyncpg.Connection) -> list[int]:
    return [row["what"] for row in await database.fetch("SELECT what FROM effect ORDER BY 1")]


async def valid(database: asyncpg.Connection, index: str = "i") -> bool | None:
    query = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)"
    found: bool | None = await database.fetchval(query, index)
    return found


async def test_an_index_is_built_concurrently(apply: Apply, database: asyncpg.Connection) -> None:
    port = Recorder()
    result = await apply(BUILD, port)
    assert result.state == "applied", result.failure
    assert (result.statements_run, result.statements_total, result.kept) == (1, 1, 0)
    assert await valid(database) and await versions(database) == ["1"]
    assert await journal(database) == [(0, "intent"), (0, "done")]
    assert (await apply(BUILD)).state == "already_applied"


async def test_a_mixed_change_runs_in_steps(apply: Apply, database: asyncpg.Connection) -> None:
    port = Recorder()
    result = await apply(MIXED, port)
    assert result.state == "applied", result.failure
    assert [index for index, _, _ in port.steps] == [0, 1, 2, 3, 4]
    assert await effects(database) == [1, 2, 3] and await valid(database)
    steps = [(0, "done"), (1, "intent"), (1, "done"), (2, "done"), (3, "intent"), (3, "done"), (4, "done")]
    assert await journal(database) == steps


@pytest.mark.parametrize(
    "statement",
    [
        "VACUUM FULL t",
        "REINDEX TABLE CONCURRENTLY t",
        "REINDEX SCHEMA public",
        "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS j ON public.t USING btree (lower(b)) WHERE a > 0",
        "DROP INDEX CONCURRENTLY IF EXISTS nowhere",
        "ALTER TABLE parts DETACH PARTITION part CONCURRENTLY",
        "CLUSTER",
        "ALTER SYSTEM RESET work_mem",
    ],
)
async def test_what_runs_outside_of_a_transaction(statement: str, apply: Apply, database: asyncpg.Connection) -> None:
    await database.execute(
        "CREATE TABLE parts (a int) PARTITION BY LIST (a); CREATE TABLE part PARTITION OF parts FOR VALUES IN (1)"
    )
    result = await apply(statement)
    assert result.state == "applied", result.failure
    assert await versions(database) == ["1"]


async def test_a_database_is_created_and_dropped(apply: Apply, target: Target, database: asyncpg.Connection) -> None:
    name = f"{target.database}_more"
    assert (await apply(f"CREATE DATABASE {name}")).state == "applied"
    assert await database.fetchval("SELECT count(*) FROM pg_database WHERE datname = $1", name) == 1
    assert (await apply(f"DROP DATABASE {name}", version="2")).state == "applied"
    assert await database.fetchval("SELECT count(*) FROM pg_database WHERE datname = $1", name) == 0


async def test_a_new_value_of_a_type_is_committed_before_it_is_used(apply: Apply, database: asyncpg.Connection) -> None:
    await database.execute("CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE person (feels mood)")
    result = await apply("ALTER TYPE mood ADD VALUE 'glad'; INSERT INTO person VALUES ('glad')")
    assert result.state == "applied", result.failure
    assert await journal(database) == [(0, "done"), (1, "done")]
    assert (await apply("ALTER TYPE mood ADD VALUE 'calm'; SELECT 1", version="2")).state == "applied"
    assert len(await journal(database)) == 2, "a value that is not used needs no commit of its own"


async def test_a_failure_keeps_the_steps_before_it_and_the_next_attempt_goes_on(
    apply: Apply, database: asyncpg.Connection
) -> None:
    await database.execute("INSERT INTO t VALUES (1), (1)")
    text = """
        SET search_path = public; INSERT INTO effect VALUES (1);
        CREATE UNIQUE INDEX CONCURRENTLY i ON t (a);
        INSERT INTO effect VALUES (2)"""
    port = Recorder()
    first = await apply(text, port)
    assert first.state == "failed" and first.failure is not None
    assert (first.failure.kind, first.failure.code, first.failure.line) == ("statement", "23505", 3)
    assert (first.kept, await effects(database)) == (2, [1])
    assert "Statements 1 to 2 stay applied" in port.text
    assert await valid(database) is None, "the invalid index is cleared away"
    assert await journal(database) == [(0, "done"), (1, "intent"), (1, "failed")]

    await database.execute("DELETE FROM t")
    again = await apply(text, attempt=2)
    assert again.state == "applied", again.failure
    assert await effects(database) == [1, 2] and await valid(database)


async def test_settings_are_made_again_in_the_session_that_goes_on(apply: Apply, database: asyncpg.Connection) -> None:
    await database.execute("CREATE SCHEMA s; CREATE TABLE s.t (a int); INSERT INTO s.t VALUES (1), (1)")
    text = """
        SELECT pg_catalog.set_config('search_path', 's', false);
        CREATE UNIQUE INDEX CONCURRENTLY i ON t (a);
        CREATE TABLE here ()"""
    assert (await apply(text)).kept == 1
    await database.execute("DELETE FROM s.t")
    assert (await apply(text)).state == "applied"
    assert await exists(database, "s.here") and await valid(database, "s.i")


async def test_the_steps_that_ran_cannot_be_replaced(apply: Apply, database: asyncpg.Connection) -> None:
    await database.execute("INSERT INTO t VALUES (1), (1)")
    await apply("INSERT INTO effect VALUES (1); CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)")
    for other in ("INSERT INTO effect VALUES (7)", "INSERT INTO effect VALUES (7); VACUUM t"):
        result = await apply(other)
        assert result.failure is not None
        assert (result.state, result.failure.code, result.sent) == ("failed", "journal_conflict", False)
    assert await effects(database) == [1]
    same_beginning = "INSERT INTO effect VALUES (1); CREATE INDEX i ON t (a); INSERT INTO effect VALUES (2)"
    assert (await apply(same_beginning)).state == "applied"
    assert await effects(database) == [1, 2] and await versions(database) == ["1"]


async def test_an_index_that_was_there_before_proves_nothing(apply: Apply, database: asyncpg.Connection) -> None:
    await database.execute("CREATE INDEX i ON t (b)")
    result = await apply(BUILD)
    assert result.failure is not None and (result.state, result.failure.code) == ("failed", "42P07")
    assert await valid(database)


async def test_an_invalid_index_that_was_there_before_is_not_taken_for_ours(
    apply: Apply, database: asyncpg.Connection
) -> None:
    await database.execute("INSERT INTO t VALUES (1), (1)")
    with pytest.raises(asyncpg.UniqueViolationError):
        await database.execute("CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)")
    result = await apply("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)")
    assert result.failure is not None and (result.state, result.failure.code) == ("failed", "index_invalid")
    assert await valid(database) is False


async def test_a_build_waits_for_others_and_shows_them(
    apply: Apply, database: asyncpg.Connection, bystander: asyncpg.Connection
) -> None:
    port = Recorder()
    async with bystander.transaction():
        await bystander.execute("INSERT INTO t VALUES (1)")
        running = asyncio.create_task(apply(BUILD, port, lock_timeout=0.2))
        await port.waiting.wait()
        assert port.waits[0][0].pid == bystander.get_server_pid()
        longer = "SELECT 1 FROM pg_stat_activity WHERE query = $1 AND clock_timestamp() - query_start > '0.5 s'"
        await eventually(lambda: database.fetchval(longer, BUILD))
    result = await running
    assert (result.state, result.tries) == ("applied", 1), result.failure


async def test_a_canceled_build_leaves_no_invalid_index(
    apply: Apply, database: asyncpg.Connection, bystander: asyncpg.Connection
) -> None:
    port = Recorder()
    async with bystander.transaction():
        await bystander.execute("SELECT * FROM t")
        await bystander.execute("INSERT INTO t VALUES (1)")
        running = asyncio.create_task(apply(f"INSERT INTO effect VALUES (1); {BUILD}", port))
        await port.waiting.wait()
        port.cancel_requested.set()
        await eventually(lambda: "dropping it" in port.text or running.done())
    result = await running
    assert (result.state, result.kept) == ("canceled", 1)
    assert await valid(database) is None and await journal(database) == [(0, "done"), (1, "intent"), (1, "failed")]
    assert (await apply(f"INSERT INTO effect VALUES (1); {BUILD}", attempt=2)).state == "applied"


async def test_the_deadline_ends_a_build_and_what_is_left_is_cleared_away_later(
    apply: Apply, database: asyncpg.Connection, bystander: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.engines.postgres.stepwise._CLEANING_SECONDS", 0.2)
    async with bystander.transaction():
        await bystander.execute("INSERT INTO t VALUES (1)")
        result = await apply(BUILD, Recorder(seconds=1.0))
        assert result.failure is not None and (result.state, result.failure.kind) == ("failed", "timeout")
        assert await valid(database) is False
    assert await journal(database) == [(0, "intent")]
    port = Recorder()
    assert (await apply(BUILD, port, attempt=2)).state == "applied"
    assert await valid(database) and "dropping it" in port.text


async def test_a_locked_table_is_tried_again(
    apply: Apply, database: asyncpg.Connection, bystander: asyncpg.Connection
) -> None:
    port = Recorder()
    text = "INSERT INTO effect VALUES (1); VACUUM FULL t; ALTER TABLE t ADD c int"
    async with bystander.transaction():
        await bystander.execute("LOCK TABLE t IN ACCESS SHARE MODE")
        running = asyncio.create_task(apply(text, port, lock_timeout=0.3))
        await eventually(lambda: "trying again" in port.text)
    result = await running
    assert result.state == "applied" and result.tries > 1
    assert await effects(database) == [1]


async def test_a_zombie_that_still_builds_is_ended_and_its_work_cleared_away(
    apply: Apply, database: asyncpg.Connection, bystander: asyncpg.Connection
) -> None:
    """The zombie holds the session's lock on the connection that builds, for exactly as long as it can do harm."""
    port = Recorder()
    async with bystander.transaction():
        await bystander.execute("INSERT INTO t VALUES (1)")
        zombie = asyncio.create_task(apply(BUILD, port))
        await port.waiting.wait()
        second = Recorder()
        rescuer = asyncio.create_task(apply(BUILD, second, attempt=2, run_id="run-2"))
        await eventually(lambda: "Ended the session of an older attempt" in second.text)
    result = await rescuer
    assert result.state == "applied", result.failure
    lost = await zombie
    assert lost.state in ("failed", "already_applied") and await valid(database)
    assert await database.fetchval("SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass") == 1


async def test_an_index_that_somebody_else_made_meanwhile_is_not_ours(
    apply: Apply, database: asyncpg.Connection
) -> None:
    await _leave_intent(database, apply)
    await database.execute("CREATE INDEX i ON t (b)")
    result = await apply(BUILD, attempt=2)
    assert result.failure is not None and (result.state, result.failure.code) == ("failed", "index_differs")
    await database.execute("DROP INDEX i; CREATE INDEX i ON t USING btree (a)")
    assert (await apply(BUILD, attempt=3)).state == "applied", "as the change defines it, whoever has built it"


async def test_a_half_detached_partition_is_finished(
    apply: Apply, database: asyncpg.Connection, bystander: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.engines.postgres.stepwise._CLEANING_SECONDS", 0.2)  # the bystander outlasts it
    await database.execute(
        "CREATE TABLE parts (a int) PARTITION BY LIST (a); CREATE TABLE part PARTITION OF parts FOR VALUES IN (1)"
    )
    text = "ALTER TABLE parts DETACH PARTITION part CONCURRENTLY"
    port = Recorder(seconds=5.0)  # it waits for the bystander, who stays
    async with bystander.transaction():
        await bystander.execute("SELECT * FROM parts")
        zombie = asyncio.create_task(apply(text, port))
        await port.waiting.wait()
        name = "penstock:test:1:a1"
        await database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1", name
        )
        assert (await zombie).state == "failed"
        assert await database.fetchval("SELECT inhdetachpending FROM pg_inherits")
    port = Recorder()
    result = await apply(text, port, attempt=2)
    assert result.state == "applied" and "finishing that" in port.text
    assert await database.fetchval("SELECT count(*) FROM pg_inherits") == 0


async def test_what_nobody_can_know_is_said_to_be_unknown_until_a_person_knows(
    engine: Engine, target: Target, apply: Apply, database: asyncpg.Connection
) -> None:
    text = "DROP SUBSCRIPTION IF EXISTS nowhere"
    await _leave_intent(database, apply, text)
    result = await apply(text, attempt=2)
    assert result.failure is not None and result.failure.data is not None
    assert (result.state, result.failure.kind, result.failure.retry) == ("unknown", "outcome_unknown", "no")
    assert result.failure.data["statement"] == text
    assert await engine.proof(target, "shop", "1", change(text).change_digest) == "unknown"
    async with engine.session(target) as session:
        assert await session.disown(change(text)) is None
    assert await engine.proof(target, "shop", "1", change(text).change_digest) == "not_applied"
    assert (await apply(text, attempt=3)).state == "applied"


async def test_a_lost_lease_lets_go_of_the_lock(
    engine: Engine, target: Target, apply: Apply, database: asyncpg.Connection
) -> None:
    async with engine.session(target) as session:
        with pytest.raises(LeaseLost):
            await session.apply(change(MIXED), Recorder(lose_lease_at=2))
        assert await effects(database) == [1]
        holders = "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE locktype = 'advisory'"
        assert await database.fetchval(f"{holders} AND datname = current_database()") == 0
        assert (await apply(MIXED, attempt=2)).state == "applied"
    assert await effects(database) == [1, 2, 3]


@pytest.mark.parametrize(
    "next_step",
    [
        f"{BUILD}; INSERT INTO effect VALUES (1)",
        "ALTER TYPE mood ADD VALUE 'x'; INSERT INTO effect SELECT 1 WHERE 'x' = 'x'",
    ],
)
async def test_a_change_that_lets_go_of_the_lock_goes_no_further(
    next_step: str, apply: Apply, database: asyncpg.Connection
) -> None:
    await database.execute("CREATE TYPE mood AS ENUM ()")
    result = await apply(f"SELECT pg_advisory_unlock_all(); {next_step}")
    assert result.failure is not None and (result.state, result.failure.code) == ("failed", "lock_lost")
    assert await effects(database) == [] and await valid(database) is None


async def test_verify_queries_run_before_the_ledger_row(apply: Apply, database: asyncpg.Connection) -> None:
    result = await apply(BUILD, verify=["SELECT false"])
    assert result.failure is not None and result.failure.code == "verify_failed"
    assert result.kept == 1 and await versions(database) == [] and await valid(database)
    assert (await apply(BUILD, verify=["SELECT true"])).state == "applied"


async def test_an_older_ledger_gets_its_journal_when_it_is_needed(apply: Apply, database: asyncpg.Connection) -> None:
    await apply("SELECT 1")
    await database.execute("DROP TABLE penstock.journal; COMMENT ON TABLE penstock.ledger IS 'penstock ledger 1'")
    assert (await apply("SELECT 2", version="2")).state == "applied"
    assert not await exists(database, "penstock.journal"), "one transaction needs none"
    assert (await apply(BUILD, version="3")).state == "applied"
    assert await journal(database) == [(0, "intent"), (0, "done")]
    assert await versions(database) == ["1", "2", "3"]


async def test_a_protected_ledger_without_a_journal_asks_for_an_owner(
    engine: Engine, weak: Target, database: asyncpg.Connection
) -> None:
    await database.execute(engine.grants(weak.username))
    await database.execute("DROP TABLE penstock.journal; COMMENT ON TABLE penstock.ledger IS 'penstock ledger 1'")
    await database.execute(
        f'ALTER TABLE t OWNER TO "{weak.username}"; GRANT CREATE ON SCHEMA public TO "{weak.username}"'
    )
    result = await engine.apply(weak, change(BUILD), Recorder())
    assert result.failure is not None and result.failure.code == "42501"
    assert "penstock instance grants" in (result.failure.hint or "")
    await database.execute(engine.grants(weak.username))
    assert (await engine.test(weak)).ledger == "protected"
    result = await engine.apply(weak, change(BUILD), Recorder())
    assert result.state == "applied", result.failure


async def _leave_intent(database: asyncpg.Connection, apply: Apply, text: str = BUILD) -> None:
    """What is left when a runner is killed after it has announced the statement and before it has sent it."""
    await apply(text)
    await database.execute(
        "DELETE FROM penstock.ledger; DELETE FROM penstock.journal WHERE state = 'done'; DROP INDEX IF EXISTS i"
    )


@pytest.mark.parametrize(
    ("commit", "loss"), [(1, "answer"), (1, "request"), (2, "silently"), (3, "answer"), (3, "request")]
)
async def test_a_commit_without_an_answer_is_looked_up(
    commit: int, loss: Loss, engine: Engine, target: Target, apply: Apply, database: asyncpg.Connection
) -> None:
    """MIXED has three transactions; the last one holds the ledger row."""
    assert (await apply("SELECT 1", version="0")).state == "applied"
    async with Proxy(target.host, target.port).listening() as proxy:
        proxy.lose(loss, after=commit - 1)
        through = replace(target, host="127.0.0.1", port=proxy.port, tls="disable")
        first = await engine.apply(through, change(MIXED), Recorder())
        assert proxy.lost.is_set()
    committed = loss != "request"
    if commit == 3 and committed:
        assert first.state == "applied", first.failure
    else:
        assert first.state == "failed" and first.failure is not None, first
        assert (first.failure.kind, first.failure.retry) == ("infrastructure", "transaction")
        assert await effects(database) == list(range(1, commit + committed))
        assert first.kept == 2 * (commit - 1) + committed
    assert (await apply(MIXED, attempt=2)).state in ("applied", "already_applied")
    assert await effects(database) == [1, 2, 3]
