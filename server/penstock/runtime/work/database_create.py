"""``database.create``: makes a database on an instance, exactly once, and gives it to the task's project.

CREATE DATABASE is part of no transaction, so whoever comes after an attempt that was lost decides by the server's
catalog: before an attempt sends for the database, it remembers, under the lock, that there was none of that name.  What
is there without such an intent is somebody else's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from penstock.domain import failpoints
from penstock.domain.pipeline.creation import NewDatabase
from penstock.engines.base import Creation, Engine, EngineName, Failure, LeaseLost, Target, TargetUnavailable
from penstock.engines.creation import already_there
from penstock.runtime.points import Creating
from penstock.runtime.port import TaskPort
from penstock.runtime.work.base import again, failed, gave_up, patiently
from penstock.runtime.work.on_database import OnDatabase, Releases
from penstock.services.targets import Targets
from penstock.store import creations, queue, runs
from penstock.store.database import Database


class DatabaseCreate(OnDatabase):
    """Makes databases."""

    type = "database.create"

    def __init__(
        self,
        database: Database,
        releases: Releases,
        targets: Targets,
        engine_for: Callable[[EngineName], Engine],
        deployment: str,
    ) -> None:
        super().__init__(releases, targets, engine_for, deployment)
        self._database = database

    async def run(self, claimed: queue.Claimed, port: TaskPort) -> runs.End:
        """Find out what an earlier attempt did, and make the database if there is none."""
        async with self._database.connect() as conn:
            new, intended = await creations.wanted(conn, claimed.id)
        # What is remembered says whether anything was sent, where the queue can only say that it may have been.
        known = replace(claimed, sent=intended, rescues=claimed.rescues if intended else 0)
        if claimed.proof_only:
            return await self._prove(claimed, port, new, intended=intended)
        engine, target = self._open(claimed)
        try:
            async with engine.creation(target, new, port, wait=intended) as creation:
                if await creation.exists():
                    return await self._there(claimed, port, new, intended=intended)
                if intended:  # the earlier attempt came to nothing: what appears from now on is somebody else's
                    await self._remember(claimed, intended=False)
                    known = replace(claimed, sent=False, rescues=0)
                return await self._make(claimed, port, new, creation)
        except TargetUnavailable as error:
            return self._unavailable(known, port, error.failure)

    async def _make(self, claimed: queue.Claimed, port: TaskPort, new: NewDatabase, creation: Creation) -> runs.End:
        await port.still_mine()
        if port.cancel_requested.is_set():
            return _stopped(claimed, port)
        await self._remember(claimed, intended=True)
        port.sent = True
        failpoints.reach(Creating.INTENDED)
        try:
            await creation.create()
        except TargetUnavailable as error:
            if error.failure.retry == "proof":
                port.log("warning", error.message)
                if port.cancel_reason == "person":
                    return await self._prove(claimed, port, new, intended=True)
                return again(claimed, error.failure, sent=True)
            await self._remember(claimed, intended=False)
            port.sent = False
            return self._unavailable(replace(claimed, sent=False, rescues=0), port, error.failure)
        failpoints.reach(Creating.CREATED)
        return await self._made(claimed, port, new)

    async def _prove(self, claimed: queue.Claimed, port: TaskPort, new: NewDatabase, *, intended: bool) -> runs.End:
        """Make nothing: look, under the lock, and say what is true."""
        engine, target = self._open(claimed)
        if intended and await patiently(port, lambda: _look(engine, target, new, port)):
            return await self._made(claimed, port, new)
        if intended:
            await self._remember(claimed, intended=False)
        if claimed.canceling or port.cancel_reason == "person":
            return runs.End(claimed, "canceled")
        message = f"The runner was lost {claimed.rescues} times while it worked on this. The database was not made."
        return failed(claimed, Failure("infrastructure", "runner_lost", message), sent=False)

    async def _there(self, claimed: queue.Claimed, port: TaskPort, new: NewDatabase, *, intended: bool) -> runs.End:
        """There is a database of that name: ours, if an earlier attempt sent for it."""
        if intended:
            port.log("info", "An earlier attempt made it.")
            return await self._made(claimed, port, new)
        failure = already_there(f"There is a database {new.name} already, which this task did not make.")
        port.log("error", failure.message)
        return failed(claimed, failure, sent=False)

    async def _made(self, claimed: queue.Claimed, port: TaskPort, new: NewDatabase) -> runs.End:
        place, project = claimed.instance_id, claimed.project_id
        ours = await self._database.run(lambda conn: creations.add(conn, place, project, new.name))
        failpoints.reach(Creating.CATALOGUED)
        if ours:
            port.log("info", f"The database {new.name} is there, and belongs to the project {claimed.project}.")
        else:
            port.log("warning", f"The database {new.name} is there, but somebody has given it to another project.")
        return runs.End(claimed, "succeeded", sent=True)

    async def _remember(self, claimed: queue.Claimed, *, intended: bool) -> None:
        """Raises `LeaseLost` when that is not ours to say any more."""
        if not await self._database.run(lambda conn: creations.intend(conn, claimed, intended=intended)):
            raise LeaseLost

    def _unavailable(self, known: queue.Claimed, port: TaskPort, failure: Failure) -> runs.End:
        """It was not made in this attempt, as far as anybody knows.

        Args:
            known: with what is remembered of it.
        """
        port.log("error", failure.message)
        if not known.sent and port.cancel_reason is not None:
            return _stopped(known, port)
        if known.sent or (failure.retry != "no" and not gave_up(known)):
            return again(known, failure, sent=known.sent)
        return failed(known, failure, sent=False)


async def _look(engine: Engine, target: Target, new: NewDatabase, port: TaskPort) -> bool:
    async with engine.creation(target, new, port, wait=True) as creation:
        return await creation.exists()


def _stopped(claimed: queue.Claimed, port: TaskPort) -> runs.End:
    """Nothing was sent."""
    return runs.End(claimed, "canceled" if port.cancel_reason == "person" else "ready")
