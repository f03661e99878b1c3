"""``database.change``: applies the changes of a release to one database, in order, each exactly once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Final

from penstock.domain.releases import is_repeatable, ledger_version
from penstock.engines.base import (
    ApplyRequest,
    ApplyResult,
    EngineSession,
    Failure,
    LedgerRow,
    TargetUnavailable,
)
from penstock.runtime.port import TaskPort
from penstock.runtime.work.base import again, failed, gave_up, patiently
from penstock.runtime.work.on_database import OnDatabase
from penstock.services import metrics
from penstock.store import queue, releases, runs

PROVEN: Final = ("applied", "already_applied")
NAMED: Final = 20  # changes that are passed over and named in the log, one by one


class DatabaseChange(OnDatabase):
    """Applies releases."""

    type = "database.change"

    async def run(self, claimed: queue.Claimed, port: TaskPort) -> runs.End:
        """Apply the changes one after the other; the first that is not applied ends the attempt."""
        assert claimed.release_id is not None
        release = await self._release(claimed.release_id)
        engine, target = self._open(claimed)
        changes = [c for c in release.changes if c.applies_in(claimed.environment)]
        with metrics.target_connections.labels(engine=target.engine).track_inprogress():
            return await self._work(claimed, port, engine.session(target), changes, release.digest)

    async def _work(
        self,
        claimed: queue.Claimed,
        port: TaskPort,
        opening: AbstractAsyncContextManager[EngineSession],
        changes: Sequence[releases.Change],
        release_digest: str,
    ) -> runs.End:
        async with opening as session:
            if claimed.proof_only:
                return await self._prove(claimed, port, session, changes)
            ledger: Mapping[str, LedgerRow] = {}
            if _asks_first(changes):
                try:
                    ledger = await session.read_ledger(claimed.project or "")
                except TargetUnavailable as error:
                    lost = error.failure.retry in ("transaction", "proof")
                    failure = replace(error.failure, retry="proof") if lost else error.failure
                    return self._ended(claimed, port, changes[0], ApplyResult("failed", failure), {})
            there, todo = _against(changes, ledger)
            states: dict[str, str] = {}
            for change in there:
                states[change.recorded_as] = "already_applied"
            _tell_passed_over(port, there)
            for change, version in todo:
                result = await session.apply(self._request(claimed, change, version, release_digest), port)
                if result.state not in PROVEN:
                    end = self._ended(claimed, port, change, result, states)
                    if not _in_doubt(claimed, end, result):
                        return end
                    port.log("info", "An earlier attempt was lost: reading what it did before this is canceled.")
                    return await self._prove(claimed, port, session, changes, otherwise=end)
                states[change.recorded_as] = result.state
                if result.state == "already_applied":
                    _tell_passed_over(port, [change])
        return runs.End(claimed, "succeeded", sent=port.sent, changes=states)

    def _request(
        self, claimed: queue.Claimed, change: releases.Change, version: str, release_digest: str
    ) -> ApplyRequest:
        return ApplyRequest(
            deployment=self._deployment,
            project=claimed.project or "",
            version=version,
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
            if result.kept:
                states = {**states, change.recorded_as: "failed"}
            return runs.End(claimed, to, sent=sent, changes=states, kept=result.kept)
        failure = result.failure
        if failure is None:
            failure = Failure("infrastructure", "no_answer", "The attempt ended without an answer from the database.")
        port.log("error", failure.message, failure.statement_index)
        if result.state == "unknown" and failure.retry != "no":
            # Never said to have failed: the next attempt takes the lock and reads the proof before it does anything.
            end = again(claimed, failure, sent=True, changes={**states, change.recorded_as: "unknown"})
            return replace(end, kept=result.kept)
        if failure.retry == "proof" or (failure.retry == "connect" and not gave_up(claimed)):
            return again(claimed, failure, sent=sent, changes=states)
        state = "unknown" if result.state == "unknown" else "failed"
        end = failed(claimed, failure, sent=sent, changes={**states, change.recorded_as: state})
        return replace(end, kept=result.kept)

    async def _prove(
        self,
        claimed: queue.Claimed,
        port: TaskPort,
        session: EngineSession,
        changes: Sequence[releases.Change],
        otherwise: runs.End | None = None,
    ) -> runs.End:
        """Run nothing: take the target's lock, read the ledger, and say what is true.

        Args:
            otherwise: how it ended if something is not applied.
        """
        states: dict[str, str] = {}
        ledger = await patiently(port, lambda: session.read_ledger(claimed.project or ""))
        for change in changes:
            proof = await self._proof(claimed, port, session, change, ledger)
            if proof == "applied":
                states[change.recorded_as] = "applied"
                continue
            if proof == "conflict":
                message = f"{change.version} is applied here with other bytes."
                conflict = Failure("version_conflict", "version_conflict", message)
                return failed(claimed, conflict, sent=claimed.sent, changes={**states, change.recorded_as: "failed"})
            if proof == "unknown":
                message = f"An attempt was lost in the midst of {change.version}, and nobody can tell what it did."
                hint = "Look at the database, then settle the task."
                undecided = Failure("outcome_unknown", "undecidable", message, hint=hint)
                return failed(claimed, undecided, sent=claimed.sent, changes={**states, change.recorded_as: "unknown"})
            if otherwise is not None:
                return otherwise
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
        self,
        claimed: queue.Claimed,
        port: TaskPort,
        session: EngineSession,
        change: releases.Change,
        ledger: Mapping[str, LedgerRow],
    ) -> str:
        project, version = claimed.project or "", ledger_version(change.version, change.digest, ledger)
        row = ledger.get(version)
        if row is not None and row.change_digest == change.digest:
            return "applied"
        return await patiently(port, lambda: session.proof(project, version, change.digest))


def _in_doubt(claimed: queue.Claimed, end: runs.End, result: ApplyResult) -> bool:
    """Whether it would be said to be canceled, while an earlier attempt may still be about to commit.

    An attempt that has sent something of a change holds the target's lock and has written the change's ledger row, so
    no other can.
    """
    return end.to == "canceled" and not result.sent and (claimed.sent or claimed.rescues > 0)


def _asks_first(changes: Sequence[releases.Change]) -> bool:
    """Whether the ledger is read before anything else: once, instead of asking it for every change.

    A single change finds its own row while it is applied; a repeatable one has to know what was there last.
    """
    return len(changes) > 1 or any(is_repeatable(change.version) for change in changes)


def _against(
    changes: Sequence[releases.Change], ledger: Mapping[str, LedgerRow]
) -> tuple[list[releases.Change], list[tuple[releases.Change, str]]]:
    """The changes that a ledger has, and the others in order, each with the version that the ledger will call it.

    A version that is there with other bytes comes first: the engine refuses it before any SQL of this release runs.
    """
    there, conflicts, todo = [], [], []
    for change in changes:
        version = ledger_version(change.version, change.digest, ledger)
        if (row := ledger.get(version)) is None:
            todo.append((change, version))
        elif row.change_digest == change.digest:
            there.append(change)
        else:
            conflicts.append((change, version))
    return there, conflicts + todo


def _tell_passed_over(port: TaskPort, changes: Sequence[releases.Change]) -> None:
    for change in changes[:NAMED]:
        port.log("info", f"{change.version} is already applied here: passed over.")
    if len(changes) > NAMED:
        port.log("info", f"{len(changes) - NAMED} more changes are already applied here: passed over.")
