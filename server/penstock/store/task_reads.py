"""Reading tasks, runs and logs for pages."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.store.rows import Cut, Record, Slice, fetch, fetch_one, page
from penstock.store.tables.catalog import database, environment, instance
from penstock.store.tables.changes import issue
from penstock.store.tables.pipelines import pipeline, run_log, runner, stage, task, task_change, task_run
from penstock.store.tasks import IN_DOUBT

MOST_RUNS = 100  # a target that stays away is tried for as long as it takes
# Failures first: people look at a list of a thousand tasks to find the three that failed.
_RANK = sa.case(
    {
        "failed": 0,
        "canceling": 1,
        "running": 2,
        "scheduled": 3,
        "canceled": 4,
        "ready": 5,
        "waiting": 6,
        "skipped": 7,
    },
    value=task.c.status,
    else_=8,
)


def _base() -> sa.Select[Any]:
    latest = (
        sa.select(task_run.c.id)
        .where(task_run.c.task_id == task.c.id, task_run.c.attempt == task.c.attempt)
        .scalar_subquery()
    )
    return (
        sa.select(
            task,
            stage.c.name.label("stage"),
            stage.c.blockers.label("stage_blockers"),
            environment.c.slug.label("environment"),
            instance.c.slug.label("instance"),
            instance.c.max_running_tasks,
            environment.c.max_running_tasks.label("environment_limit"),
            instance.c.environment_id,
            database.c.name.label("database"),
            pipeline.c.project_id,
            pipeline.c.status.label("pipeline_status"),
            issue.c.id.label("issue"),
            latest.label("latest_run"),
            IN_DOUBT.label("in_doubt"),
        )
        .join(stage, stage.c.id == task.c.stage_id)
        .join(environment, environment.c.id == stage.c.environment_id)
        .join(instance, instance.c.id == task.c.instance_id)
        .join(pipeline, pipeline.c.id == task.c.pipeline_id)
        .outerjoin(database, database.c.id == task.c.database_id)
        .outerjoin(issue, issue.c.pipeline_id == pipeline.c.id)
        .where(pipeline.c.started)
    )


async def by_id(conn: AsyncConnection, task_id: int) -> Record | None:
    """One task with its surroundings."""
    return await fetch_one(conn, _base().where(task.c.id == task_id))


async def listing(
    conn: AsyncConnection, cut: Cut, *, pipeline_id: int, stage_name: str | None, status: str | None
) -> Slice:
    """Tasks of a pipeline, failed ones first."""
    query = _base().where(task.c.pipeline_id == pipeline_id)
    if stage_name is not None:
        query = query.where(stage.c.name == stage_name)
    if status is not None:
        query = query.where(task.c.status == status)
    return await page(conn, query, [_RANK, task.c.id], cut)


async def changes(conn: AsyncConnection, task_id: int) -> dict[str, Record]:
    """What a task's attempts said about each change, by version."""
    rows = await fetch(
        conn,
        sa.select(task_change.c.version, task_change.c.state, task_change.c.run_id.label("run")).where(
            task_change.c.task_id == task_id
        ),
    )
    return {r["version"]: r for r in rows}


def _runs() -> sa.Select[Any]:
    return sa.select(
        task_run.c.id,
        task_run.c.task_id.label("task"),
        task_run.c.attempt,
        (runner.c.host + ":" + sa.cast(runner.c.pid, sa.Text)).label("runner"),
        task_run.c.started_at,
        task_run.c.ended_at,
        task_run.c.outcome,
        task_run.c.last_seq,
    ).outerjoin(runner, runner.c.id == task_run.c.runner_id)


async def runs(conn: AsyncConnection, task_id: int) -> list[Record]:
    """The last `MOST_RUNS` runs of a task, newest first."""
    own = _runs().where(task_run.c.task_id == task_id).order_by(task_run.c.attempt.desc())
    return await fetch(conn, own.limit(MOST_RUNS))


async def run(conn: AsyncConnection, run_id: int) -> Record | None:
    """One run, with the project that it belongs to."""
    query = (
        _runs()
        .add_columns(pipeline.c.project_id)
        .join(task, task.c.id == task_run.c.task_id)
        .join(pipeline, pipeline.c.id == task.c.pipeline_id)
        .where(task_run.c.id == run_id)
    )
    return await fetch_one(conn, query)


async def log(conn: AsyncConnection, run_id: int, after: int, limit: int) -> list[Record]:
    """Lines of a run's log after a sequence number."""
    return await fetch(
        conn,
        sa.select(run_log.c.seq, run_log.c.at, run_log.c.level, run_log.c.text, run_log.c.statement_index)
        .where(run_log.c.run_id == run_id, run_log.c.seq > after)
        .order_by(run_log.c.seq)
        .limit(limit),
    )


async def busy(conn: AsyncConnection, slot_key: str, task_id: int) -> str | None:
    """The name of the other task that has a slot, if one does."""
    found: str | None = await conn.scalar(
        sa.select(task.c.name)
        .where(
            task.c.slot_key == slot_key,
            task.c.id != task_id,
            task.c.claimable | task.c.status.in_(("scheduled", "running", "canceling")),
        )
        .limit(1)
    )
    return found


async def unsettled(conn: AsyncConnection, slot_key: str, instance_id: int, task_id: int) -> Record | None:
    """The other task on a database of which nobody knows how it ended, if there is one."""
    return await fetch_one(
        conn,
        sa.select(task.c.id, task.c.name, issue.c.id.label("issue"))
        .outerjoin(issue, issue.c.pipeline_id == task.c.pipeline_id)
        .where(
            task.c.instance_id == instance_id,
            task.c.slot_key == slot_key,
            task.c.id != task_id,
            task.c.status == "failed",
            task.c.failure["kind"].astext == "outcome_unknown",
        )
        .order_by(task.c.id)
        .limit(1),
    )


async def active_on(conn: AsyncConnection, instance_id: int) -> int:
    """How many tasks of an instance are active or could run now."""
    return (
        await conn.scalar(
            sa.select(sa.func.count())
            .select_from(task)
            .where(
                task.c.instance_id == instance_id,
                task.c.claimable | task.c.status.in_(("scheduled", "running", "canceling")),
            )
        )
    ) or 0


async def active_in(conn: AsyncConnection, environment_id: int) -> int:
    """The same for all instances of an environment."""
    there = sa.select(instance.c.id).where(instance.c.environment_id == environment_id)
    counted = (
        sa.select(sa.func.count())
        .select_from(task)
        .where(
            task.c.instance_id.in_(there),
            task.c.claimable | task.c.status.in_(("scheduled", "running", "canceling")),
        )
    )
    return await conn.scalar(counted) or 0


async def not_passing(conn: AsyncConnection, pipeline_id: int, limit: int) -> list[Record]:
    """Tasks that keep an issue from being done."""
    passes = (task.c.status == "succeeded") | (
        (task.c.status == "skipped") & task.c.skip_reason.in_(("manual", "condition"))
    )
    passes |= (task.c.status == "failed") & task.c.allow_failure & (task.c.failure_class == "failed")
    return await fetch(
        conn,
        sa.select(task.c.id, task.c.name, task.c.status, stage.c.name.label("stage"))
        .join(stage, stage.c.id == task.c.stage_id)
        .where(task.c.pipeline_id == pipeline_id, ~passes)
        .order_by(task.c.id)
        .limit(limit),
    )
