"""``database.change``: applies the changes of a release to one database, in order, each exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from penstock.engines.base import (
    ApplyRequest,
    ApplyResult,
    Engine,
    EngineName,
    EngineSession,
    Failure,
    LeaseLost,
    TargetUnavailable,
    application_name,
)
from penstock.runtime.port import TaskPort
from penstock.runtime.releases import ReleaseReader
from penstock.runtime.work.base import again, backoff, failed, gave_up
from penstock.services.targets import Targets
from penstock.store import queue, releases, runs
from penstock.store.database import Database

PROVEN: Final = ("applied", "already_applied")


class DatabaseChange:
    """Applies releases.

    Args:
        deployment: id of this installation, written into ledgers and session names.
        engine_for: the engines' registry.
    """

    type = "database.change"

    def __init__(
        self,
        database: Database,
        targets: Targets,
        engine_for: Callable[[EngineName], Engine],
        deployment: str,
    ) -> None:
        self._database = database
        self._targets = targets
        self._engine_for = engine_for
        self._deployment = deployment
        self._releases = ReleaseReader()

    async def run(self, claimed: queue.Claimed, port: TaskPort) -> runs.End:
        """Apply the changes one after the other; the first that is not applied ends the attempt."""
        assert claimed.release_id is not None
        async with self._database.connect() as conn:
            target = await self._targets.target_for(conn, claimed.instance_id, claimed.database)
            release = await self._releases.read(conn, claimed.release_id)
        changes = [c for c in release.changes if c.applies_in(claimed.environment)]
        engine = self._engine_for(target.engine)
        # Our sessions bear the attempt's name, so that the session of an older attempt can be told and ended.
        name = application_name(self._deployment, claimed.id, claimed.attempt)
        target = replace(target, application_name=name)
        async with engine.session(target) as session:
            if claimed.proof_only:
                return await self._prove(claimed, port, session, changes)
            states: dict[str, str] = {}
            for change in changes:
                result = await session.apply(self._request(claimed, change, release.digest), port)
                if result.state not in PROVEN:
                    return self._ended(claimed, port, change, result, states)
                states[change.version] = result.state
                if result.state == "already_applied":
                    port.log("info", f"{change.version} is already applied here: passed over.")
        return runs.End(claimed, "succeeded", sent=port.sent, changes=states)

    def _request(self, claimed: queue.Claimed, change: releases.Change, release_digest: str) -> ApplyRequest:
        return ApplyRequest(
            deployment=self._deployment,
            project=claimed.project or "",
            version=change.version,
            name=change.name,
            statement=change.statement,
            change_digest=change.digest,
            release_digest=release_digest,
            run_id=str(claimed.run_id),
            task_id=claimed.id,
            attempt=claimed.attempt,
            actor=claimed.actor,
            verify=[change.verify] if change.verify else [],
        )

    def _ended(
        self,
        claimed: queue.Claimed,
        port: TaskPort,
        change: releases.Change,
        result: ApplyResult,
        states: dict[str, str],
    ) -> runs.End:
        """What a change that is not applied means for the attempt."""
        sent = claimed.sent or port.sent or result.sent
        if result.state in ("canceled", "not_run") and (result.failure is None or port.cancel_reason is not None):
            to: Final = "canceled" if port.cancel_reason == "person" else "ready"
            return runs.End(claimed, to, sent=sent, changes=states)
        failure = result.failure
        if failure is None:
            failure = Failure("infrastructure", "no_answer", "The attempt ended without an answer from the database.")
        port.log("error", failure.message, failure.statement_index)
        if result.state == "unknown" and failure.retry != "no":
            # Never said to have failed: the next attempt takes the lock and reads the proof before it does anything.
            return again(claimed, failure, sent=True, changes={**states, change.version: "unknown"})
        if failure.retry == "proof" or (failure.retry == "connect" and not gave_up(claimed)):
            return again(claimed, failure, sent=sent, changes=states)
        state = "unknown" if result.state == "unknown" else "failed"
        return failed(claimed, failure, sent=sent, changes={**states, change.version: state})

    async def _prove(
        self, claimed: queue.Claimed, port: TaskPort, session: EngineSession, changes: list[releases.Change]
    ) -> runs.End:
        """Run nothing: take the target's lock, read the ledger, and say what is true."""
        states: dict[str, str] = {}
        for change in changes:
            proof = await self._proof(claimed, port, session, change)
            if proof == "applied":
                states[change.version] = "applied"
                continue
            if proof == "conflict":
                message = f"{change.version} is applied here with other bytes."
                conflict = Failure("version_conflict", "version_conflict", message)
                return failed(claimed, conflict, sent=claimed.sent, changes={**states, change.version: "failed"})
            if claimed.canceling:
                return runs.End(claimed, "canceled", sent=claimed.sent, changes=states)
            lost = Failure(
                "infrastructure",
                "runner_lost",
                f"The runner was lost {claimed.rescues} times while it worked on this."
                f" {change.version} is not applied.",
            )
            return failed(claimed, lost, sent=claimed.sent, changes=states)
        return runs.End(claimed, "succeeded", sent=claimed.sent, changes=states)

    async def _proof(
        self, claimed: queue.Claimed, port: TaskPort, session: EngineSession, change: releases.Change
    ) -> str:
        for failures in range(1_000_000):
            try:
                return await session.proof(claimed.project or "", change.version, change.digest)
            except TargetUnavailable as error:
                port.log("warning", f"The proof cannot be read yet: {error.message}")
            if port.cancel_reason == "drain":
                break
            await asyncio.sleep(backoff(failures))
            port.may_start_statement()
        raise LeaseLost  # the next holder of the lease goes on asking
