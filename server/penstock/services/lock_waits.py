"""What a task waits for inside its target right now: sessions and locks, without anybody's literals."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from collections import defaultdict
from collections.abc import Callable
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.access.decide import Principal, allowed
from penstock.domain.errors import NotFound
from penstock.engines.base import Engine, EngineName, Failure, Target, TargetUnavailable, Wait, application_name
from penstock.services.rollout import require_pipeline
from penstock.services.targets import Targets
from penstock.sql.mask import mask
from penstock.store import task_reads
from penstock.store.database import Database
from penstock.store.rows import Record
from penstock.store.tables.records import deployment

AT_ONCE: Final = 2  # looks into one instance: people who watch must not use its connections up
SECONDS: Final = 15.0
_OURS: Final = re.compile(r"penstock:([^:]+):(\d+):a(\d+)")


class LockWaits:
    """Looks into targets on behalf of people.

    Args:
        engine_for: the engines' registry.
    """

    def __init__(self, database: Database, targets: Targets, engine_for: Callable[[EngineName], Engine]) -> None:
        self._database = database
        self._targets = targets
        self._engine_for = engine_for
        self._looking: defaultdict[int, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE))

    async def of_task(self, principal: Principal, task_id: int) -> Record:
        """The sessions of a task's newest attempt, and of whoever holds it up.

        Raises:
            TargetUnavailable: the target cannot be asked.
        """
        async with self._database.connect() as conn:
            row = await task_reads.by_id(conn, task_id)
            if row is None or not _sees(principal, row["project_id"]):
                raise NotFound(f"There is no task {task_id}.")
            require_pipeline(principal, row["project_id"], "task.sessions")
            target, ours = await self._target(conn, row)
        name = application_name(ours, task_id, row["attempt"])
        try:
            async with asyncio.timeout(SECONDS), self._looking[row["instance_id"]]:
                found = await self._engine_for(target.engine).waits(target, name)
        except TimeoutError as error:
            message = f"{row['instance']} did not say within {SECONDS:.0f} seconds what its sessions do."
            raise TargetUnavailable(Failure("infrastructure", "target_unreachable", message)) from error
        return {
            "observed_at": dt.datetime.now(dt.UTC),
            "sessions": [_shown(w, target.engine, ours) for w in found],
        }

    async def _target(self, conn: AsyncConnection, row: Record) -> tuple[Target, str]:
        ours = str(await conn.scalar(sa.select(deployment.c.id)))
        return await self._targets.target_for(conn, row["instance_id"], row["database"]), ours


def _shown(wait: Wait, engine: str, ours: str) -> Record:
    session = wait.session
    task, attempt = _task_of(session.application_name, ours)
    return {
        "pid": session.pid,
        "role": wait.role,
        "certain": wait.certain,
        "task": task,
        "attempt": attempt,
        "username": session.username,
        "database": session.database,
        "application_name": session.application_name,
        "client": session.client,
        "state": session.state,
        "started_at": session.started_at,
        "transaction_started_at": session.transaction_started_at,
        "waits_for": session.waits_for,
        "blocked_by": list(session.blocked_by),
        "query": mask(session.query, engine),
        "locks": [
            {"kind": lock.kind, "object": lock.object, "mode": lock.mode, "granted": lock.granted}
            for lock in wait.locks
        ],
    }


def _task_of(name: str, ours: str) -> tuple[int | None, int | None]:
    """Which task and attempt of this installation a session belongs to."""
    found = _OURS.fullmatch(name)
    if found is None or not ours.startswith(found[1]):
        return None, None
    return int(found[2]), int(found[3])


def _sees(principal: Principal, project_id: int | None) -> bool:
    if project_id is None:
        return allowed(principal, "instance.read")
    return allowed(principal, "pipeline.read", project_id)
