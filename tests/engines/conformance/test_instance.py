"""What an instance tells of itself, step by step: whether we get in, what it is, and what we may do there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from penstock.engines.base import FAILURE_CLASS
from tests.engines.conformance.conftest import Own
from tests.engines.conformance.test_once import TWO
from tests.engines.conftest import change
from tests.engines.dialects import Dialect
from tests.engines.recorder import Recorder

STEPS = ["dns", "tcp", "tls", "login", "version", "privileges"]
PASSWORD = "canary-b7e1-secret"


async def test_a_good_instance_passes_every_step(on: Dialect) -> None:
    report = await on.engine.test(on.target)
    assert [step.name for step in report.steps] == STEPS
    assert all(step.ok for step in report.steps), report.steps
    assert report.reachable and report.authenticated
    assert (report.flavour, report.support) == (on.words.flavour, "supported")
    assert report.version is not None and all(part.isdigit() for part in report.version.split("."))
    assert (report.identity is not None) is on.engine.capabilities.server_identity
    assert "superuser" in report.privileges


async def test_an_instance_is_tested_without_a_database(on: Dialect) -> None:
    report = await on.engine.test(replace(on.target, database=None))
    assert all(step.ok for step in report.steps), report.steps


@pytest.mark.parametrize(
    ("change_of", "last"),
    [
        ({"host": "no-such-host.invalid"}, "dns"),
        ({"host": "a" * 64 + ".example"}, "dns"),
        ({"port": 1}, "tcp"),
        ({"database": "no_such_database"}, "login"),
        ({"username": "no_such_login", "password": PASSWORD}, "login"),
    ],
)
async def test_the_first_failing_step_is_the_last(change_of: dict[str, Any], last: str, on: Dialect) -> None:
    report = await on.engine.test(replace(on.target, **change_of))
    assert [step.name for step in report.steps] == STEPS[: STEPS.index(last) + 1]
    assert [step.ok for step in report.steps] == [True] * STEPS.index(last) + [False]
    assert report.reachable is (last not in ("dns", "tcp")) and not report.authenticated
    assert (report.version, report.flavour, report.support) == (None, None, None)
    assert PASSWORD not in repr(report) and PASSWORD not in repr(replace(on.target, **change_of))


@contextlib.asynccontextmanager
async def hanging_up() -> AsyncIterator[int]:
    """The port of a server that lets everybody in and hangs up."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_port_that_is_no_database_is_named(on: Dialect) -> None:
    async with hanging_up() as port:
        report = await on.engine.test(replace(on.target, host="127.0.0.1", port=port, tls="prefer"))
    assert (report.steps[-1].name, report.steps[-1].ok) == ("tls", False)
    assert "not like" in report.steps[-1].detail


async def test_a_server_that_hangs_up_has_refused_nothing(on: Dialect) -> None:
    async with hanging_up() as port:
        gone = replace(on.target, host="127.0.0.1", port=port, tls="disable")
        result = await on.engine.apply(gone, change(TWO), Recorder())
    assert result.failure is not None
    assert (result.failure.code, result.failure.retry) == ("target_unreachable", "connect")
    assert f"127.0.0.1:{port} cannot be reached" in result.failure.message


async def test_connecting_has_one_deadline_for_everything(on: Dialect) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError), contextlib.closing(writer):
            await reader.read()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        mute = replace(on.target, host="127.0.0.1", port=port, connect_timeout=0.3)
        result = await on.engine.apply(mute, change(TWO), Recorder())
        report = await on.engine.test(replace(mute, tls="prefer"))
    assert result.failure is not None and result.failure.code == "target_unreachable"
    assert "no answer in time" in result.failure.message
    assert not report.steps[-1].ok and not report.authenticated


async def test_a_login_without_a_ledger_is_told_what_to_ask_an_owner_for(own: Own) -> None:
    on = own.dialect
    async with on.login(PASSWORD) as weak:
        report = await on.engine.test(weak)
        assert report.authenticated and report.ledger == "absent"
        assert "superuser" not in report.privileges
        result = await on.engine.apply(weak, change("CREATE TABLE mine (a int)"), Recorder())
        assert result.state == "failed" and result.failure is not None and not result.sent
        assert FAILURE_CLASS[result.failure.kind] == "error" and result.failure.retry == "no"
        assert result.failure.hint is not None and "penstock instance grants" in result.failure.hint
        if on.engine.capabilities.ledger_scope == "server":  # where it is known before any database is
            assert not report.steps[-1].ok and "penstock instance grants" in report.steps[-1].detail


async def test_a_login_that_may_only_read_the_ledger_is_told_so(own: Own) -> None:
    on = own.dialect
    await on.apply("SELECT 1")
    async with on.login(PASSWORD) as weak:
        granted = on.engine.grants(weak.username).replace("INSERT", "SELECT").split(";\n")
        await on.run_as_owner(";\n".join(statement for statement in granted if "GRANT " in statement) + ";\n")
        report = await on.engine.test(weak)
        assert report.ledger == "unknown" and not report.steps[-1].ok
        assert "may not write into the ledger" in report.steps[-1].detail
        assert "penstock instance grants" in report.steps[-1].detail
        result = await on.engine.apply(weak, change(TWO, "2"), Recorder())
        assert result.failure is not None and result.failure.hint is not None
        assert result.failure.kind == "infrastructure" and "penstock instance grants" in result.failure.hint


async def test_a_ledger_made_by_an_owner_is_protected(own: Own) -> None:
    on = own.dialect
    async with on.login(PASSWORD) as weak:
        await on.run_as_owner(on.engine.grants(weak.username))
        report = await on.engine.test(weak)
        assert report.ledger == "protected" and all(step.ok for step in report.steps), report
        result = await on.engine.apply(weak, change("CREATE TABLE mine (a int)"), Recorder())
        assert result.state == "applied", result.failure
        for attack in on.words.attacks:
            refused = await on.engine.apply(weak, change(attack, attack), Recorder())
            assert refused.failure is not None and refused.failure.kind == "statement", attack
        assert await on.versions() == ["1"]


async def test_a_ledger_that_we_made_ourselves_is_writable(own: Own) -> None:
    assert (await own.dialect.engine.test(own.dialect.target)).ledger == "absent"
    await own.dialect.apply("SELECT 1")
    assert (await own.dialect.engine.test(own.dialect.target)).ledger == "writable"


async def test_a_ledger_of_another_version_is_not_touched(own: Own) -> None:
    on = own.dialect
    await on.apply("SELECT 1")
    await on.query(on.words.newer_ledger)
    result = await on.apply(TWO, version="2")
    assert result.failure is not None and not result.sent
    assert (result.failure.code, result.failure.retry) == ("ledger_version", "no")
    assert await on.versions() == ["1"]
