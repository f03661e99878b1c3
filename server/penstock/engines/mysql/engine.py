"""The MySQL and MariaDB engine: every promise of `penstock.engines.base.Engine`, delegated to where it is kept."""

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
from penstock.engines.mysql import activity, clock, creation, history, ledger, preview, reading, sessions, table_facts
from penstock.engines.mysql.connect import connect_failure, open_link
from penstock.engines.mysql.driver import BROKEN
from penstock.engines.mysql.instance_test import SUPPORT, InstanceTest
from penstock.engines.mysql.introspect import introspect
from penstock.engines.mysql.rehearsals import Rehearsals
from penstock.engines.mysql.session import MySqlSession
from penstock.schema.model import DatabaseSchema
from penstock.sql.statement import Statement


class MySqlEngine(InSession):
    """Implements `penstock.engines.base.Engine`; holds nothing but what rehearsals have shown, so one serves all.

    Args:
        name: ``mysql`` or ``mariadb``: whose comments hold SQL. What the server is, it tells itself.
    """

    def __init__(self, name: EngineName) -> None:
        self.name: EngineName = name
        self._rehearsals = Rehearsals()
        self.capabilities = Capabilities(
            transactional_ddl=False,
            ledger_scope="server",
            server_identity=name == "mysql",
            journal=True,
            takeover=True,
            blockers=True,
            support=SUPPORT[name],
        )

    async def test(self, target: Target) -> InstanceReport:
        """Test the way to the instance, step by step; see the protocol."""
        return await InstanceTest(target).run()

    async def introspect(self, target: Target, *, parallel: int = 4) -> list[DatabaseSchema]:
        """Read every database, all at once whatever ``parallel`` says; see the protocol."""
        return await introspect(target)

    @asynccontextmanager
    async def session(self, target: Target) -> AsyncIterator[MySqlSession]:
        """A session that connects when first needed; see the protocol."""
        session = MySqlSession(target, self._rehearsals)
        try:
            yield session
        finally:
            await session.close()

    async def sessions(self, target: Target, application_name: str) -> list[Session]:
        """Sessions of that name and what they wait for; see the protocol."""
        link = await open_link(target)
        try:
            return await activity.by_name(link.connection, application_name, link.flavour)
        except BROKEN as error:
            raise TargetUnavailable(connect_failure(target, error)) from error
        finally:
            link.connection.close()

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
        link = await open_link(target)
        try:
            named = await activity.by_name(link.connection, application_name, link.flavour)
            running = [s for s in named if s.application_name == application_name and s.state == "active"]
            canceled = [await activity.cancel(link.connection, target.database or "", s.pid) for s in running]
            return sum(canceled)
        except BROKEN as error:
            raise TargetUnavailable(connect_failure(target, error)) from error
        finally:
            link.connection.close()

    def grants(self, login: str) -> str:
        """SQL for a protected ledger; see the protocol."""
        return ledger.grants(login)
