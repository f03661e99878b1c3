"""What a runner writes about a task that it holds: started, log lines, how it ended.  Every write carries the fence."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.pipeline.status import ACTIVE
from penstock.store import queue, tasks
from penstock.store.tables.pipelines import stage, task, task_run

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
        lines: the last lines of its log, which no earlier write has stored.
        progress: how far it came, for the task table.
    """

    claimed: queue.Claimed
    to: Literal["succeeded", "failed", "canceled", "ready"]
    failure: Mapping[str, Any] | None = None
    failure_class: Literal["failed", "error"] | None = None
    delay: float = 0.0
    sent: bool = False
    changes: Mapping[str, str] = field(default_factory=dict)
    lines: Sequence[Line] = ()
    progress: str | None = None


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
    """Write how attempts ended.

    Returns:
        Those that were still ours; the others' leases are lost, and with them the right to say anything.
    """
    written: list[tuple[End, tasks.Moved]] = []
    by_id = {e.claimed.id: e for e in ends}
    moved = await _end_well(conn, [e for e in ends if e.to == "succeeded"])
    for e in ends:
        if e.to == "succeeded":
            continue
        values: dict[str, Any] = {"failure": e.failure if e.failure is not None else sa.null(), "progress": e.progress}
        if e.to == "failed":
            values |= {"failure_class": e.failure_class}
        if e.to == "ready":
            after = sa.text(f"interval '{float(e.delay)} seconds'")
            values |= {"run_at": sa.func.statement_timestamp() + after, "failures": task.c.failures + 1}
        if e.sent:
            values["sent"] = True
        sources = {"ready": ("running", "scheduled"), "canceled": ("canceling",)}.get(e.to, ("running", "canceling"))
        moved += await tasks.move(conn, e.to, *queue.fence(e.claimed), sources=sources, values=values)
    for m in moved:
        written.append((by_id[m.id], m))
    await _record(conn, [e for e, _ in written])
    return written


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
    values={"progress": sa.select(_PROGRESS.c.text).where(_PROGRESS.c.id == task.c.id).scalar_subquery()},
)


async def _end_well(conn: AsyncConnection, ends: Sequence[End]) -> list[tasks.Moved]:
    if not ends:
        return []
    held = queue.held_values([e.claimed for e in ends])
    instances = {e.claimed.instance_id for e in ends}
    return await _END_WELL.run(conn, held | {"held_progress": [e.progress for e in ends]}, instances=instances)


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
_LINES: Final = """
    INSERT INTO run_log (run_id, seq, at, level, text, statement_index)
    SELECT * FROM unnest(CAST(:line_runs AS bigint[]), CAST(:seqs AS bigint[]), CAST(:times AS timestamptz[]),
                         CAST(:levels AS text[]), CAST(:texts AS text[]), CAST(:indices AS integer[]))
    ON CONFLICT DO NOTHING  -- stored before, if only the answer got lost
"""
_TELL: Final = "SELECT pg_notify(:channel, payload) FROM unnest(CAST(:payloads AS text[])) AS payload"
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
        INSERT INTO task_change (task_id, version, state, run_id)
        SELECT * FROM unnest(CAST(:change_tasks AS bigint[]), CAST(:change_versions AS text[]),
                             CAST(:change_states AS text[]), CAST(:change_runs AS bigint[]))
        ON CONFLICT (task_id, version) DO UPDATE SET state = excluded.state, run_id = excluded.run_id
        WHERE NOT (task_change.state = 'applied' AND excluded.state = 'already_applied')
    ), line AS ({_LINES})
    {_TELL}
    """
)


async def _record(conn: AsyncConnection, ends: Sequence[End]) -> None:
    """Store what remains of attempts that ended: the runs' ends, what became of each change, the last log lines."""
    if not ends:
        return
    changes = [(e.claimed, version, state) for e in ends for version, state in e.changes.items()]
    given = {
        "runs": [e.claimed.run_id for e in ends],
        "outcomes": [_OUTCOMES[e.to] for e in ends],
        "lasts": [e.lines[-1].seq if e.lines else 0 for e in ends],
        "change_tasks": [c.id for c, _, _ in changes],
        "change_versions": [version for _, version, _ in changes],
        "change_states": [state for _, _, state in changes],
        "change_runs": [c.run_id for c, _, _ in changes],
    }
    await conn.execute(_RECORD, given | _line_values([(e.claimed, e.lines) for e in ends if e.lines]))


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


@dataclass(frozen=True, slots=True)
class StageTouched:
    """What decides whether the end of a task concerns more than itself."""

    id: int
    sequential: bool
    over: bool


_STAGES_TOUCHED: Final = sa.select(
    stage.c.id,
    stage.c.task_order,
    (stage.c.n_waiting + stage.c.n_ready + stage.c.n_scheduled + stage.c.n_running + stage.c.n_canceling).label("left"),
).where(stage.c.id == sa.any_(sa.bindparam("stages", type_=ARRAY(sa.BigInteger))))


async def stages_touched(conn: AsyncConnection, stage_ids: Sequence[int]) -> list[StageTouched]:
    """Whether stages are sequential, and whether all their tasks have ended."""
    rows = await conn.execute(_STAGES_TOUCHED, {"stages": stage_ids})
    return [StageTouched(r.id, r.task_order == "sequential", r.left == 0) for r in rows]
