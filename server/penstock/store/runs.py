"""What a runner writes about a task that it holds: started, log lines, how it ended.  Every write carries the fence."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.pipeline.query import Scalar
from penstock.domain.pipeline.status import ACTIVE
from penstock.store import outbox, queue, tasks
from penstock.store.direct import Statement, Wire, spelled
from penstock.store.tables.pipelines import pipeline, stage, task, task_run

LOGS_CHANNEL: Final = "penstock_logs"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a run's log; ``seq`` counts from 1 in each run."""

    seq: int
    at: dt.datetime
    level: str
    text: str
    statement_index: int | None


@dataclass(frozen=True, slots=True)
class End:
    """How an attempt ended.

    Args:
        to: the task's new status; ``ready`` for an attempt that is to be made again.
        failure: what people see when it failed, or while it waits for another attempt.
        delay: seconds until the next attempt, with ``ready``.
        changes: version -> what became of the change in this attempt.
        kept: statements, from the first on, that stay in the database of the one that was not applied.
        lines: the last lines of its log, which no earlier write has stored.
        progress: how far it came, for the task table.
        outputs: what a query that succeeded found.
    """

    claimed: queue.Claimed
    to: Literal["succeeded", "failed", "canceled", "ready"]
    failure: Mapping[str, Any] | None = None
    failure_class: Literal["failed", "error"] | None = None
    delay: float = 0.0
    sent: bool = False
    changes: Mapping[str, str] = field(default_factory=dict)
    kept: int = 0
    lines: Sequence[Line] = ()
    progress: str | None = None
    outputs: Mapping[str, Scalar] | None = None


_START: Final = tasks.Move(
    "running",
    queue.HELD,
    queue.permit_holds(),
    sources=("scheduled",),
    values={"started_at": sa.func.statement_timestamp(), "failure": sa.null()},
)
_GIVE_BACK: Final = tasks.Move("waiting", queue.HELD, sources=("scheduled",))
_CANCEL_UNSENT: Final = tasks.Move("canceled", queue.HELD, ~task.c.sent, task.c.rescues == 0, sources=("canceling",))


async def start(conn: AsyncConnection, claims: Sequence[queue.Claimed]) -> list[tasks.Moved]:
    """Scheduled to running, for those whose permit still stands at this instant."""
    return await _START.run(conn, queue.held_values(claims))


async def give_back(conn: AsyncConnection, claims: Sequence[queue.Claimed]) -> list[tasks.Moved]:
    """Scheduled to waiting: the gate closed between claim and start; nothing was sent."""
    moved = await _GIVE_BACK.run(conn, queue.held_values(claims))
    await _end_runs(conn, claims, moved, "retried")
    return moved


async def cancel_unsent(conn: AsyncConnection, claims: Sequence[queue.Claimed]) -> list[tasks.Moved]:
    """Canceling to canceled, for those that a person canceled between claim and start and that never ran before."""
    moved = await _CANCEL_UNSENT.run(conn, queue.held_values(claims))
    await _end_runs(conn, claims, moved, "canceled")
    return moved


async def end(conn: AsyncConnection, ends: Sequence[End]) -> list[tuple[End, tasks.Moved]]:
    """Write how attempts ended that did not succeed.

    Returns:
        Those that were still ours; the others' leases are lost, and with them the right to say anything.
    """
    written: list[tuple[End, tasks.Moved]] = []
    for e in ends:
        values: dict[str, Any] = {"failure": e.failure if e.failure is not None else sa.null(), "progress": e.progress}
        if e.to == "failed":
            values |= {"failure_class": e.failure_class}
        if e.to == "ready":
            after = sa.text(f"interval '{float(e.delay)} seconds'")
            values |= {"run_at": sa.func.statement_timestamp() + after, "failures": task.c.failures + 1}
        if e.sent:
            values["sent"] = True
        sources = {"ready": ("running", "scheduled"), "canceled": ("canceling",)}.get(e.to, ("running", "canceling"))
        moved = await tasks.move(conn, e.to, *queue.fence(e.claimed), sources=sources, values=values)
        written += [(e, m) for m in moved]
    await _record(conn, [e for e, _ in written])
    return written


_END_RUNS: Final = (
    sa.update(task_run)
    .where(task_run.c.id == sa.any_(sa.bindparam("runs", type_=ARRAY(sa.BigInteger))), task_run.c.ended_at.is_(None))
    .values(ended_at=sa.func.statement_timestamp(), outcome=sa.bindparam("how", type_=sa.Text))
)


async def _end_runs(
    conn: AsyncConnection, claims: Sequence[queue.Claimed], moved: Sequence[tasks.Moved], outcome: str
) -> None:
    ids = {m.id for m in moved}
    runs = [c.run_id for c in claims if c.id in ids]
    if runs:
        await conn.execute(_END_RUNS, {"runs": runs, "how": outcome})


_OUTCOMES: Final = {"succeeded": "succeeded", "failed": "failed", "canceled": "canceled", "ready": "retried"}
_LINES_GIVEN: Final = """
    unnest(CAST(:line_runs AS bigint[]), CAST(:seqs AS bigint[]), CAST(:times AS timestamptz[]),
           CAST(:levels AS text[]), CAST(:texts AS text[]), CAST(:indices AS integer[]))
"""
_LINES: Final = f"""
    INSERT INTO run_log (run_id, seq, at, level, text, statement_index) SELECT * FROM {_LINES_GIVEN}
    ON CONFLICT DO NOTHING  -- stored before, if only the answer got lost
"""
_TELL: Final = "SELECT pg_notify(:channel, payload) FROM unnest(CAST(:payloads AS text[])) AS payload"
_CHANGE_KNOWN: Final = """
        ON CONFLICT (task_id, version) DO UPDATE
        SET state = excluded.state, run_id = excluded.run_id, kept = greatest(task_change.kept, excluded.kept)
        WHERE NOT (task_change.state = 'applied' AND excluded.state = 'already_applied')
"""
# A later attempt finds applied what an earlier one applied: that one stays on record.
_RECORD: Final = sa.text(
    f"""
    WITH ended AS (
        UPDATE task_run SET ended_at = statement_timestamp(), outcome = given.outcome,
                            last_seq = greatest(task_run.last_seq, given.last_seq)
        FROM unnest(CAST(:runs AS bigint[]), CAST(:outcomes AS text[]), CAST(:lasts AS bigint[]))
             AS given(run_id, outcome, last_seq)
        WHERE task_run.id = given.run_id AND task_run.ended_at IS NULL
    ), changed AS (
        INSERT INTO task_change (task_id, version, state, run_id, kept)
        SELECT * FROM unnest(CAST(:change_tasks AS bigint[]), CAST(:change_versions AS text[]),
                             CAST(:change_states AS text[]), CAST(:change_runs AS bigint[]),
                             CAST(:change_kept AS integer[]))
        {_CHANGE_KNOWN}
    ), line AS ({_LINES})
    {_TELL}
    """
)


async def _record(conn: AsyncConnection, ends: Sequence[End]) -> None:
    """Store what remains of attempts that ended: the runs' ends, what became of each change, the last log lines."""
    if ends:
        await conn.execute(_RECORD, _record_values(ends))


def _record_values(ends: Sequence[End]) -> dict[str, Any]:
    changes = [(e.claimed, version, state) for e in ends for version, state in e.changes.items()]
    kept = [e.kept if state in ("failed", "unknown") else 0 for e in ends for state in e.changes.values()]
    given = {
        "runs": [e.claimed.run_id for e in ends],
        "outcomes": [_OUTCOMES[e.to] for e in ends],
        "lasts": [e.lines[-1].seq if e.lines else 0 for e in ends],
        "change_tasks": [c.id for c, _, _ in changes],
        "change_versions": [version for _, version, _ in changes],
        "change_states": [state for _, _, state in changes],
        "change_runs": [c.run_id for c, _, _ in changes],
        "change_kept": kept,
    }
    return given | _line_values([(e.claimed, e.lines) for e in ends if e.lines])


def _line_values(logs: Sequence[tuple[queue.Claimed, Sequence[Line]]]) -> dict[str, Any]:
    """The bind parameters of ``_LINES`` and ``_TELL``; no log may be empty."""
    lines = [(claimed.run_id, line) for claimed, added in logs for line in added]
    return {
        "line_runs": [run_id for run_id, _ in lines],
        "seqs": [line.seq for _, line in lines],
        "times": [line.at for _, line in lines],
        "levels": [line.level for _, line in lines],
        "texts": [line.text for _, line in lines],
        "indices": [line.statement_index for _, line in lines],
        "payloads": [f"{c.run_id}:{c.id}:{c.pipeline_id}:{added[-1].seq}" for c, added in logs],
        "channel": LOGS_CHANNEL,
    }


_LEFT: Final = stage.c.n_waiting + stage.c.n_ready + stage.c.n_scheduled + stage.c.n_running + stage.c.n_canceling
# The stage is over, or what waits in it may begin now.
_OVER: Final = sa.literal_column("0") == _LEFT
_CONCERNS_OTHERS: Final = sa.or_(
    _OVER,
    stage.c.task_order == "sequential",
    stage.c.max_parallel.is_not(None),
    stage.c.max_failures.is_not(None),
    stage.c.batch.is_not(None),
)
_PROGRESS: Final = (
    sa.func.unnest(
        sa.bindparam("held_ids", type_=ARRAY(sa.BigInteger)), sa.bindparam("held_progress", type_=ARRAY(sa.Text))
    )
    .table_valued(sa.column("id", sa.BigInteger), sa.column("text", sa.Text), name="progressed")
    .render_derived()
)
_END_WELL: Final = tasks.Move(
    "succeeded",
    queue.HELD,
    sources=("running", "canceling"),
    by_key=True,
    values={"progress": sa.select(_PROGRESS.c.text).where(_PROGRESS.c.id == task.c.id).scalar_subquery()},
)


# All that the success of attempts changes, but for the promotion of what waits for their places.
_SUCCEED: Final = Statement(
    f"""
    WITH moved AS ({_END_WELL.text}), counted AS (
        UPDATE stage SET n_running = n_running - gone.running, n_canceling = n_canceling - gone.canceling,
                         n_succeeded = n_succeeded + gone.running + gone.canceling
        FROM (SELECT stage_id, count(*) FILTER (WHERE old_status = 'running') AS running,
                     count(*) FILTER (WHERE old_status = 'canceling') AS canceling
              FROM moved GROUP BY stage_id) AS gone
        WHERE stage.id = gone.stage_id
        RETURNING stage.id, {spelled(_CONCERNS_OTHERS)} AS concerns_others, {spelled(_OVER)} AS over
    ), ended AS (
        UPDATE task_run SET ended_at = statement_timestamp(), outcome = 'succeeded',
                            last_seq = greatest(task_run.last_seq, given.last_seq)
        FROM moved JOIN unnest(CAST(:held_ids AS bigint[]), CAST(:runs AS bigint[]), CAST(:lasts AS bigint[]))
                        AS given(task_id, run_id, last_seq) ON given.task_id = moved.id
        WHERE task_run.id = given.run_id
        RETURNING task_run.id
    ), changed AS (
        INSERT INTO task_change (task_id, version, state, run_id)
        SELECT given.* FROM unnest(CAST(:change_tasks AS bigint[]), CAST(:change_versions AS text[]),
                                   CAST(:change_states AS text[]), CAST(:change_runs AS bigint[]))
                            AS given(task_id, version, state, run_id)
        WHERE given.run_id IN (SELECT id FROM ended)
        {_CHANGE_KNOWN}
    ), line AS (
        INSERT INTO run_log (run_id, seq, at, level, text, statement_index)
        SELECT given.* FROM {_LINES_GIVEN} AS given(run_id, seq, at, level, text, statement_index)
        WHERE given.run_id IN (SELECT id FROM ended)
        ON CONFLICT DO NOTHING
    ), told AS (
        SELECT pipeline_id, id AS place, type,
               jsonb_build_object('task', id, 'name', name, 'attempt', attempt)
               || CASE type WHEN 'TASK_COMPLETE' THEN '{{"outcome": "succeeded"}}' ELSE '{{}}' END::jsonb AS data
        FROM moved CROSS JOIN (VALUES ('TASK_SUCCESS'), ('TASK_COMPLETE')) AS kind(type)
    ), {outbox.TOLD}, shown AS MATERIALIZED ({_TELL})
    SELECT moved.id, moved.stage_id, counted.concerns_others, counted.over
    FROM moved JOIN counted ON counted.id = moved.stage_id
    CROSS JOIN (SELECT count(*) FROM heard) AS heard CROSS JOIN (SELECT count(*) FROM shown) AS shown
    """
)


@dataclass(frozen=True, slots=True)
class Succeeded:
    """What the success of an attempt means for its stage.

    Args:
        over: the stage is over, so gates must be asked again.
        next: tasks of the stage begin one by one, so it may be the next one's turn.
    """

    stage_id: int
    over: bool
    next: bool


async def succeed(wire: Wire, ends: Sequence[End]) -> dict[int, Succeeded]:
    """Write and announce that attempts succeeded; the caller holds the locks of pipeline and instances, and promotes.

    Returns:
        By task id, those that were still ours.
    """
    given = queue.held_values([e.claimed for e in ends]) | _record_values(ends) | outbox.TELL
    given |= {
        "held_progress": [e.progress for e in ends],
        "move_instances": list({e.claimed.instance_id for e in ends}),
    }
    rows = await wire.fetch(_SUCCEED, given)
    return {row["id"]: Succeeded(row["stage_id"], row["over"], row["concerns_others"]) for row in rows}


_APPEND: Final = sa.text(
    f"""
    WITH line AS ({_LINES}), last AS (
        UPDATE task_run SET last_seq = :last WHERE id = :run
    )
    {_TELL}
    """
)


async def append_log(
    conn: AsyncConnection,
    claimed: queue.Claimed,
    lines: Sequence[Line],
    progress: str | None,
    waiting: Sequence[str],
) -> bool:
    """Add lines to a run's log and tell browsers; False when the lease is lost.

    Log lines are the one write that may be lost in a crash of the database server: what they tell of is proven
    elsewhere.
    """
    await conn.execute(sa.text("SET LOCAL synchronous_commit = off"))
    ours = (
        await conn.execute(
            sa.update(task)
            .where(*queue.fence(claimed), task.c.status.in_(ACTIVE))
            .values(progress=progress, waiting_on=list(waiting) or sa.null())
            .returning(task.c.id)
        )
    ).one_or_none()
    if ours is None:
        return False
    if lines:
        given = {"run": claimed.run_id, "last": lines[-1].seq}
        await conn.execute(_APPEND, given | _line_values([(claimed, lines)]))
    return True


async def concern_others(conn: AsyncConnection, stage_ids: Sequence[int]) -> bool:
    """Whether gates must be asked again after tasks of these stages ended otherwise than well."""
    hurried = stage.c.pipeline_id.in_(sa.select(pipeline.c.id).where(pipeline.c.fail_fast))
    concerned = sa.exists().where(stage.c.id.in_(stage_ids), sa.or_(_CONCERNS_OTHERS, hurried))
    return bool(await conn.scalar(sa.select(concerned)))
