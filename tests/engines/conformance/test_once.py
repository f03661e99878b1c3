"""A change is applied once, or not at all, and its ledger row tells which."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.engines.conftest import change
from tests.engines.dialects import Dialect
from tests.engines.proxy import Proxy
from tests.engines.recorder import Recorder

TWO = "INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)"


async def test_a_change_is_applied_once_with_its_ledger_row(on: Dialect) -> None:
    port = Recorder()
    first, second = await on.apply(TWO, port), await on.apply(TWO)
    assert (first.state, first.failure, first.sent) == ("applied", None, True)
    assert (first.statements_run, first.statements_total, first.tries) == (2, 2, 1)
    assert (second.state, second.sent) == ("already_applied", False)
    assert port.asked == 2  # after the lock, and before the COMMIT
    assert first.ledger == second.ledger and await on.count() == 2
    [row] = await on.query(
        f"SELECT project, version, run, actor, statement_count, change_digest FROM penstock.ledger"
        f" WHERE {on.only_ours()}"
    )
    assert row == ("shop", "1", "run-1", "ana@example.com", 2, change(TWO).change_digest)
    assert first.ledger is not None and first.ledger.run == "run-1"


async def test_definitions_are_applied_once(on: Dialect) -> None:
    text = "CREATE TABLE u (a int); INSERT INTO u VALUES (1); ALTER TABLE u ADD b int"
    assert (await on.apply(text)).state == "applied"
    assert (await on.apply(text)).state == "already_applied" and await on.count("u") == 1


async def test_rows_are_counted_as_the_server_counts_them(on: Dialect) -> None:
    port = Recorder()
    await on.apply("INSERT INTO t VALUES (1), (2), (3); UPDATE t SET a = a + 1 WHERE a > 1; DELETE FROM t", port)
    assert port.steps == [(0, 3, 3), (1, 3, 2), (2, 3, 3)]


async def test_what_the_server_says_of_a_statement_is_logged_with_it(on: Dialect) -> None:
    port = Recorder()
    assert (await on.apply("INSERT INTO t VALUES (1); DROP TABLE IF EXISTS nowhere", port)).state == "applied"
    [(text, index)] = [(text, index) for level, text, index in port.lines if level == "notice"]
    assert "nowhere" in text and index == 1


async def test_rows_that_a_statement_sends_go_to_nobody(on: Dialect) -> None:
    port = Recorder()
    result = await on.apply(f"{on.words.many_rows}; EXPLAIN SELECT 1; INSERT INTO t VALUES (1)", port)
    assert result.state == "applied", result.failure
    assert port.steps[0][2] == 50_000 and await on.count() == 1


async def test_every_statement_is_a_message_of_its_own(on: Dialect) -> None:
    """A server that gets several at once runs them to the end, whatever becomes of us."""
    proxy = Proxy(on.target.host, on.target.port)
    async with proxy.listening():
        await on.engine.apply(replace(on.target, host="127.0.0.1", port=proxy.port), change(TWO), Recorder())
    heard = bytes(proxy.heard)
    assert heard.count(b"INSERT INTO t VALUES (1)") == heard.count(b"INSERT INTO t VALUES (2)") == 1
    between = heard[heard.index(b"VALUES (1)") + 10 : heard.index(b"INSERT INTO t VALUES (2)")]
    assert b";" not in between and any(byte < 32 for byte in between), "the head of the next message is in between"


async def test_other_bytes_of_a_version_are_a_conflict(on: Dialect) -> None:
    await on.apply(TWO)
    result = await on.apply("DROP TABLE t")
    assert result.failure is not None and result.ledger is not None
    assert (result.state, result.sent) == ("failed", False)
    assert (result.failure.kind, result.failure.failure_class) == ("version_conflict", "failed")
    assert await on.count() == 2


async def test_projects_do_not_share_versions(on: Dialect) -> None:
    assert (await on.apply("INSERT INTO t VALUES (1)")).state == "applied"
    assert (await on.apply("INSERT INTO t VALUES (2)", project="billing")).state == "applied"


async def test_databases_of_a_server_do_not_share_versions(on: Dialect) -> None:
    """Even where one ledger serves them all."""
    other = on.on(replace(on.target, database=f"{on.target.database}_2"))
    await other.create_database(other.target.database or "")
    try:
        assert (await on.apply("CREATE TABLE u (a int)")).state == "applied"
        assert (await other.apply("CREATE TABLE u (b int)")).state == "applied"
    finally:
        await other.drop_database(other.target.database or "")


async def test_bytes_that_were_not_approved_are_never_sent(on: Dialect) -> None:
    result = await on.apply(TWO, change_digest=change("SELECT 1").change_digest)
    assert result.failure is not None and not result.sent
    assert (result.failure.kind, result.failure.failure_class) == ("tampered", "error")
    assert await on.count() == 0


@pytest.mark.parametrize("text", ["", "-- nothing here\n", "/* nor here */;; \n"])
async def test_a_change_without_statements_leaves_a_row(text: str, on: Dialect) -> None:
    result = await on.apply(text)
    assert (result.state, result.statements_total) == ("applied", 0) and await on.versions() == ["1"]


async def test_a_failure_in_rows_leaves_nothing_and_says_where(on: Dialect) -> None:
    result = await on.apply("INSERT INTO t VALUES (1);\r\n-- ünïcode\r\nINSERT INTO t VALUES (nope);\r\nDROP TABLE t")
    failure = result.failure
    assert result.state == "failed" and failure is not None
    assert (failure.kind, failure.code) == ("statement", on.words.codes["no_column"])
    assert (failure.statement_index, failure.line, failure.failure_class) == (1, 3, "failed")
    assert (result.statements_run, result.statements_total, result.sent) == (1, 3, True)
    assert await on.count() == 0 and await on.versions() == []


async def test_after_a_failure_the_corrected_change_applies(on: Dialect) -> None:
    assert (await on.apply("INSERT INTO t VALUES (nope)")).state == "failed"
    assert (await on.apply(TWO)).state == "applied" and await on.versions() == ["1"]


async def test_a_failure_after_definitions_leaves_what_the_engine_promises(on: Dialect) -> None:
    """Nothing where definitions can be taken back; else what ran, which is not run again."""
    text = "CREATE TABLE u (a int); INSERT INTO u VALUES (1); INSERT INTO t VALUES ({})"
    port = Recorder()
    assert (await on.apply(text.format("nope"), port)).state == "failed"
    assert await on.has("u") is not on.engine.capabilities.transactional_ddl
    assert ("stays applied" in port.text) is not on.engine.capabilities.transactional_ddl
    assert (await on.apply(text.format(7))).state == "applied"
    assert (await on.count("u"), await on.count()) == (1, 1)


async def test_ten_at_once_apply_it_once(on: Dialect) -> None:
    results = await asyncio.gather(*(on.apply(TWO, run_id=f"run-{n}", task_id=n) for n in range(10)))
    assert sorted(result.state for result in results) == ["already_applied"] * 9 + ["applied"]
    assert await on.count() == 2


async def test_one_session_applies_many_and_none_leaks_into_the_next(on: Dialect) -> None:
    async with on.engine.session(on.target) as session:
        first = await session.apply(change(on.words.leak), Recorder())
        assert first.state == "applied", first.failure
        second = await session.apply(change(TWO, "2", verify=[on.words.look]), Recorder())
        assert second.state == "applied", second.failure
        assert sorted(await session.read_ledger("shop")) == ["1", "2"]
        assert await session.read_ledger("other") == {}


async def test_recording_writes_the_row_and_runs_nothing(on: Dialect) -> None:
    async with on.engine.session(on.target) as session:
        assert await session.proof("shop", "1", change(TWO).change_digest) == "not_applied"
        row = await session.record(change(TWO))
        assert row == await session.record(change(TWO, run_id="run-2")) and row.statement_count == 2
        assert await session.proof("shop", "1", change(TWO).change_digest) == "applied"
        assert await session.proof("shop", "1", "sha256:other") == "conflict"
        assert (await session.apply(change(TWO), Recorder())).state == "already_applied"
    assert await on.count() == 0


async def test_a_recorded_change_is_applied_even_if_it_could_never_run(on: Dialect) -> None:
    request = change(next(iter(on.words.refused)))
    async with on.engine.session(on.target) as session:
        await session.record(request)
        assert (await session.apply(request, Recorder())).state == "already_applied"


async def test_nine_megabytes_are_one_statement(on: Dialect) -> None:
    rows = "(1), (2), (3), (4), (5), (6), (7), (8), (9)," * 209_000
    result = await on.apply(f"INSERT INTO t VALUES {rows}(0)", Recorder(seconds=120))
    assert (result.state, result.statements_run) == ("applied", 1), result.failure
    assert await on.count() == 9 * 209_000 + 1
