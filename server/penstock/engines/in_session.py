"""What an engine does in a session that it opens for that alone."""

from __future__ import annotations

import abc
from contextlib import AbstractAsyncContextManager

from penstock.engines.base import ApplyRequest, ApplyResult, EngineSession, Proof, RunPort, Target


class InSession(abc.ABC):
    """Part of an engine; see `penstock.engines.base.Engine`."""

    @abc.abstractmethod
    def session(self, target: Target) -> AbstractAsyncContextManager[EngineSession]:
        """A session that connects when first needed; see the protocol."""

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
