"""The queue's moves: claim under a lease, start with the permit, heartbeat, rescue.  The task row is the queue.

The lease is 128 random bits and the fence: every later write carries it, and a write that finds no row means that the
lease is lost.  Only the database's clock counts.
"""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.pipeline.status import ACTIVE
from penstock.store import outbox, tasks
from penstock.store.direct import Statement, Wire, spelled
from penstock.store.tables.catalog import environment
from penstock.store.tables.pipelines import pipeline, runner, stage, task, task_run

CLAIM_LOCK: Final = 0x70656E7374636C6D  # "penstclm": claims take turns, so that limits and fairness are exact
MAX_CLAIM: Final = 16


@dataclass(frozen=True, slots=True)
class Claimed:
    """A task that this runner may work on, with everything it needs to begin.

    Args:
        lease: the fence; every write about the task must present it.
        waited: seconds that it had been due when it was claimed.
        proof_only: do not run anything, only take the target's lock, read the proof and say what is true.
        connecting: how to connect to the instance, as `store.instances.connecting` answers it, at the time of the
            claim; its password is sealed.
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
    waited: float
    unreachable_since: str | None
    canceling: bool
    proof_only: bool
    connecting: Mapping[str, Any] = field(repr=False)


PERMITTED: Final = (
    stage.c.permit_digest == stage.c.digest,
    stage.c.permit_generation == environment.c.generation,
    stage.c.permit_valid_until > sa.func.statement_timestamp(),
    stage.c.skipping.is_(None),
    stage.c.rewriting.is_(None),
    pipeline.c.status == "open",
    pipeline.c.held_at.is_(None),
)


def permit_holds() -> sa.ColumnElement[bool]:
    """The task's stage has a permit that is still good.

    Asked for each task by its stage's key: joined (which ``OFFSET 0`` keeps the server from), every stage that has ever
    been open would be looked at.
    """
    return sa.exists(
        sa.select(stage.c.id)
        .join(environment, environment.c.id == stage.c.environment_id)
        .join(pipeline, pipeline.c.id == stage.c.pipeline_id)
        .where(stage.c.id == task.c.stage_id, *PERMITTED)
        .offset(sa.literal_column("0"))
    )


_IDS: Final = sa.bindparam("task_ids", type_=ARRAY(sa.BigInteger))
_NEW_LEASES: Final = (
    sa.func.unnest(_IDS, sa.bindparam("leases", type_=ARRAY(sa.LargeBinary)))
    .table_valued(sa.column("id", sa.BigInteger), sa.column("lease", sa.LargeBinary), name="new_lease")
    .render_derived()
)
# What could run now is few, however much waits or has ended, and its stages are fewer still: each is asked once for its
# permit, by its key.
_CANDIDATES: Final = f"""
    WITH could AS MATERIALIZED (
        SELECT id, pipeline_id, stage_id, priority, run_at FROM task
        WHERE claimable AND run_at <= statement_timestamp()
    ), may AS MATERIALIZED (
        SELECT permitted.id, permitted.served_at
        FROM (SELECT DISTINCT stage_id FROM could) AS of
        CROSS JOIN LATERAL (
            SELECT stage.id, (SELECT served_at FROM project_turn WHERE project_id = pipeline.project_id) AS served_at
            FROM stage
            JOIN environment ON environment.id = stage.environment_id
            JOIN pipeline ON pipeline.id = stage.pipeline_id
            WHERE stage.id = of.stage_id AND {spelled(sa.and_(*PERMITTED))}
            OFFSET 0
        ) AS permitted
    )
    SELECT could.id, could.pipeline_id FROM could JOIN may ON may.id = could.stage_id
    ORDER BY could.priority, may.served_at NULLS FIRST, could.run_at, could.id
    LIMIT CAST(:most AS integer)
"""
# Who comes next; their pipelines are locked on the way, in order.  What is said of them is asked again by the claim,
# which sees what the last holders of these locks committed.
_LOOK: Final = Statement(
    f"""
    WITH candidate AS MATERIALIZED ({_CANDIDATES}), locked AS MATERIALIZED (
        SELECT id FROM pipeline WHERE id IN (SELECT pipeline_id FROM candidate) ORDER BY id FOR NO KEY UPDATE
    )
    SELECT candidate.id, candidate.pipeline_id FROM candidate, (SELECT count(*) FROM locked) AS locks
    """
)


def _claim_as(to: Literal["scheduled", "running"], values: Mapping[str, Any]) -> tasks.Move:
    return tasks.Move(
        to,
        task.c.id == sa.any_(_IDS),
        sa.func.coalesce(task.c.claimable, sa.false()),  # by key, see `tasks.Move`
        permit_holds(),
        sources=("ready",),
        by_key=True,
        through="scheduled" if to != "scheduled" else None,
        values={
            "attempt": task.c.attempt + 1,
            "lease": sa.select(_NEW_LEASES.c.lease).where(_NEW_LEASES.c.id == task.c.id).scalar_subquery(),
            "lease_until": sa.func.statement_timestamp()
            + sa.func.make_interval(0, 0, 0, 0, 0, 0, sa.bindparam("lease_seconds", type_=sa.Float)),
            "runner_id": sa.bindparam("claimer", type_=sa.Uuid),
            "deadline": sa.func.statement_timestamp() + sa.func.make_interval(0, 0, 0, 0, 0, 0, task.c.timeout_seconds),
            **values,
        },
    )


# The attempt's row, and the turn of the project: of tasks that the CTE ``moved`` has claimed.
_OPENED: Final = """
    run AS (
        INSERT INTO task_run (task_id, attempt, lease, runner_id, started_at)
        SELECT id, attempt, lease, CAST(:claimer AS uuid), statement_timestamp() FROM moved
        RETURNING id, task_id
    ), turn AS (
        INSERT INTO project_turn (project_id, served_at)
        SELECT DISTINCT p.project_id, statement_timestamp()
        FROM moved JOIN pipeline p ON p.id = moved.pipeline_id
        WHERE p.project_id IS NOT NULL ORDER BY p.project_id
        ON CONFLICT (project_id) DO UPDATE SET served_at = excluded.served_at
    )
"""
# What did not change with the claim is read from the row as it was before.
_BRIEFING: Final = """
    SELECT moved.id, moved.attempt, moved.lease, run.id AS run_id, moved.pipeline_id, issue.id AS issue_id,
           moved.stage_id, t.type, moved.name, moved.instance_id, t.database_id, t.release_id, p.project_id,
           project.slug AS project, i.engine, e.slug AS environment, d.name AS database,
           coalesce(author.email, author.name, 'penstock') AS actor, t.timeout_seconds, t.rescues, t.failures, t.sent,
           extract(epoch FROM statement_timestamp() - t.run_at)::float8 AS waited,
           t.failure ->> 'since' AS unreachable_since, t.status = 'canceling' AS canceling,
           i.host, i.port, i.username, i.dsn_env, i.tls, CAST(i.options AS text) AS options,
           secret.key_id, secret.wrapped_key, secret.ciphertext
    FROM moved
    JOIN run ON run.task_id = moved.id
    JOIN task t ON t.id = moved.id
    JOIN instance i ON i.id = t.instance_id
    JOIN stage s ON s.id = t.stage_id
    JOIN environment e ON e.id = s.environment_id
    JOIN pipeline p ON p.id = t.pipeline_id
    LEFT JOIN secret ON secret.instance_id = i.id AND secret.name = 'password'
    LEFT JOIN database d ON d.id = t.database_id
    LEFT JOIN project ON project.id = p.project_id
    LEFT JOIN issue ON issue.pipeline_id = p.id
    LEFT JOIN account author ON author.id = issue.author_id
"""


def _claiming(move: tasks.Move, announced: str) -> Statement:
    return Statement(
        f"""
        WITH moved AS ({move.text}), counted AS (
            UPDATE stage SET n_ready = n_ready - gone.n, n_{move.to} = n_{move.to} + gone.n
            FROM (SELECT stage_id, count(*) AS n FROM moved GROUP BY stage_id) AS gone WHERE stage.id = gone.stage_id
        ), {_OPENED}{announced}
        {_BRIEFING}
        {"CROSS JOIN (SELECT count(*) FROM heard) AS heard" if announced else ""}
        ORDER BY moved.id
        """
    )


_SCHEDULE: Final = _claiming(_claim_as("scheduled", {}), "")
_START: Final = _claiming(
    _claim_as("running", {"started_at": sa.func.statement_timestamp(), "failure": sa.null()}),
    ", told AS (SELECT pipeline_id, id AS place, 'TASK_START' AS type,"
    " jsonb_build_object('task', id, 'name', name, 'attempt', attempt) AS data FROM moved)," + outbox.TOLD,
)
TAKE_TURNS: Final = f"SELECT pg_advisory_xact_lock({CLAIM_LOCK})"
NO_TURNS: Final = ""  # taking over what was abandoned locks pipelines, and nothing else


# The same without waiting for the turn and without locks: for a transaction that has the lock of one pipeline, and
# takes what is that pipeline's.
_GLANCE: Final = Statement(
    f"""
    WITH turn AS MATERIALIZED (SELECT pg_try_advisory_xact_lock({CLAIM_LOCK}) AS mine),
         candidate AS MATERIALIZED ({_CANDIDATES})
    SELECT turn.mine, candidate.id, candidate.pipeline_id FROM turn LEFT JOIN candidate ON turn.mine
    """
)


@dataclass(frozen=True, slots=True)
class Next:
    """What a transaction took up that ended tasks of a pipeline.

    Args:
        left: there may be more that could run now: of other pipelines, or more than there was room for.
    """

    claims: Sequence[Claimed]
    left: bool


async def claim_next(wire: Wire, pipeline_id: int, runner_id: uuid.UUID, limit: int, lease_seconds: float) -> Next:
    """Claim and start what comes next, as far as it is of the pipeline whose lock the caller has.

    Other pipelines' tasks keep their turn: of the first ``limit`` in order only this one's are taken.
    """
    limit = min(limit, MAX_CLAIM)
    if limit <= 0:
        return Next([], left=True)
    rows = await wire.fetch(_GLANCE, {"most": limit + 1})
    if not rows[0]["mine"]:  # another runner is claiming right now
        return Next([], left=True)
    found = [r["id"] for r in rows if r["id"] is not None]
    own = [r["id"] for r in rows[:limit] if r["pipeline_id"] == pipeline_id]
    claims = await _start(wire, _START, own, runner_id, lease_seconds) if own else []
    return Next(claims, left=len(claims) < len(found))


async def claim(
    wire: Wire, runner_id: uuid.UUID, limit: int, lease_seconds: float, *, start: bool = True
) -> list[Claimed]:
    """Claim up to ``limit`` tasks that could run now; the transaction was begun with ``TAKE_TURNS``.

    Order: priority, then the project that was served longest ago, then waiting time.

    Args:
        start: also start them, which is announced.  Lease, permit and place are then decided at one instant.
    """
    candidates = await wire.fetch(_LOOK, {"most": min(limit, MAX_CLAIM)})
    if not candidates:
        return []
    return await _start(wire, _START if start else _SCHEDULE, [c["id"] for c in candidates], runner_id, lease_seconds)


async def _start(
    wire: Wire, statement: Statement, ids: Sequence[int], runner_id: uuid.UUID, lease_seconds: float
) -> list[Claimed]:
    given = {
        "task_ids": ids,
        "leases": [secrets.token_bytes(16) for _ in ids],
        "lease_seconds": lease_seconds,
        "claimer": runner_id,
    }
    return [_of(row, proof_only=False) for row in await wire.fetch(statement, given | outbox.TELL)]


async def claim_abandoned(wire: Wire, runner_id: uuid.UUID, limit: int, lease_seconds: float) -> list[Claimed]:
    """Take over tasks whose cancellation was under way when their runner was lost: only to read the proof."""
    conn = wire.conn
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
    found = await wire.fetch(_TAKEN_OVER, {"task_ids": [m.id for m in moved], "claimer": runner_id}) if moved else []
    return [_of(row, proof_only=True) for row in found]


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


_TAKEN_OVER: Final = Statement(
    f"""
    WITH moved AS (
        SELECT id, attempt, lease, pipeline_id, stage_id, name, instance_id FROM task
        WHERE id = ANY (CAST(:task_ids AS bigint[]))
    ), {_OPENED}
    {_BRIEFING}
    ORDER BY moved.id
    """
)


def _of(row: Mapping[str, Any], *, proof_only: bool) -> Claimed:
    facts = dict(row)
    settings = {name: facts.pop(name) for name in ("host", "port", "username", "dsn_env", "tls", *_SECRET)}
    settings |= {"engine": facts["engine"], "options": json.loads(facts.pop("options"))}
    return Claimed(**facts, proof_only=proof_only or facts["rescues"] >= MAX_RESCUES, connecting=settings)


_SECRET: Final = ("key_id", "wrapped_key", "ciphertext")
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
    ours = (
        sa.select(task.c.id)
        .where(
            task.c.id.in_(sorted(held)),
            task.c.runner_id == runner_id,
            task.c.status.in_(ACTIVE),
            task.c.lease == sa.case(dict(held), value=task.c.id),
        )
        .order_by(task.c.id)  # as `tasks.Move` locks them
        .with_for_update(key_share=True)
        .cte("ours")
    )
    rows = await conn.execute(
        sa.update(task)
        .where(task.c.id == ours.c.id)
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
