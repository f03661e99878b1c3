"""The queue's moves: claim under a lease, start with the permit, heartbeat, rescue.  The task row is the queue.

The lease is 128 random bits and the fence: every later write carries it, and a write that finds no row means that
the lease
is lost.  Only the database's clock counts.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.pipeline.status import ACTIVE
from penstock.store import tasks
from penstock.store.tables.accounts import account, project
from penstock.store.tables.catalog import database, environment, instance
from penstock.store.tables.changes import issue
from penstock.store.tables.pipelines import pipeline, project_turn, runner, stage, task, task_run

CLAIM_LOCK: Final = 0x70656E7374636C6D  # "penstclm": claims take turns, so that limits and fairness are exact
MAX_CLAIM: Final = 16


@dataclass(frozen=True, slots=True)
class Claimed:
    """A task that this runner may work on, with everything it needs to begin.

    Args:
        lease: the fence; every write about the task must present it.
        proof_only: do not run anything, only take the target's lock, read the proof and say what is true.
    """

    id: int
    attempt: int
    lease: bytes
    run_id: int
    pipeline_id: int
    issue_id: int | None
    stage_id: int
    type: str
    name: str
    instance_id: int
    database_id: int | None
    release_id: int | None
    project_id: int | None
    project: str | None
    engine: str
    environment: str
    database: str | None
    actor: str
    timeout_seconds: int
    rescues: int
    failures: int
    sent: bool
    unreachable_since: str | None
    canceling: bool
    proof_only: bool


_PERMITTED: Final = (
    stage.c.permit_digest == stage.c.digest,
    stage.c.permit_generation == environment.c.generation,
    stage.c.permit_valid_until > sa.func.statement_timestamp(),
    pipeline.c.status == "open",
    pipeline.c.held_at.is_(None),
)


def permit_holds() -> sa.ColumnElement[bool]:
    """The task's stage has a permit that is still good."""
    return sa.exists(
        sa.select(stage.c.id)
        .join(environment, environment.c.id == stage.c.environment_id)
        .join(pipeline, pipeline.c.id == stage.c.pipeline_id)
        .where(stage.c.id == task.c.stage_id, *_PERMITTED)
    )


_IDS: Final = sa.bindparam("task_ids", type_=ARRAY(sa.BigInteger))
_NEW_LEASES: Final = (
    sa.func.unnest(_IDS, sa.bindparam("leases", type_=ARRAY(sa.LargeBinary)))
    .table_valued(sa.column("id", sa.BigInteger), sa.column("lease", sa.LargeBinary), name="new_lease")
    .render_derived()
)
_TAKE_TURNS: Final = sa.select(sa.func.pg_advisory_xact_lock(CLAIM_LOCK))
_CANDIDATES: Final = (
    sa.select(task.c.id, task.c.pipeline_id)
    .join(pipeline, pipeline.c.id == task.c.pipeline_id)
    .outerjoin(project_turn, project_turn.c.project_id == pipeline.c.project_id)
    .where(task.c.claimable, task.c.run_at <= sa.func.statement_timestamp(), permit_holds())
    .order_by(task.c.priority, project_turn.c.served_at.nulls_first(), task.c.run_at, task.c.id)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_CLAIM: Final = tasks.Move(
    "scheduled",
    task.c.id == sa.any_(_IDS),
    task.c.claimable,
    permit_holds(),
    values={
        "attempt": task.c.attempt + 1,
        "lease": sa.select(_NEW_LEASES.c.lease).where(_NEW_LEASES.c.id == task.c.id).scalar_subquery(),
        "lease_until": sa.func.statement_timestamp()
        + sa.func.make_interval(0, 0, 0, 0, 0, 0, sa.bindparam("lease_seconds", type_=sa.Float)),
        "runner_id": sa.bindparam("claimer", type_=sa.Uuid),
        "deadline": sa.func.statement_timestamp() + sa.func.make_interval(0, 0, 0, 0, 0, 0, task.c.timeout_seconds),
    },
)


async def claim(conn: AsyncConnection, runner_id: uuid.UUID, limit: int, lease_seconds: float) -> list[Claimed]:
    """Claim up to ``limit`` tasks that could run now.

    Order: priority, then the project that was served longest ago, then waiting time.
    """
    await conn.execute(_TAKE_TURNS)
    candidates = (await conn.execute(_CANDIDATES, {"most": min(limit, MAX_CLAIM)})).all()
    if not candidates:
        return []
    await lock_pipelines(conn, {c.pipeline_id for c in candidates})
    moved = await _CLAIM.run(
        conn,
        {
            "task_ids": [c.id for c in candidates],
            "leases": [secrets.token_bytes(16) for _ in candidates],
            "lease_seconds": lease_seconds,
            "claimer": runner_id,
        },
    )
    return await _claimed(conn, runner_id, [m.id for m in moved], proof_only=False)


async def claim_abandoned(
    conn: AsyncConnection, runner_id: uuid.UUID, limit: int, lease_seconds: float
) -> list[Claimed]:
    """Take over tasks whose cancellation was under way when their runner was lost: only to read the proof."""
    rows = (
        await conn.execute(
            sa.select(task.c.id, task.c.pipeline_id)
            .where(task.c.status == "canceling", task.c.lease_until < sa.func.statement_timestamp())
            .order_by(task.c.lease_until)
            .limit(limit)
        )
    ).all()
    if not rows:
        return []
    await lock_pipelines(conn, {r.pipeline_id for r in rows})
    moved = await tasks.move(
        conn,
        "canceling",
        task.c.id.in_([r.id for r in rows]),
        task.c.lease_until < sa.func.statement_timestamp(),
        sources=("canceling",),
        values={
            "attempt": task.c.attempt + 1,
            "lease": sa.case({r.id: secrets.token_bytes(16) for r in rows}, value=task.c.id),
            "lease_until": _lease_end(lease_seconds),
            "runner_id": runner_id,
        },
    )
    await _end_runs(conn, [m.id for m in moved], "interrupted", before_current=True)
    return await _claimed(conn, runner_id, [m.id for m in moved], proof_only=True)


def _lease_end(seconds: float) -> sa.ColumnElement[Any]:
    return sa.func.statement_timestamp() + sa.text(f"interval '{float(seconds)} seconds'")


_LOCK_PIPELINES: Final = (
    sa.select(pipeline.c.id)
    .where(pipeline.c.id == sa.any_(sa.bindparam("ids", type_=ARRAY(sa.BigInteger))))
    .order_by(pipeline.c.id)
    .with_for_update(key_share=True)
)


async def lock_pipelines(conn: AsyncConnection, ids: set[int]) -> None:
    """Take the pipelines' row locks in order."""
    await conn.execute(_LOCK_PIPELINES, {"ids": sorted(ids)})


_NEW_RUNS: Final = postgresql.insert(task_run).from_select(
    ["task_id", "attempt", "lease", "runner_id", "started_at"],
    sa.select(
        task.c.id,
        task.c.attempt,
        task.c.lease,
        sa.bindparam("claimer", type_=sa.Uuid),
        sa.func.statement_timestamp(),
    ).where(task.c.id == sa.any_(_IDS)),
)
_BRIEFING: Final = (
    sa.select(
        task,
        task_run.c.id.label("run_id"),
        instance.c.engine,
        environment.c.slug.label("environment"),
        database.c.name.label("database"),
        pipeline.c.project_id,
        project.c.slug.label("project"),
        issue.c.id.label("issue_id"),
        sa.func.coalesce(account.c.email, account.c.name).label("author"),
    )
    .join(task_run, (task_run.c.task_id == task.c.id) & (task_run.c.attempt == task.c.attempt))
    .join(instance, instance.c.id == task.c.instance_id)
    .join(stage, stage.c.id == task.c.stage_id)
    .join(environment, environment.c.id == stage.c.environment_id)
    .join(pipeline, pipeline.c.id == task.c.pipeline_id)
    .outerjoin(database, database.c.id == task.c.database_id)
    .outerjoin(project, project.c.id == pipeline.c.project_id)
    .outerjoin(issue, issue.c.pipeline_id == pipeline.c.id)
    .outerjoin(account, account.c.id == issue.c.author_id)
    .where(task.c.id == sa.any_(_IDS))
    .order_by(task.c.id)
)
_SERVED: Final = sa.text(
    """
    INSERT INTO project_turn (project_id, served_at)
    SELECT id, statement_timestamp() FROM unnest(CAST(:projects AS bigint[])) AS served(id)
    ON CONFLICT (project_id) DO UPDATE SET served_at = excluded.served_at
    """
)


async def _claimed(
    conn: AsyncConnection, runner_id: uuid.UUID, ids: Sequence[int], *, proof_only: bool
) -> list[Claimed]:
    if not ids:
        return []
    await conn.execute(_NEW_RUNS, {"task_ids": ids, "claimer": runner_id})
    rows = (await conn.execute(_BRIEFING, {"task_ids": ids})).all()
    served = sorted({r.project_id for r in rows if r.project_id is not None})
    if served:
        await conn.execute(_SERVED, {"projects": served})
    return [
        Claimed(
            id=r.id,
            attempt=r.attempt,
            lease=r.lease,
            run_id=r.run_id,
            pipeline_id=r.pipeline_id,
            issue_id=r.issue_id,
            stage_id=r.stage_id,
            type=r.type,
            name=r.name,
            instance_id=r.instance_id,
            database_id=r.database_id,
            release_id=r.release_id,
            project_id=r.project_id,
            project=r.project,
            engine=r.engine,
            environment=r.environment,
            database=r.database,
            actor=r.author or "penstock",
            timeout_seconds=r.timeout_seconds,
            rescues=r.rescues,
            failures=r.failures,
            sent=r.sent,
            unreachable_since=(r.failure or {}).get("since"),
            canceling=r.status == "canceling",
            proof_only=proof_only or r.rescues >= MAX_RESCUES,
        )
        for r in rows
    ]


MAX_RESCUES: Final = 5


_HELD: Final = (
    sa.func.unnest(
        sa.bindparam("held_ids", type_=ARRAY(sa.BigInteger)),
        sa.bindparam("held_attempts", type_=ARRAY(sa.Integer)),
        sa.bindparam("held_leases", type_=ARRAY(sa.LargeBinary)),
    )
    .table_valued(
        sa.column("id", sa.BigInteger),
        sa.column("attempt", sa.Integer),
        sa.column("lease", sa.LargeBinary),
        name="held",
    )
    .render_derived()
)
# Tasks that are ours, as ``held_values`` names them: the fence of statements that are built once.
HELD: Final = sa.and_(
    task.c.id == sa.any_(sa.bindparam("held_ids", type_=ARRAY(sa.BigInteger))),
    sa.exists(
        sa.select(sa.literal_column("1"))
        .select_from(_HELD)
        .where(_HELD.c.id == task.c.id, _HELD.c.attempt == task.c.attempt, _HELD.c.lease == task.c.lease)
    ),
)


def held_values(claims: Sequence[Claimed]) -> dict[str, Any]:
    """The values of the bind parameters of ``HELD``."""
    return {
        "held_ids": [c.id for c in claims],
        "held_attempts": [c.attempt for c in claims],
        "held_leases": [c.lease for c in claims],
    }


def fence(claimed: Claimed) -> tuple[sa.ColumnElement[bool], ...]:
    """The condition that every write about a claimed task carries."""
    return (task.c.id == claimed.id, task.c.attempt == claimed.attempt, task.c.lease == claimed.lease)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a runner may still do about a task at this instant.

    Args:
        holds: the lease is ours and has not run out.
        permitted: the stage's permit stands; a task that is being canceled needs none to find out how it ended.
    """

    holds: bool
    permitted: bool


_STANDING: Final = sa.select(
    (tasks.has_status(ACTIVE) & (task.c.lease_until > sa.func.statement_timestamp())).label("holds"),
    (permit_holds() | (task.c.status == "canceling")).label("permitted"),
).where(
    task.c.id == sa.bindparam("id"),
    task.c.attempt == sa.bindparam("attempt"),
    task.c.lease == sa.bindparam("lease"),
)


async def standing(conn: AsyncConnection, claimed: Claimed) -> Standing:
    """Ask for lease and permit at once: every change of every task asks twice."""
    given = {"id": claimed.id, "attempt": claimed.attempt, "lease": claimed.lease}
    row = (await conn.execute(_STANDING, given)).one_or_none()
    return Standing(row.holds, row.permitted) if row is not None else Standing(holds=False, permitted=False)


async def beat(
    conn: AsyncConnection, runner_id: uuid.UUID, held: Mapping[int, bytes], lease_seconds: float
) -> dict[int, bool]:
    """Extend the leases of all of a runner's tasks in one statement.

    Args:
        held: task id -> lease.

    Returns:
        task id -> whether somebody asked to cancel it, for those that are still ours.
    """
    await conn.execute(sa.update(runner).where(runner.c.id == runner_id).values(beat_at=sa.func.statement_timestamp()))
    if not held:
        return {}
    rows = await conn.execute(
        sa.update(task)
        .where(
            task.c.id.in_(sorted(held)),
            task.c.runner_id == runner_id,
            task.c.status.in_(ACTIVE),
            task.c.lease == sa.case(dict(held), value=task.c.id),
        )
        .values(lease_until=_lease_end(lease_seconds))
        .returning(task.c.id, task.c.cancel_requested_at.is_not(None).label("cancel"))
    )
    return {r.id: r.cancel for r in rows}


async def expired(conn: AsyncConnection, limit: int) -> dict[int, list[int]]:
    """Pipelines with tasks whose lease ran out: pipeline id -> task ids."""
    rows = await conn.execute(
        sa.select(task.c.pipeline_id, task.c.id)
        .where(task.c.lease_until < sa.func.statement_timestamp(), task.c.status.in_(("scheduled", "running")))
        .order_by(task.c.lease_until)
        .limit(limit)
    )
    found: dict[int, list[int]] = {}
    for r in rows:
        found.setdefault(r.pipeline_id, []).append(r.id)
    return found


async def rescue(conn: AsyncConnection, task_ids: Sequence[int]) -> list[tasks.Moved]:
    """Take lost runners' tasks back to ready; the next attempt reads the proof before it does anything.

    The condition stands inside the locking statement, so a lease that was extended meanwhile is left alone.
    """
    moved = await tasks.move(
        conn,
        "ready",
        task.c.id.in_(task_ids),
        task.c.lease_until < sa.func.statement_timestamp(),
        sources=("scheduled", "running"),
        values={
            "rescues": task.c.rescues + 1,
            "run_at": sa.func.statement_timestamp(),
            "sent": task.c.sent | (task.c.status == "running"),  # nobody can say that it was not
        },
    )
    await _end_runs(conn, [m.id for m in moved], "interrupted")
    return moved


async def _end_runs(
    conn: AsyncConnection, task_ids: Sequence[int], outcome: str, *, before_current: bool = False
) -> None:
    if not task_ids:
        return
    condition = task_run.c.attempt < task.c.attempt if before_current else task_run.c.attempt == task.c.attempt
    await conn.execute(
        sa.update(task_run)
        .where(task_run.c.task_id == task.c.id, task.c.id.in_(task_ids), condition, task_run.c.ended_at.is_(None))
        .values(ended_at=sa.func.statement_timestamp(), outcome=outcome)
    )


async def register_runner(conn: AsyncConnection, runner_id: uuid.UUID, host: str, pid: int) -> None:
    """Announce a runner process; its id is new at every start, so that an old life can never be mistaken for it."""
    now = sa.func.statement_timestamp()
    await conn.execute(
        sa.insert(runner).values(id=runner_id, host=host, pid=pid, started_at=now, beat_at=now, draining=False)
    )


async def drain_runner(conn: AsyncConnection, runner_id: uuid.UUID) -> None:
    """Record that a runner stops."""
    await conn.execute(sa.update(runner).where(runner.c.id == runner_id).values(draining=True))
