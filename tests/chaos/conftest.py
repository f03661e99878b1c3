"""Options of the chaos tests, whose defaults fit into the ordinary selection, and servers that may be restarted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from penstock.store import migrate
from tests.builders import Site
from tests.chaos.faults import Chaos
from tests.chaos.fronts import Front, MariaDb, Postgres
from tests.own_servers import OwnMariaDb, OwnPostgres
from tests.own_servers import own_mariadb as own_mariadb
from tests.own_servers import own_postgres as own_postgres


def pytest_addoption(parser: pytest.Parser) -> None:
    """``pytest tests/chaos --kills 1000 --restarts 50 --seed 7 --from 300``."""
    amount = parser.addoption
    amount("--kills", type=int, default=30, help="How many runner processes are killed, for each engine.")
    amount("--stops", type=int, default=None, help="How many sleep beyond their leases. [a tenth of the kills]")
    amount("--restarts", type=int, default=4, help="How often a server is restarted at once: target, metadata, …")
    amount("--cuts", type=int, default=None, help="How often the network fails. [a quarter of the kills, at least 8]")
    amount("--lease", type=float, default=3.0, help="Seconds of a runner's lease; more on a machine that is busy.")
    amount("--seed", type=int, default=None, help="Draws other faults; a run repeats its choices. [1]")
    amount("--from", type=int, default=0, dest="first", help="Goes on with an earlier run at this fault.")
    amount("--each", type=int, default=1, help="How often a process ends at each failpoint.")


@pytest.fixture
def chaos(request: pytest.FixtureRequest) -> Chaos:
    """The amount and the seed, which a failure shows."""
    option = request.config.getoption
    kills, stops, cuts = option("--kills", default=30), option("--stops", default=None), option("--cuts", default=None)
    chosen = Chaos(
        kills=kills,
        stops=max(3, kills // 10) if stops is None else stops,
        restarts=option("--restarts", default=4),
        cuts=max(8, kills // 4) if cuts is None else cuts,
        lease=option("--lease", default=3.0),
        seed=option("--seed", default=None) or 1,
        first=option("first", default=0),
    )
    print(f"chaos: {chosen}")
    return chosen


@pytest.fixture
def front(request: pytest.FixtureRequest) -> Front:
    """The engine that a test names, on a server of our own."""
    if request.param == "postgres":
        own_postgres: OwnPostgres = request.getfixturevalue("own_postgres")
        return Postgres(own_postgres)
    own_mariadb: OwnMariaDb = request.getfixturevalue("own_mariadb")
    return MariaDb(own_mariadb)


@pytest.fixture(scope="session")
def metadata(session_runner: asyncio.Runner) -> Iterator[OwnPostgres]:
    """A server for the metadata database alone, so that it may be restarted while targets stay."""
    own = OwnPostgres()
    try:
        session_runner.run(own.make(tls=False))  # what goes through `Middle` is read there
        yield own
    finally:
        own.remove()


@pytest.fixture(scope="session")
def own_site(session_runner: asyncio.Runner, metadata: OwnPostgres) -> Site:
    """A metadata database on it, with people and environments."""
    name = session_runner.run(metadata.server.create_database())
    made = Site(metadata.server, metadata.server.sqlalchemy_url(name))
    session_runner.run(migrate.upgrade(made.url))
    session_runner.run(made.furnish())
    return made
