"""A network that fails at any step of a change: it is applied exactly once or honestly not, and the next attempt
finishes it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

import pytest

from penstock.engines.base import ApplyResult, Failure, Target, TargetUnavailable
from penstock.engines.mysql import watch as mysql_watch
from penstock.engines.postgres import watch as postgres_watch
from tests.engines import dialects
from tests.engines.dialects import Dialect
from tests.engines.network import BadNetwork, Fault
from tests.engines.recorder import Recorder
from tests.mariadb_server import MariaDbServer
from tests.mariadb_server import mariadb_server as mariadb_server
from tests.postgres_server import PostgresServer

ENGINES: Final = ("postgres", "mariadb")
CHANGE: Final = "INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)"
# What is in the request of each step, on both engines.
STEPS: Final = {
    "connect": {"postgres": b"", "mariadb": b""},
    "lock": {"postgres": b"advisory_xact_lock", "mariadb": b"GET_LOCK"},
    "ledger": {"postgres": b"INSERT INTO penstock.ledger", "mariadb": b"FROM penstock.ledger"},
    "statement": {"postgres": b"INSERT INTO t VALUES (2)", "mariadb": b"INSERT INTO t VALUES (2)"},
    "commit": {"postgres": b"COMMIT\0", "mariadb": b"\x03COMMIT"},
}


class Place:
    """Where changes go: databases with a table ``t`` and a ledger in which there is one change already."""

    def __init__(self, engine: str, server: PostgresServer | MariaDbServer) -> None:
        self.engine = engine
        self._server = server

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Dialect]:
        """A new one, dropped afterwards."""
        name = await self._server.create_database()
        try:
            if isinstance(self._server, PostgresServer):
                made: Dialect = dialects.postgres(self._server, name)
            else:
                made = dialects.mariadb(self._server, name)
            made = made.on(replace(made.target, tls="disable", connect_timeout=1.0))
            await made.query("CREATE TABLE t (a int)")
            assert (await made.apply("SELECT 1", version="0")).state == "applied"
            yield made
        finally:
            await self._server.drop_database(name)


@pytest.fixture(params=ENGINES)
def place(request: pytest.FixtureRequest) -> Place:
    """Both engines in turn."""
    return Place(request.param, request.getfixturevalue(f"{request.param}_server"))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine gives its own statements one second instead of half a minute."""
    for name, module in list(sys.modules.items()):
        if name.startswith("penstock.engines.") and hasattr(module, "OWN_SECONDS"):
            monkeypatch.setattr(module, "OWN_SECONDS", 1.0)


async def through(fault: Fault, step: str, place: Place) -> ApplyResult:
    """Apply the change over a network with that fault, check that what is said of it is true, and try again."""
    async with place.database() as on:
        network = BadNetwork(on.target.host, on.target.port, fault, STEPS[step][place.engine])
        async with network.listening(), asyncio.timeout(60):
            spoiled = on.on(replace(on.target, host="127.0.0.1", port=network.port))
            result = await spoiled.apply(CHANGE, Recorder(seconds=5), run_id="run-1")
        assert network.struck.is_set()
        there = await on.count(), await on.versions()
        if result.state == "applied":
            assert there == (2, ["0", "1"])
        else:
            assert result.state == "failed" and result.failure is not None
            assert result.failure.kind in ("infrastructure", "timeout"), result.failure
            assert there == (0, ["0"])

        again = await on.apply(CHANGE, run_id="run-2", attempt=2)

        assert again.state == ("already_applied" if result.state == "applied" else "applied")
        assert (await on.count(), await on.versions()) == (2, ["0", "1"])
        return result


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("fault", ["request lost", "answer lost"])
async def test_a_connection_that_is_cut(fault: Fault, step: str, place: Place) -> None:
    result = await through(fault, step, place)

    if result.failure is not None:
        assert result.failure.retry in ("connect", "transaction")
    if step == "commit" and fault == "answer lost":
        assert result.state == "applied"  # which only the ledger knows


@pytest.mark.parametrize("step", STEPS)
async def test_an_answer_that_is_late(step: str, place: Place) -> None:
    assert (await through("delay", step, place)).state == "applied"


@pytest.mark.usefixtures("impatient")
async def test_an_answer_that_never_comes(place: Place) -> None:
    results = await asyncio.gather(*(through("silence", step, place) for step in STEPS))

    states = dict(zip(STEPS, (result.state for result in results), strict=True))
    assert states["commit"] == "applied"
    assert states["connect"] == "failed"


@pytest.mark.usefixtures("impatient")
async def test_it_is_noticed_although_the_first_look_at_the_server_was_refused(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = postgres_watch if place.engine == "postgres" else mysql_watch
    opened, looks = watch.open_connection, 0

    async def refused_once(target: Target) -> object:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise TargetUnavailable(Failure("infrastructure", "53300", "There are too many connections."))
        return await opened(target)

    monkeypatch.setattr(watch, "open_connection", refused_once)
    for name in ("_FIRST_LOOK", "_LOOK_EVERY", "_LOOK_AGAIN"):
        monkeypatch.setattr(watch, name, 0.1)
    result = await through("silence", "statement", place)

    assert looks > 1
    assert result.failure is not None and result.failure.kind == "infrastructure"  # and not that its time is over
