"""The MySQL and MariaDB engine: every promise of `penstock.engines.base.Engine`, delegated to where it is kept."""

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
from penstock.engines.mysql import activity, ledger
from penstock.engines.mysql.connect import connect_failure, open_link
from penstock.engines.mysql.driver import BROKEN
from penstock.engines.mysql.instance_test import InstanceTest
from penstock.engines.mysql.introspect import introspect
from penstock.engines.mysql.session import MySqlSession
from penstock.schema.model import DatabaseSchema


class MySqlEngine:
    """Implements `penstock.engines.base.Engine`; holds no state, so one serves all.

    Args:
        name: ``mysql`` or ``mariadb``: whose comments hold SQL. What the server is, it tells itself.
    """

    def __init__(self, name: EngineName) -> None:
        self.name: EngineName = name
        self.capabilities = Capabilities(
            transactional_ddl=False,
            ledger_scope="server",
            server_identity=name == "mysql",
            journal=True,
            takeover=True,
            blockers=True,
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
        session = MySqlSession(target)
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
        link = await open_link(target)
        try:
            return await activity.by_name(link.connection, application_name, link.flavour)
        except BROKEN as error:
            raise TargetUnavailable(connect_failure(target, error)) from error
        finally:
            link.connection.close()

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
