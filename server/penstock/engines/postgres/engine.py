"""The PostgreSQL engine: every promise of `penstock.engines.base.Engine`, delegated to where it is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime

from penstock.domain.pipeline.creation import NewDatabase
from penstock.engines.base import (
    Capabilities,
    Creation,
    EngineName,
    HistoryEntry,
    InstanceReport,
    QueryResult,
    RunPort,
    Session,
    TableFacts,
    Target,
    TargetUnavailable,
    TrialFailure,
    Wait,
)
from penstock.engines.in_session import InSession
from penstock.engines.postgres import (
    activity,
    clock,
    creation,
    history,
    ledger,
    preview,
    reading,
    sessions,
    table_facts,
)
from penstock.engines.postgres.connect import Familiar, connect_failure, open_connection
from penstock.engines.postgres.instance_test import InstanceTest
from penstock.engines.postgres.introspect import introspect
from penstock.engines.postgres.line import BROKEN
from penstock.engines.postgres.session import PostgresSession
from penstock.schema.model import DatabaseSchema
from penstock.sql.statement import Statement


class PostgresEngine(InSession):
    """Implements `penstock.engines.base.Engine`; holds nothing but which databases it has seen, so one serves all."""

    name: EngineName = "postgres"
    capabilities = Capabilities(
        transactional_ddl=True,
        ledger_scope="database",
        server_identity=True,
        journal=True,
        takeover=True,
        blockers=True,
        support="supported",
    )

    async def test(self, target: Target) -> InstanceReport:
        """Test the way to the instance, step by step; see the protocol."""
        return await InstanceTest(target).run()

    async def introspect(self, target: Target, *, parallel: int = 4) -> list[DatabaseSchema]:
        """Read every database; see the protocol."""
        return await introspect(target, parallel)

    def __init__(self) -> None:
        self._familiar = Familiar()

    @asynccontextmanager
    async def session(self, target: Target) -> AsyncIterator[PostgresSession]:
        """A session that connects when first needed; see the protocol."""
        session = PostgresSession(target, self._familiar)
        try:
            yield session
        finally:
            await session.close()

    async def sessions(self, target: Target, application_name: str) -> list[Session]:
        """Sessions of that name and what they wait for; see the protocol."""
        connection = await open_connection(target)
        try:
            return await activity.by_name(connection, application_name)
        except BROKEN as error:
            raise TargetUnavailable(connect_failure(target, error)) from error
        finally:
            connection.terminate()

    async def waits(self, target: Target, application_name: str) -> list[Wait]:
        """What sessions of that name wait for, and who holds it; see the protocol."""
        return await sessions.waits(target, application_name)

    async def clock(self, target: Target) -> datetime:
        """The server's time; see the protocol."""
        return await clock.read(target)

    async def history(self, target: Target) -> list[HistoryEntry]:
        """What other tools call applied; see the protocol."""
        return await history.read(target)

    async def table_facts(self, target: Target, names: Sequence[str]) -> dict[str, TableFacts]:
        """What the catalog says of some tables; see the protocol."""
        return await table_facts.read(target, names)

    async def query(self, target: Target, statement: Statement, port: RunPort) -> QueryResult:
        """Ask one query that only reads; see the protocol."""
        return await reading.read(target, statement, port)

    def creation(
        self, target: Target, new: NewDatabase, port: RunPort, *, wait: bool = False
    ) -> AbstractAsyncContextManager[Creation]:
        """What makes a database, with the lock for it; see the protocol."""
        return creation.creation(target, new, port, wait)

    async def create_database(self, target: Target, name: str) -> None:
        """Make an empty database; see the protocol."""
        await preview.create(target, name)

    async def drop_database(self, target: Target, name: str) -> None:
        """Drop a database; see the protocol."""
        await preview.drop(target, name)

    async def try_scripts(
        self, target: Target, scripts: Sequence[Sequence[Statement]], seconds: float
    ) -> TrialFailure | None:
        """Run scripts in a database of a preview; see the protocol."""
        return await preview.run(target, scripts, seconds)

    async def cancel(self, target: Target, application_name: str) -> int:
        """Cancel what sessions of that name run; see the protocol."""
        connection = await open_connection(target)
        try:
            named = await activity.by_name(connection, application_name)
            running = [s for s in named if s.application_name == application_name and s.state == "active"]
            return sum([await activity.cancel(connection, session) for session in running])
        except BROKEN as error:
            raise TargetUnavailable(connect_failure(target, error)) from error
        finally:
            connection.terminate()

    def grants(self, login: str) -> str:
        """SQL for a protected ledger; see the protocol."""
        return ledger.grants(login)
