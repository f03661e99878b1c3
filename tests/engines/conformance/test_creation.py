"""The making of a database: under a lock that its maker's session holds, and told apart from one that was there."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from penstock.domain.pipeline.creation import NewDatabase
from penstock.engines.base import TargetUnavailable, application_name
from tests.engines.conftest import DEPLOYMENT
from tests.engines.dialects import Dialect
from tests.engines.recorder import Recorder


@pytest.fixture
async def new(dialect: Dialect) -> AsyncIterator[NewDatabase]:
    """A database that is to be made, with a name that needs its quotes."""
    name = f'made "here" `{secrets.token_hex(4)}`\''
    yield NewDatabase(name)
    await dialect.drop_database(name)


def attempt(dialect: Dialect, number: int, task: int = 1) -> Dialect:
    """The same as an attempt of a task."""
    return dialect.on(replace(dialect.target, application_name=application_name(DEPLOYMENT, task, number)))


async def test_it_is_made_once_and_told_apart(dialect: Dialect, new: NewDatabase) -> None:
    async with dialect.engine.creation(dialect.target, new, Recorder()) as creation:
        assert not await creation.exists()
        await creation.create()
        assert await creation.exists()
        with pytest.raises(TargetUnavailable) as caught:
            await creation.create()
    assert (caught.value.failure.code, caught.value.failure.retry) == ("database_exists", "no")


@pytest.mark.parametrize("wrong", [{"encoding": "nonsense"}, {"owner": "nobody_here"}])
async def test_what_the_server_refuses_was_not_made(dialect: Dialect, new: NewDatabase, wrong: dict[str, str]) -> None:
    if "owner" in wrong and dialect.target.engine != "postgres":
        wrong = {"encoding": "latin99"}
    async with dialect.engine.creation(dialect.target, replace(new, **wrong), Recorder()) as creation:
        with pytest.raises(TargetUnavailable) as caught:
            await creation.create()
        assert not await creation.exists()
    assert (caught.value.failure.kind, caught.value.failure.retry) == ("statement", "no")


async def test_a_login_that_may_not_is_told_what_it_lacks(dialect: Dialect, new: NewDatabase) -> None:
    async with dialect.login("secret") as weak, dialect.engine.creation(weak, new, Recorder()) as creation:
        with pytest.raises(TargetUnavailable) as caught:
            await creation.create()
    assert "CREATE" in (caught.value.failure.hint or "") and caught.value.failure.retry == "no"


async def test_another_task_waits_and_an_older_attempt_is_ended(dialect: Dialect, new: NewDatabase) -> None:
    await dialect.apply("CREATE TABLE t (a int)")  # which makes the ledger, where MariaDB remembers who holds a lock
    first, second, other = attempt(dialect, 1), attempt(dialect, 2), attempt(dialect, 1, task=2)
    async with dialect.engine.creation(first.target, new, Recorder()) as lost:
        with pytest.raises(TargetUnavailable) as caught:
            async with dialect.engine.creation(other.target, new, Recorder(seconds=0.5)):
                pass
        assert caught.value.failure.code == "target_busy"
        port = Recorder()
        async with dialect.engine.creation(second.target, new, port) as creation:
            with pytest.raises(TargetUnavailable) as caught:
                await lost.create()
            assert caught.value.failure.retry == "proof" and not await creation.exists()
        assert "Ended the session of an older attempt" in port.text


async def test_a_cancel_ends_the_waiting_unless_somebody_has_to_find_out(dialect: Dialect, new: NewDatabase) -> None:
    port = Recorder(seconds=1)
    port.cancel_requested.set()
    async with dialect.engine.creation(attempt(dialect, 1).target, new, Recorder()):
        for wait in (False, True):
            began = asyncio.get_running_loop().time()
            with pytest.raises(TargetUnavailable):
                async with dialect.engine.creation(attempt(dialect, 1, task=2).target, new, port, wait=wait):
                    pass
            assert (asyncio.get_running_loop().time() - began > 0.4) is wait
