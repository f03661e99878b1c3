"""Fixtures that every kind of test shares: a PostgreSQL server and databases on it."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from penstock.embedded import EmbeddedPostgres
from penstock.store import migrate
from tests.postgres_server import PostgresServer
from tests.reused_database import ReusedDatabase

if TYPE_CHECKING:
    from tests.builders import Site

# What nobody needs of a server whose data nobody will miss.
UNSAFE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", parent=settings.get_profile("default"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session")
def session_runner() -> Iterator[asyncio.Runner]:
    """A loop for the set-up of session fixtures; tests run in loops of their own."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="session")
def postgres_server(session_runner: asyncio.Runner) -> Iterator[PostgresServer]:
    """The test server: $PENSTOCK_TEST_POSTGRES, else one of our own, made with the system's programs or with ours.

    Making and dropping a database makes a server flush all that others have written, so one that flushes nothing
    takes half the time.
    """
    from tests.own_servers import OwnPostgres

    if url := os.environ.get("PENSTOCK_TEST_POSTGRES"):
        yield PostgresServer.from_url(url)
        return
    own = OwnPostgres(**UNSAFE, max_connections="200")
    try:
        session_runner.run(own.make(tls=False))
    except LookupError:
        yield from _embedded_server(session_runner)
    else:
        yield own.server
    finally:
        own.remove()


def _embedded_server(runner: asyncio.Runner) -> Iterator[PostgresServer]:
    # Not below pytest's tmp_path, which is closed to the account that PostgreSQL runs as when we are root.
    root = Path(tempfile.mkdtemp(prefix="penstock-test-"))
    root.chmod(0o755)
    postgres = EmbeddedPostgres(root, **UNSAFE)
    try:
        yield PostgresServer.from_url(runner.run(postgres.start()))
    finally:
        runner.run(postgres.stop())
        shutil.rmtree(root)


@pytest.fixture(scope="session")
def empty_database(session_runner: asyncio.Runner, postgres_server: PostgresServer) -> Iterator[ReusedDatabase]:
    """The empty database that tests have one after the other."""
    made = ReusedDatabase(postgres_server)
    yield made
    session_runner.run(made.drop())


@pytest.fixture
def fresh_database(session_runner: asyncio.Runner, empty_database: ReusedDatabase) -> Iterator[str]:
    """The name of an empty database on the test server, which is this test's alone."""
    yield session_runner.run(empty_database.take())
    session_runner.run(empty_database.give_back())


@pytest.fixture(scope="session")
def migrated_template(session_runner: asyncio.Runner, postgres_server: PostgresServer) -> Iterator[str]:
    """The name of a database with our migrations applied, to be copied; nobody may connect to it."""
    name = session_runner.run(postgres_server.create_database())
    session_runner.run(migrate.upgrade(postgres_server.sqlalchemy_url(name)))
    yield name
    session_runner.run(postgres_server.drop_database(name))


@pytest.fixture(scope="session")
def metadata_database(
    session_runner: asyncio.Runner, postgres_server: PostgresServer, migrated_template: str
) -> Iterator[ReusedDatabase]:
    """The metadata database that tests have one after the other."""
    made = ReusedDatabase(postgres_server, migrated_template)
    yield made
    session_runner.run(made.drop())


@pytest.fixture
def metadata_url(
    session_runner: asyncio.Runner, postgres_server: PostgresServer, metadata_database: ReusedDatabase
) -> Iterator[str]:
    """A SQLAlchemy URL of a metadata database that is as our migrations make it, and this test's alone."""
    yield postgres_server.sqlalchemy_url(session_runner.run(metadata_database.take()))
    session_runner.run(metadata_database.give_back())


@pytest.fixture(scope="session")
def site(session_runner: asyncio.Runner, postgres_server: PostgresServer, migrated_template: str) -> Iterator[Site]:
    """A metadata database with people, environments and instances, and a stock of target databases."""
    from tests.builders import Site  # the whole application, which most tests do without

    name = session_runner.run(postgres_server.create_database(template=migrated_template))
    made = Site(postgres_server, postgres_server.sqlalchemy_url(name))
    session_runner.run(made.furnish())
    yield made
    session_runner.run(made.close())
    session_runner.run(postgres_server.drop_database(name))
