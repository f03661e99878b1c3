"""A change with a statement that cannot share a transaction: in steps, each once, and the journal knows which."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from penstock.engines.base import LeaseLost
from tests.engines.conformance.conftest import Own
from tests.engines.conftest import change
from tests.engines.dialects import Dialect
from tests.engines.proxy import Proxy
from tests.engines.recorder import Recorder

FIRST, LAST = "INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)"


def mixed(on: Dialect, last: str = LAST) -> str:
    """Rows, an index, and rows."""
    return f"{FIRST}; {on.words.alone}; {last}"


async def indexes(on: Dialect) -> list[str]:
    """Indexes of the table."""
    [found] = [r for schema in (await on.schema()).schemas for r in schema.relations if r.name == "t"]
    return [index.name for index in found.indexes]


async def states(on: Dialect) -> set[str]:
    """What the journal says of the steps, each by its last word."""
    rows = await on.query(f"SELECT state FROM penstock.journal WHERE {on.only_ours()}")
    return {row[0] for row in rows} - {"intent"}


async def test_a_change_in_steps_is_applied_once(own: Own) -> None:
    on, port = own.dialect, Recorder()
    first, second = await on.apply(mixed(on), port), await on.apply(mixed(on))
    assert (first.state, second.state, second.sent) == ("applied", "already_applied", False), first.failure
    assert [index for index, _, _ in port.steps] == [0, 1, 2]
    assert await on.count() == 2 and await on.versions() == ["1"] and await indexes(on) == ["i"]
    assert on.engine.capabilities.journal and await states(on) == {"done"}


async def test_what_a_failed_change_did_is_not_done_again(own: Own) -> None:
    """A revision that begins with the same statements goes on where the failed one stopped."""
    on, port, again = own.dialect, Recorder(), Recorder()
    failed = await on.apply(mixed(on, "INSERT INTO t VALUES (nope)"), port)
    assert failed.state == "failed" and failed.failure is not None and failed.failure.statement_index == 2
    assert failed.kept == 2 and await on.count() == 1 and await on.versions() == []
    assert (await on.apply(mixed(on, "INSERT INTO t VALUES (nope)"))).kept == 2
    result = await on.apply(mixed(on), again, run_id="run-2")
    assert (result.state, result.kept) == ("applied", 0), result.failure
    assert [index for index, _, _ in again.steps] == [2]
    assert await on.count() == 2 and await indexes(on) == ["i"]


async def test_a_revised_beginning_is_a_conflict(own: Own) -> None:
    on = own.dialect
    await on.apply(mixed(on, "INSERT INTO t VALUES (nope)"))
    result = await on.apply("INSERT INTO t VALUES (7)")
    assert result.failure is not None
    assert (result.failure.kind, result.failure.code) == ("version_conflict", "journal_conflict")
    assert not result.sent and await on.count() == 1


async def test_a_connection_that_is_cut_between_two_steps(own: Own) -> None:
    on = own.dialect
    proxy = Proxy(on.target.host, on.target.port, LAST.encode())
    async with proxy.listening():
        proxy.lose("request")
        target = replace(on.target, host="127.0.0.1", port=proxy.port)
        result = await on.engine.apply(target, change(mixed(on)), Recorder())
    assert result.state == "failed" and result.failure is not None and proxy.lost.is_set()
    assert (result.failure.kind, result.failure.retry) == ("infrastructure", "transaction")
    assert await on.count() == 1 and await on.versions() == []
    assert (await on.apply(mixed(on))).state == "applied" and await on.count() == 2


async def test_a_server_that_dies_between_two_steps(own: Own) -> None:
    on, port = own.dialect, Recorder()
    running = asyncio.create_task(on.apply(mixed(on, f"{on.words.sleep}; {LAST}"), port))
    await on.sleeping_pid()
    own.server.kill()
    await own.server.start()
    result = await running
    assert result.state == "failed" and result.failure is not None and result.failure.retry == "transaction"
    assert await on.count() == 1 and await indexes(on) == ["i"]
    assert (await on.apply(mixed(on))).state == "applied" and await on.count() == 2


async def test_a_cancel_between_two_steps_keeps_those_that_are_done(own: Own) -> None:
    on, port = own.dialect, Recorder()
    running = asyncio.create_task(on.apply(mixed(on, on.words.sleep), port))
    await on.sleeping_pid()
    port.cancel_requested.set()
    result = await running
    assert (result.state, result.kept) == ("canceled", 2)
    assert await on.count() == 1
    assert (await on.apply(mixed(on))).state == "applied" and await on.count() == 2


@pytest.mark.parametrize("call", [1, 2, 3])
async def test_a_lost_lease_between_two_steps_says_nothing(call: int, own: Own) -> None:
    on = own.dialect
    try:
        await on.apply(mixed(on), Recorder(lose_lease_at=call))
    except LeaseLost:
        assert await on.versions() == [] if call > 1 else await on.count() == 0
    assert (await on.apply(mixed(on))).state in ("applied", "already_applied")
    assert await on.count() == 2 and await indexes(on) == ["i"]


async def test_a_check_that_does_not_hold_is_asked_again_and_nothing_else(own: Own) -> None:
    on, again = own.dialect, Recorder()
    result = await on.apply(f"{FIRST}; {on.words.alone}", verify=["SELECT count(*) = 2 FROM t"])
    assert result.state == "failed" and result.failure is not None and result.failure.kind == "check"
    await on.query(LAST)
    result = await on.apply(f"{FIRST}; {on.words.alone}", again, verify=["SELECT count(*) = 2 FROM t"])
    assert result.state == "applied" and again.steps == [], result.failure
    assert await on.count() == 2


async def test_ten_at_once_apply_it_once(own: Own) -> None:
    on = own.dialect
    results = await asyncio.gather(*(on.apply(mixed(on), run_id=f"run-{n}", task_id=n) for n in range(10)))
    assert sorted(result.state for result in results) == ["already_applied"] * 9 + ["applied"], [
        result.failure for result in results if result.failure
    ]
    assert await on.count() == 2
