"""A person says what became of a change when nobody can know: in the target's ledger first, then in our records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import events
from penstock.domain.access.decide import Principal, allowed
from penstock.domain.errors import Conflict, InvalidTransition, NotFound
from penstock.domain.patience import CONNECT_DEADLINE, GONE
from penstock.domain.pipeline.spec import CREATE
from penstock.domain.releases import is_repeatable, ledger_version
from penstock.engines.base import (
    ApplyRequest,
    Engine,
    EngineName,
    EngineSession,
    LedgerRow,
    Target,
    TargetUnavailable,
    application_name,
)
from penstock.services.progress import Progress, task_ended
from penstock.services.rollout import require_pipeline
from penstock.services.targets import Targets
from penstock.services.views import is_unsettled
from penstock.store import creations, releases, settlements, task_reads, tasks
from penstock.store.database import PATIENT, Database
from penstock.store.records import audit
from penstock.store.rows import Record
from penstock.store.tables.pipelines import task
from penstock.store.tables.records import deployment

Outcome = Literal["applied", "not_applied"]

WAIT_SECONDS: Final = 10.0  # for the target's lock, while somebody looks at a button


@dataclass(frozen=True, slots=True)
class _Case:
    """What is to be settled, and where.

    Args:
        last: no further change of the release is meant for this environment.
        in_doubt: its next attempt would find out, if the target were there.
    """

    change: releases.Change
    last: bool
    target: Target
    request: ApplyRequest
    in_doubt: bool


class TargetMayReturn(Conflict):
    """The target has not been away for long enough to be taken for gone."""

    code = "target_may_return"


class Settling:
    """Settles tasks whose outcome is unknown.

    Args:
        engine_for: the engines' registry.
    """

    def __init__(self, database: Database, targets: Targets, engine_for: Callable[[EngineName], Engine]) -> None:
        self._database = database
        self._targets = targets
        self._engine_for = engine_for

    async def settle(
        self, principal: Principal, task_id: int, outcome: Outcome, reason: str, *, unreachable: bool = False
    ) -> None:
        """Write a person's word into the target, under its lock, and let the task go on from there.

        Args:
            unreachable: the target is gone for good, says that person: then its ledger is not written, now or later.
                A target that answers is asked all the same.

        Raises:
            InvalidTransition: there is nothing to settle.
            Conflict: somebody settles it right now, or the target's ledger says otherwise.
            TargetMayReturn: ``unreachable``, but it has not been away for long.
            TargetUnavailable: the target cannot be reached, or its lock is not free.
        """
        async with self._database.engine.begin() as guard:
            await guard.execute(PATIENT)
            if not await settlements.take(guard, task_id):
                raise Conflict("Somebody is settling this task right now. Look at it again in a moment.")
            row = await self._row(guard, principal, task_id)
            if row["type"] == CREATE:
                await self._settle_creation(guard, principal, row, outcome, reason, unreachable)
                return
            case = await self._case(guard, principal, row, unreachable=unreachable)
            gone = False
            try:
                await self._tell(case, outcome)
            except TargetUnavailable as error:
                gone = await self._is_gone(task_id, error, unreachable)
            version = case.change.recorded_as
            write = partial(self._write, principal=principal, row=row, version=version, last=case.last)
            await self._database.run(lambda conn: write(conn, outcome=outcome, reason=reason, unseen=gone))

    async def _settle_creation(
        self,
        guard: AsyncConnection,
        principal: Principal,
        row: Record,
        outcome: Outcome,
        reason: str,
        unreachable: bool,
    ) -> None:
        """A task that makes a database finds out by itself what is true, unless its instance is gone."""
        if not (unreachable and await settlements.in_doubt(guard, row["id"])):
            raise InvalidTransition("There is nothing to settle: the task's next attempt finds out how it stands.")
        new, _ = await creations.wanted(guard, row["id"])
        target = await self._targets.target_for(guard, row["instance_id"])
        try:
            await self._engine_for(target.engine).clock(target)
        except TargetUnavailable as error:
            await self._is_gone(row["id"], error, unreachable)
        else:
            raise Conflict("The server answers again: the task's next attempt finds out what is true.")

        async def work(conn: AsyncConnection) -> None:
            write = partial(self._write, principal=principal, row=row, version=new.name, last=True)
            await write(conn, outcome=outcome, reason=reason, unseen=True)
            await creations.forget(conn, row["id"])
            if outcome == "applied":
                await creations.add(conn, row["instance_id"], row["project_id"], new.name)

        await self._database.run(work)

    async def _tell(self, case: _Case, outcome: Outcome) -> None:
        """Have the target's ledger say it."""
        if case.in_doubt:
            async with self._engine_for(case.target.engine).session(case.target) as session:
                await session.read_ledger(case.request.project)
            raise Conflict("The database answers again: the task's next attempt finds out what is true.")
        if outcome == "applied":
            await self._record(case)
        else:
            await self._disown(case)

    async def _is_gone(self, task_id: int, error: TargetUnavailable, acknowledged: bool) -> bool:
        """Answers whether a target that cannot be asked may be taken for gone.

        Raises:
            TargetMayReturn: not yet.
            TargetUnavailable: it is there, or nobody says that it is gone.
        """
        if error.failure.code not in GONE:
            await self._database.run(lambda conn: settlements.reached(conn, task_id))
            raise error
        since, now = await self._database.run(lambda conn: settlements.unreachable_since(conn, task_id))
        until = since + CONNECT_DEADLINE
        if acknowledged and now >= until:
            return True
        when = f"from {until:%H:%M} UTC on" if now < until else "now"
        message = (
            f"{error.message} It is known to be away since {since:%Y-%m-%d %H:%M} UTC. If it is gone for good, the task"
            f" may be settled without it {when}, with unreachable: true."
        )
        known = {"away_since": since.isoformat(), "settle_from": until.isoformat()}
        if acknowledged:
            raise TargetMayReturn(message, **known)
        raise TargetUnavailable(replace(error.failure, message=message), **known) from error

    async def _row(self, conn: AsyncConnection, principal: Principal, task_id: int) -> Record:
        row = await task_reads.by_id(conn, task_id)
        if row is None or not _sees(principal, row["project_id"]):
            raise NotFound(f"There is no task {task_id}.")
        require_pipeline(principal, row["project_id"], "task.settle")
        return row

    async def _case(self, conn: AsyncConnection, principal: Principal, row: Record, *, unreachable: bool) -> _Case:
        task_id = row["id"]
        in_doubt = unreachable and await settlements.in_doubt(conn, task_id)
        if not (is_unsettled(row) or in_doubt) or row["release_id"] is None:
            raise InvalidTransition("There is nothing to settle: how this task stands is known.")
        known = await task_reads.changes(conn, task_id)
        meant = [
            c
            for c in await releases.changes_of(conn, row["release_id"])
            if c.environments is None or row["environment"] in c.environments
        ]
        place = _unknown(meant, known)
        found = await releases.by_id(conn, row["release_id"])
        assert found is not None
        target = await self._targets.target_for(conn, row["instance_id"], row["database"])
        ours = str(await conn.scalar(sa.select(deployment.c.id)))
        change = meant[place]
        request = ApplyRequest(
            deployment=ours,
            project=found["project"],
            version=change.version,
            name=change.name,
            statement=change.statement,
            change_digest=change.digest,
            release_digest=found["digest"],
            run_id=str(row["latest_run"]),
            task_id=task_id,
            attempt=row["attempt"],
            actor=principal.email or principal.name,
        )
        target = replace(target, application_name=application_name(ours, task_id, row["attempt"]))
        return _Case(change, place == len(meant) - 1, target, request, in_doubt)

    async def _record(self, case: _Case) -> None:
        async with self._engine_for(case.target.engine).session(case.target) as session:
            row = await session.record(await _named(session, case), wait=WAIT_SECONDS)
        if row.change_digest != case.change.digest:
            raise Conflict(
                f"The database's ledger has version {row.version} with other bytes, recorded by {_by(row)}:"
                " give this change a version of its own."
            )

    async def _disown(self, case: _Case) -> None:
        async with self._engine_for(case.target.engine).session(case.target) as session:
            row = await session.disown(await _named(session, case), wait=WAIT_SECONDS)
        if row is not None:
            raise Conflict(
                f"The database's ledger says that {row.version} is applied, recorded by {_by(row)}:"
                " settle the task as applied."
            )

    async def _write(
        self,
        conn: AsyncConnection,
        *,
        principal: Principal,
        row: Record,
        version: str,
        last: bool,
        outcome: Outcome,
        reason: str,
        unseen: bool,
    ) -> None:
        progress = await Progress.begin(conn, row["pipeline_id"])
        await tasks.lock_slots(conn, [row["instance_id"]])  # before stages of others are woken: places come first
        # Further changes of the release are still to be made: the task goes on with them.
        to = "succeeded" if outcome == "applied" and last else "waiting"
        same = (task.c.id == row["id"], task.c.attempt == row["attempt"])
        # What is known now is not in doubt: a target that is gone is given up after a while, like any other.
        values = {"sent": False, "rescues": 0, "failure": sa.null()} if unseen else {}
        moved: list[tasks.Moved] = []
        if row["status"] == to:
            changed = await settlements.set_waiting(conn, row["id"], row["attempt"], values)
        else:
            moved = await tasks.move(conn, to, *same, sources=(row["status"],), values=values)
            changed = bool(moved)
        if not changed:
            raise Conflict("The task has changed meanwhile: look at it again.")
        await settlements.add(
            conn,
            task_id=row["id"],
            attempt=row["attempt"],
            version=version,
            outcome=outcome,
            reason=reason,
            unseen=unseen,
            account_id=principal.id,
        )
        await settlements.set_change(conn, row["id"], version, applied=outcome == "applied")
        about: dict[str, Any] = {"outcome": outcome, "version": version, "reason": reason}
        if unseen:
            about["unseen"] = True
        progress.event(events.TASK_SETTLED, actor_id=principal.id, task=row["id"], name=row["name"], **about)
        if to == "succeeded":
            task_ended(progress, moved, outcome="succeeded", actor_id=principal.id, settled=True)
        await progress.advance()
        # The database is free for others, or for this task's next attempt.
        await tasks.promote(conn, [row["instance_id"]])
        await progress.finish()
        await audit(conn, principal.id, "task.settle", f"task:{row['id']}", about)


async def _named(session: EngineSession, case: _Case) -> ApplyRequest:
    """The request under the version that the database's ledger has for it: a repeatable change has one for every
    run."""
    if not is_repeatable(case.change.version):
        return case.request
    ledger = await session.read_ledger(case.request.project)
    return replace(case.request, version=ledger_version(case.change.version, case.change.digest, ledger))


def _unknown(meant: Sequence[releases.Change], known: dict[str, Record]) -> int:
    """Which change of a release stopped a task: the first that is not applied."""
    proven = ("applied", "already_applied")
    for place, change in enumerate(meant):
        if change.recorded_as not in known or known[change.recorded_as]["state"] not in proven:
            return place
    raise InvalidTransition("There is nothing to settle: every change of this task is applied. Try it again.")


def _by(row: LedgerRow) -> str:
    return f"{row.actor} at {row.applied_at:%Y-%m-%d %H:%M} UTC"


def _sees(principal: Principal, project_id: int | None) -> bool:
    if project_id is None:
        return allowed(principal, "instance.read")
    return allowed(principal, "pipeline.read", project_id)
