"""The PostgreSQL engine: every promise of `penstock.engines.base.Engine`, delegated to where it is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from penstock.engines.base import (
    ApplyRequest,
    ApplyResult,
    Capabilities,
    EngineName,
    InstanceReport,
    Proof,
    RunPort,
    Session,
    Target,
    TargetUnavailable,
)
from penstock.engines.postgres import activity, ledger
from penstock.engines.postgres.connect import connect_failure, open_connection
from penstock.engines.postgres.instance_test import InstanceTest
from penstock.engines.postgres.introspect import introspect
from penstock.engines.postgres.line import BROKEN
from penstock.engines.postgres.session import PostgresSession
from penstock.schema.model import DatabaseSchema


class PostgresEngine:
    """Implements `penstock.engines.base.Engine`; holds no state, so one serves all."""

    name: EngineName = "postgres"
    capabilities = Capabilities(
        transactional_ddl=True,
        ledger_scope="database",
        server_identity=True,
        journal=False,
        takeover=True,
        blockers=True,
    )

    async def test(self, target: Target) -> InstanceReport:
        """Test the way to the instance, step by step; see the protocol."""
        return await InstanceTest(target).run()

    async def introspect(self, target: Target, *, parallel: int = 4) -> list[DatabaseSchema]:
        """Read every database; see the protocol."""
        return await introspect(target, parallel)

    @asynccontextmanager
    async def session(self, target: Target) -> AsyncIterator[PostgresSession]:
        """A session that connects when first needed; see the protocol."""
        session = PostgresSession(target)
        try:
            yield session
        finally:
            await session.close()

    async def apply(self, target: Target, request: ApplyRequest, port: RunPort) -> ApplyResult:
        """Apply one change in a session of its own; see the protocol."""
        async with self.session(target) as session:
            return await session.apply(request, port)

    async def proof(
        self, target: Target, project: str, version: str, change_digest: str, *, wait: float = 60.0
    ) -> Proof:
        """Read the ledger under the lock; see the protocol."""
        async with self.session(target) as session:
            return await session.proof(project, version, change_digest, wait=wait)

    async def sessions(self, target: Target, application_name: str) -> list[Session]:
        """Sessions of that name and what they wait for; see the protocol."""
        connection = await open_connection(target)
        try:
            return await activity.by_name(connection, application_name)
        except BROKEN as error:
            raise TargetUnavailable(connect_failure(target, error)) from error
        finally:
            connection.terminate()

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
