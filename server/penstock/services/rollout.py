"""What people do to running pipelines: hold, resume, run a stage, retry, cancel, skip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import events
from penstock.domain.access.decide import Principal, allowed, require
from penstock.domain.errors import Blocked, Forbidden, InvalidTransition, NotFound, UnknownOutcome, ValidationFailed
from penstock.domain.gates import evaluate
from penstock.domain.pipeline.spec import fan_out_mistakes
from penstock.services import leaving
from penstock.services.progress import Progress, facts_of, task_ended
from penstock.store import pipelines, tasks
from penstock.store.database import Database
from penstock.store.records import audit
from penstock.store.tables.gates import gate_bypass
from penstock.store.tables.pipelines import pipeline as pipeline_table
from penstock.store.tables.pipelines import stage as stage_table
from penstock.store.tables.pipelines import task


def require_pipeline(principal: Principal, project_id: int | None, verb: str) -> None:
    """Permission on a pipeline: in its project, or on instances when it belongs to no project."""
    if project_id is None:
        require(principal, "instance.read" if verb.endswith(".read") else "instance.sync")
    else:
        require(principal, verb, project_id)


class Rollout:
    """Actions on pipelines, stages and tasks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def _begin(self, conn: AsyncConnection, principal: Principal, pipeline_id: int, verb: str) -> Progress:
        progress = await Progress.begin(conn, pipeline_id)
        project_id = progress.pipeline.project_id
        if project_id is not None and not allowed(principal, "pipeline.read", project_id):
            raise NotFound(f"There is no pipeline {pipeline_id}.")
        require_pipeline(principal, project_id, verb)
        return progress

    async def hold(self, principal: Principal, pipeline_id: int, reason: str) -> None:
        """Pause a pipeline: what runs goes on to its end, nothing further starts."""

        async def work(conn: AsyncConnection) -> None:
            progress = await self._begin(conn, principal, pipeline_id, "pipeline.hold")
            _require_open(progress)
            if progress.pipeline.held_at is not None:
                raise InvalidTransition(f"Pipeline {pipeline_id} is paused already: {progress.pipeline.held_reason}")
            await conn.execute(
                sa.update(pipeline_table)
                .where(pipeline_table.c.id == pipeline_id)
                .values(held_at=sa.func.now(), held_by=principal.id, held_reason=reason)
            )
            progress.event(events.PIPELINE_HELD, actor_id=principal.id, reason=reason)
            await progress.advance()
            await progress.finish()
            await audit(conn, principal.id, "pipeline.hold", f"pipeline:{pipeline_id}", {"reason": reason})

        await self._database.run(work)

    async def resume(self, principal: Principal, pipeline_id: int) -> None:
        """End the pause."""

        async def work(conn: AsyncConnection) -> None:
            progress = await self._begin(conn, principal, pipeline_id, "pipeline.hold")
            if progress.pipeline.held_at is None:
                raise InvalidTransition(f"Pipeline {pipeline_id} is not paused.")
            await conn.execute(
                sa.update(pipeline_table)
                .where(pipeline_table.c.id == pipeline_id)
                .values(held_at=None, held_by=None, held_reason=None)
            )
            progress.event(events.PIPELINE_RESUMED, actor_id=principal.id)
            await progress.advance()
            await progress.finish()
            await audit(conn, principal.id, "pipeline.resume", f"pipeline:{pipeline_id}")

        await self._database.run(work)

    async def advance(
        self, principal: Principal, pipeline_id: int, stage_name: str, override: str | None = None
    ) -> None:
        """Run a stage that waits for somebody to do so.

        Args:
            override: why errors of required checks are let pass; the stage runs if nothing else holds it.

        Raises:
            Blocked: another gate is still closed; the answer has all of them.
            Forbidden: the caller may not override; a machine never may.
            InvalidTransition: the stage does not wait for this.
        """

        async def work(conn: AsyncConnection) -> None:
            progress = await self._begin(conn, principal, pipeline_id, "stage.advance")
            stage = _stage(progress, stage_name)
            _require_open(progress)
            let_pass = override is not None and await leaving.let_pass(progress, principal, stage, override)
            if let_pass:
                await progress.reload()
                stage = _stage(progress, stage_name)
            answer = evaluate.evaluate(facts_of(progress.pipeline, stage))
            others = [b for b in answer.blockers if b.gate != "advance"]
            if others and not let_pass:
                raise Blocked(others)
            if not answer.blockers and not let_pass:
                raise InvalidTransition(f"{stage_name} starts by itself, or has been run already.")
            if answer.blockers and not others:
                await conn.execute(
                    sa.update(stage_table)
                    .where(stage_table.c.id == stage.id)
                    .values(advanced_at=sa.func.now(), advanced_by=principal.id)
                )
                progress.event(events.STAGE_ADVANCED, actor_id=principal.id, stage=stage_name)
                await audit(conn, principal.id, "stage.advance", f"pipeline:{pipeline_id}/{stage_name}")
            await progress.advance()
            await progress.finish()

        await self._database.run(work)

    async def bypass(
        self, principal: Principal, pipeline_id: int, stage_name: str, gates: Sequence[str], reason: str
    ) -> None:
        """Pass over gates of place and time in an emergency, for what the stage does now.

        Args:
            gates: of ``evaluate.BYPASSABLE``.

        Raises:
            Forbidden: the caller filed the change, or edited it last.
        """

        async def work(conn: AsyncConnection) -> None:
            progress = await self._begin(conn, principal, pipeline_id, "stage.bypass")
            stage = _stage(progress, stage_name)
            _require_open(progress)
            if principal.id in (progress.pipeline.author_id, progress.pipeline.last_editor_id):
                raise Forbidden("You filed or last edited this change, so somebody else has to bypass its gates.")
            rows = [
                {
                    "stage_id": stage.id,
                    "gate": gate,
                    "digest": stage.digest,
                    "reason": reason,
                    "account_id": principal.id,
                }
                for gate in dict.fromkeys(gates)
            ]
            await conn.execute(pg.insert(gate_bypass).on_conflict_do_nothing(), rows)
            about = {"gates": sorted(set(gates)), "reason": reason}
            progress.event(events.STAGE_BYPASSED, actor_id=principal.id, stage=stage_name, **about)
            await progress.advance()
            await progress.finish()
            await audit(conn, principal.id, "stage.bypass", f"pipeline:{pipeline_id}/{stage_name}", about)

        await self._database.run(work)

    async def edit_limits(
        self, principal: Principal, pipeline_id: int, stage_name: str, limits: Mapping[str, int | None]
    ) -> None:
        """Change how many tasks of a stage run at once, or after how many failures it stops; no approval covers that.

        Args:
            limits: ``max_parallel`` and ``max_failures``, those that change; None lifts one.

        Raises:
            ValidationFailed: the stage's tasks run one after the other.
        """

        async def work(conn: AsyncConnection) -> None:
            progress = await self._begin(conn, principal, pipeline_id, "stage.edit")
            stage = _stage(progress, stage_name)
            _require_open(progress)
            now = stage.fan_out
            fan_out = replace(
                now,
                max_parallel=limits.get("max_parallel", now.max_parallel),
                max_failures=limits.get("max_failures", now.max_failures),
            )
            if wrong := fan_out_mistakes(fan_out, stage_name, parallel=stage.task_order == "parallel"):
                raise ValidationFailed(errors=wrong)
            await conn.execute(sa.update(stage_table).where(stage_table.c.id == stage.id).values(**limits))
            progress.event(events.STAGE_LIMITS_CHANGED, actor_id=principal.id, stage=stage_name, **limits)
            await progress.advance()
            await progress.finish()
            await audit(conn, principal.id, "stage.edit", f"pipeline:{pipeline_id}/{stage_name}", dict(limits))

        await self._database.run(work)

    async def retry_failed(self, principal: Principal, pipeline_id: int, stage_name: str) -> None:
        """Return every failed task of a stage to waiting: gates and approvals are asked again."""

        async def work(conn: AsyncConnection) -> None:
            progress = await self._begin(conn, principal, pipeline_id, "task.retry")
            stage = _stage(progress, stage_name)
            _require_open(progress)
            own = task.c.stage_id == stage.id
            count = sum(stage.counts[c] for c in ("failed", "error", "absorbed")) - stage.unsettled
            if not count:
                await _refuse_unknown(conn, own)
                raise InvalidTransition(f"No task of {stage_name} has failed.")
            failed = (own, task.c.status == "failed", ~tasks.UNKNOWN_OUTCOME)
            first = sa.select(task.c.id).where(*failed).order_by(task.c.position).limit(100)
            ids = list(await conn.scalars(first))
            # Those that have failed by now, a part in each transaction.
            await pipelines.set_marks(conn, stage.id, retrying_until=sa.func.statement_timestamp())
            await self._retried(conn, principal, progress, stage_name, count, ids)

        await self._database.run(work)

    async def retry(self, principal: Principal, task_id: int) -> None:
        """Return one failed or canceled task to waiting; what was skipped because of it follows."""

        async def work(conn: AsyncConnection) -> None:
            progress, stage = await self._of_task(conn, principal, task_id, "task.retry")
            _require_open(progress)
            await _refuse_unknown(conn, task.c.id == task_id)
            moved = await tasks.move(conn, "waiting", task.c.id == task_id, sources=("failed", "canceled"))
            if not moved:
                raise InvalidTransition("Only a failed or canceled task can be tried again.")
            await self._retried(conn, principal, progress, stage, 1, [task_id])

        await self._database.run(work)

    async def _retried(
        self,
        conn: AsyncConnection,
        principal: Principal,
        progress: Progress,
        stage: str,
        count: int,
        ids: Sequence[int],
    ) -> None:
        ids = list(ids)
        progress.event(events.TASKS_RETRIED, actor_id=principal.id, stage=stage, count=count, tasks=ids)
        await progress.advance()
        await progress.finish()
        await audit(conn, principal.id, "task.retry", f"pipeline:{progress.pipeline.id}/{stage}", {"tasks": ids})

    async def cancel(self, principal: Principal, task_id: int) -> None:
        """Cancel a task: at once if it has not started, else the target is told and the true end is awaited."""

        async def work(conn: AsyncConnection) -> None:
            progress, _ = await self._of_task(conn, principal, task_id, "task.cancel")
            own = task.c.id == task_id
            await _refuse_doubt(conn, task_id)
            at_once = await tasks.move(conn, "canceled", own, ~tasks.IN_DOUBT, sources=("waiting", "ready"))
            if at_once:
                task_ended(progress, at_once, outcome="canceled", actor_id=principal.id)
            else:
                told = await tasks.move(
                    conn,
                    "canceling",
                    own,
                    sources=("scheduled", "running"),
                    values={
                        "cancel_requested_at": sa.func.statement_timestamp(),
                        "cancel_requested_by": principal.id,
                    },
                )
                if not told:
                    raise InvalidTransition("The task has ended, or is being canceled already.")
                await tasks.announce_cancel(conn, told)
                for m in told:
                    progress.event(events.TASK_CANCELING, actor_id=principal.id, task=m.id, name=m.name)
            await progress.advance()
            await progress.finish()
            await audit(conn, principal.id, "task.cancel", f"task:{task_id}")

        await self._database.run(work)

    async def skip(self, principal: Principal, task_id: int, reason: str) -> None:
        """Pass a task over, for good and for a reason that everybody can read."""

        async def work(conn: AsyncConnection) -> None:
            progress, _ = await self._of_task(conn, principal, task_id, "task.skip")
            _require_open(progress)
            await _refuse_unknown(conn, task.c.id == task_id)
            await _refuse_doubt(conn, task_id)
            moved = await tasks.move(
                conn,
                "skipped",
                task.c.id == task_id,
                ~tasks.IN_DOUBT,
                sources=("waiting", "ready", "failed", "canceled"),
                values={"skip_reason": "manual", "skip_note": reason},
            )
            if not moved:
                raise InvalidTransition("Only a task that waits, failed or was canceled can be skipped.")
            task_ended(progress, moved, outcome="skipped", actor_id=principal.id, reason=reason)
            await progress.advance()
            await progress.finish()
            await audit(conn, principal.id, "task.skip", f"task:{task_id}", {"reason": reason})

        await self._database.run(work)

    async def _of_task(
        self, conn: AsyncConnection, principal: Principal, task_id: int, verb: str
    ) -> tuple[Progress, str]:
        pipeline_id = await conn.scalar(sa.select(task.c.pipeline_id).where(task.c.id == task_id))
        if pipeline_id is None:
            raise NotFound(f"There is no task {task_id}.")
        try:
            progress = await self._begin(conn, principal, pipeline_id, verb)
        except NotFound:
            raise NotFound(f"There is no task {task_id}.") from None
        stage_id = await conn.scalar(sa.select(task.c.stage_id).where(task.c.id == task_id))
        return progress, next(s.name for s in progress.pipeline.stages if s.id == stage_id)


async def _refuse_unknown(conn: AsyncConnection, condition: sa.ColumnElement[bool]) -> None:
    """Raises `UnknownOutcome` when nobody knows how one of these tasks ended: a second run could apply it twice."""
    name = await conn.scalar(sa.select(task.c.name).where(condition, tasks.UNKNOWN_OUTCOME).limit(1))
    if name is not None:
        raise UnknownOutcome(
            f"Nobody knows whether the change took effect on {name}: look at the database, then settle the task."
        )


async def _refuse_doubt(conn: AsyncConnection, task_id: int) -> None:
    """Raises `UnknownOutcome` when an attempt was lost that may have applied it, and the next has not found out yet."""
    name = await conn.scalar(sa.select(task.c.name).where(task.c.id == task_id, tasks.IN_DOUBT))
    if name is not None:
        raise UnknownOutcome(
            f"An attempt on {name} was lost, and may have taken effect: the next one finds out before it does anything."
            " Cancel it while that runs, hold the pipeline, or settle the task when its database is gone."
        )


def _require_open(progress: Progress) -> None:
    if progress.pipeline.status != "open":
        raise InvalidTransition(f"The issue is {progress.pipeline.status}: reopen it first, or file a new one.")


def _stage(progress: Progress, name: str) -> pipelines.Stage:
    found = progress.pipeline.stage(name)
    if found is None:
        raise NotFound(f"The pipeline has no stage {name}.")
    return found
