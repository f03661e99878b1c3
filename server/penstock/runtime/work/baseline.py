"""``schema.baseline``: adopts a database that was there before us: the ledger is written, and nothing is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from penstock.domain import clock, releases
from penstock.engines.base import (
    ApplyRequest,
    EngineSession,
    Failure,
    HistoryEntry,
    LedgerRow,
    TargetUnavailable,
)
from penstock.engines.history import ledger_digest, ledger_version, said_to_be_there
from penstock.runtime.port import TaskPort
from penstock.runtime.releases import Release
from penstock.runtime.work.base import again, failed, gave_up
from penstock.runtime.work.on_database import OnDatabase
from penstock.store import queue, runs

LOCK_SECONDS: Final = 10.0
SHOWN: Final = 20


class SchemaBaseline(OnDatabase):
    """Adopts databases.

    With a release: records those of its changes that history tables of other tools call applied, or all of them where
    there is no such table.  Without one: records what the history tables say.
    """

    type = "schema.baseline"

    async def run(self, claimed: queue.Claimed, port: TaskPort) -> runs.End:
        """Record what is there; what is recorded already is passed over, so any attempt may begin anew."""
        release = None
        if claimed.release_id is not None:
            release = await self._release(claimed.release_id)
        engine, target = self._open(claimed)
        states: dict[str, str] = {}
        try:
            found = await engine.history(target)
            _tell(port, found)
            requests = self._requests(claimed, port, release, found)
            if not requests:
                return failed(claimed, _nothing(release, found), sent=False)
            async with engine.session(target) as session:
                return await self._record(claimed, port, session, requests, states)
        except TargetUnavailable as error:
            port.log("error", error.message)
            if error.failure.retry == "no" or gave_up(claimed):
                return failed(claimed, error.failure, sent=claimed.sent, changes=states)
            return again(claimed, error.failure, sent=claimed.sent, changes=states)

    def _requests(
        self, claimed: queue.Claimed, port: TaskPort, release: Release | None, found: Sequence[HistoryEntry]
    ) -> list[ApplyRequest]:
        if release is None:
            given = [(ledger_version(e), f"{e.tool}: {e.name}", b"", ledger_digest(e)) for e in found]
            return [self._request(claimed, *values, "") for values in given]
        meant = [c for c in release.changes if c.applies_in(claimed.environment)]
        there = said_to_be_there(found, [c.version for c in meant]) if found else {c.version for c in meant}
        left = [c.version for c in meant if c.version not in there]
        if left:
            port.log("warning", f"Not in the history, so left to be applied: {_some(left)}.")
        chosen = [c for c in meant if c.version in there]
        return [self._request(claimed, c.version, c.name, c.statement, c.digest, release.digest) for c in chosen]

    def _request(
        self, claimed: queue.Claimed, version: str, name: str, statement: bytes, digest: str, release_digest: str
    ) -> ApplyRequest:
        return ApplyRequest(
            deployment=self._deployment,
            project=claimed.project or "",
            version=version,
            name=name,
            statement=statement,
            change_digest=digest,
            release_digest=release_digest,
            run_id=str(claimed.run_id),
            task_id=claimed.id,
            attempt=claimed.attempt,
            actor=claimed.actor,
        )

    async def _record(
        self,
        claimed: queue.Claimed,
        port: TaskPort,
        session: EngineSession,
        requests: Sequence[ApplyRequest],
        states: dict[str, str],
    ) -> runs.End:
        ledger: Mapping[str, LedgerRow] = {}
        if any(releases.is_repeatable(request.version) for request in requests):
            ledger = await session.read_ledger(claimed.project or "")
        for number, filed in enumerate(requests, 1):
            known_as = releases.recorded_as(filed.version, filed.change_digest)
            request = replace(filed, version=releases.ledger_version(filed.version, filed.change_digest, ledger))
            if port.cancel_reason is not None or clock.monotonic() > port.deadline:
                return _stopped(claimed, port, states)
            await port.still_mine()
            row = await session.record(request, wait=LOCK_SECONDS)
            port.progress_text = f"{number}/{len(requests)} recorded"
            if row.change_digest != request.change_digest:
                message = f"Version {row.version} is recorded here with other bytes ({row.change_digest})."
                port.log("error", message)
                conflict = Failure("version_conflict", "version_conflict", message)
                return failed(claimed, conflict, sent=False, changes={**states, known_as: "failed"})
            ours = (row.deployment, row.run) == (self._deployment, str(claimed.run_id))
            states[known_as] = "applied" if ours else "already_applied"
        new = sum(state == "applied" for state in states.values())
        port.log(
            "info", f"{new} changes recorded as applied; {len(states) - new} were recorded before. Nothing was run."
        )
        return runs.End(claimed, "succeeded", changes=states)


def _tell(port: TaskPort, found: Sequence[HistoryEntry]) -> None:
    for tool in dict.fromkeys(entry.tool for entry in found):
        versions = [entry.version for entry in found if entry.tool == tool]
        port.log("info", f"{tool} says that {len(versions)} changes are applied: {_some(versions)}.")


def _nothing(release: Release | None, found: Sequence[HistoryEntry]) -> Failure:
    hint: str | None
    if release is None:
        message = "There is no history table of Flyway, Liquibase, Alembic or Bytebase here, or it is empty."
        hint = "Give the task a release with the changes that are in the database."
    else:
        message = "None of the release's changes is in the history of the database."
        hint = f"It has {_some([entry.version for entry in found])}." if found else None
    return Failure("check", "nothing_to_record", message, hint=hint)


def _stopped(claimed: queue.Claimed, port: TaskPort, states: dict[str, str]) -> runs.End:
    if port.cancel_reason is not None:
        return runs.End(claimed, "canceled" if port.cancel_reason == "person" else "ready", changes=states)
    late = Failure("timeout", "deadline", "The time for this task is over; what it recorded stays recorded.")
    return failed(claimed, late, sent=False, changes=states)


def _some(versions: Sequence[str]) -> str:
    return ", ".join(versions[:SHOWN]) + (" …" if len(versions) > SHOWN else "")
