"""What happens next in one pipeline: opens and closes stages, skips and un-skips, ends the pipeline.

One ``Progress`` is one locked pipeline in one transaction.  Whoever changes something that a gate looks at, or a
task, does it
between ``begin`` and ``finish``; ``advance`` then makes stored state equal to what the pure rules derive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import events
from penstock.domain.errors import NotFound
from penstock.domain.gates import approval, evaluate
from penstock.domain.gates.order import Predecessor, order
from penstock.domain.pipeline.status import stage_ended, stage_passes
from penstock.store import outbox, pipelines, tasks
from penstock.store.tables.pipelines import pipeline as pipeline_table
from penstock.store.tables.pipelines import task

UPSTREAM = ("upstream_failed", "upstream_error")


def facts_of(pipeline: pipelines.Pipeline, stage: pipelines.Stage) -> evaluate.Facts:
    """Gather what the gates of one stage look at.

    A pipeline without an issue only reads (the only thing such a pipeline may hold), so nobody has to approve it.
    """
    rules = stage.rules if pipeline.issue_id is not None else approval.TierRules()
    by_id = {s.id: s for s in pipeline.stages}
    strong = {i for i in stage.needs if i in by_id}
    weak = {s.id for s in pipeline.stages if s.phase < stage.phase} - strong
    predecessors = [
        Predecessor(by_id[i].name, i in strong, by_id[i].counts)
        for i in sorted(strong | weak, key=lambda i: by_id[i].position)
    ]
    assigned = None
    if rules is not None:
        assigned = approval.assign(
            rules,
            stage.digest,
            stage.decisions,
            author=pipeline.author_id,
            last_editor=pipeline.last_editor_id,
        )
    return evaluate.Facts(
        pipeline_status=pipeline.status,
        held_reason=pipeline.held_reason,
        order=order(predecessors),
        rules=rules,
        approvals=assigned,
        findings=stage.findings,
        advance=stage.advance,
        advanced=stage.advanced,
    )


def has_work(stage: pipelines.Stage) -> bool:
    """Something in the stage has not started yet, or was skipped for a reason that may go away."""
    return bool(stage.counts["waiting"] or stage.counts["ready"] or stage.counts["skipped"])


def is_live(stage: pipelines.Stage) -> bool:
    """The gates' answer matters still: something may start, or start again after an attempt that came to nothing."""
    return has_work(stage) or not stage_ended(stage.counts)


@dataclass(slots=True)
class _Event:
    type: str
    data: Mapping[str, Any]
    actor_id: int | None


class Progress:
    """One locked pipeline; make it with ``begin``, end it with ``finish``."""

    def __init__(self, conn: AsyncConnection, head: pipelines.Head) -> None:
        self.conn = conn
        self.head = head
        self._loaded: pipelines.Pipeline | None = None
        self._events: list[_Event] = []

    @property
    def pipeline(self) -> pipelines.Pipeline:
        """The pipeline with its stages, as of the last ``reload``."""
        assert self._loaded is not None, "begin with load=True, or reload first"
        return self._loaded

    @classmethod
    async def begin(cls, conn: AsyncConnection, pipeline_id: int) -> Progress:
        """Lock the pipeline and load its stages.

        Raises:
            NotFound: there is no such pipeline.
        """
        progress = await cls.lock(conn, pipeline_id)
        await progress.reload()
        return progress

    @classmethod
    async def lock(cls, conn: AsyncConnection, pipeline_id: int) -> Progress:
        """Lock the pipeline and load nothing: for what happens to every task, and must not cost more in a larger
        pipeline.

        Raises:
            NotFound: there is no such pipeline.
        """
        head = await pipelines.lock(conn, pipeline_id)
        if head is None:
            raise NotFound(f"There is no pipeline {pipeline_id}.")
        return cls(conn, head)

    def event(self, type_: str, *, actor_id: int | None = None, **data: Any) -> None:
        """Announce something when this transaction commits."""
        self._events.append(_Event(type_, data, actor_id))

    async def reload(self) -> None:
        """Read the stages again after tasks moved or decisions were written."""
        self._loaded = (await pipelines.load(self.conn, [self.head.id]))[self.head.id]

    async def advance(self) -> None:
        """Ask every stage's gates and move what they allow, until nothing changes any more."""
        await self.reload()
        while True:
            moved = False
            for stage in self.pipeline.stages:
                if is_live(stage) and await self._advance_stage(stage):
                    moved = True
                    await self.reload()
            if not moved:
                break
        await self._settle()

    async def _advance_stage(self, stage: pipelines.Stage) -> bool:
        """Returns whether a task was skipped or un-skipped, so that other stages must be looked at again."""
        facts = facts_of(self.pipeline, stage)
        verdict = facts.order.verdict
        own = task.c.stage_id == stage.id
        if verdict in UPSTREAM and self.pipeline.status == "open":
            moved = await tasks.move(self.conn, "skipped", own, sources=("waiting",), values={"skip_reason": verdict})
            if moved:
                # Skipped work waits for nobody: its approvals are asked for again when its cause is gone.
                await pipelines.set_permit(self.conn, stage.id, None, [])
                self.event(events.STAGE_SKIPPED, stage=stage.name, reason=verdict, count=len(moved))
            return bool(moved)
        if verdict not in UPSTREAM:
            back = await tasks.move(self.conn, "waiting", own, task.c.skip_reason.in_(UPSTREAM), sources=("skipped",))
            if back:
                return True
        answer = evaluate.evaluate(facts)
        await self._apply(stage, answer)
        if stage.task_order == "sequential":
            return await self._in_order(stage, is_open=answer.is_open)
        if answer.is_open and stage.counts["waiting"]:
            await tasks.move(self.conn, "ready", own, sources=("waiting",), values={"run_at": sa.func.now()})
        return False

    async def _apply(self, stage: pipelines.Stage, answer: evaluate.Answer) -> None:
        """Store or clear the permit; announce only what changed."""
        permit = (stage.digest, stage.generation)
        if answer.is_open:
            if stage.permit != permit:
                await pipelines.set_permit(self.conn, stage.id, (*permit, answer.valid_until), [])
                if stage.permit is None:
                    self.event(events.STAGE_OPENED, stage=stage.name)
        else:
            before = {(b["gate"], b["code"], b["message"]) for b in stage.blockers}
            now = {(b.gate, b.code, b.message) for b in answer.blockers}
            if stage.permit is not None or before != now:
                await pipelines.set_permit(self.conn, stage.id, None, answer.blockers)
            if stage.counts["ready"]:
                await tasks.move(self.conn, "waiting", task.c.stage_id == stage.id, sources=("ready",))
            if stage.permit is not None:
                self.event(events.STAGE_CLOSED, stage=stage.name, blockers=[b.gate for b in answer.blockers])
            asked = ("approval", "required")
            if asked in {(g, c) for g, c, _ in now} - {(g, c) for g, c, _ in before}:
                self.event(events.APPROVAL_REQUESTED, stage=stage.name)
        if answer.wake_at is not None:
            await pipelines.set_wake(self.conn, stage.id, answer.wake_at)

    async def _in_order(self, stage: pipelines.Stage, *, is_open: bool) -> bool:
        """Sequential stage: one task after the other; the first that fails makes the rest skipped."""
        own = task.c.stage_id == stage.id
        rows = await pipelines.in_order(self.conn, stage.id)
        for place, (task_id, status, skip_reason) in enumerate(rows):
            if status == "succeeded" or (status == "skipped" and skip_reason in ("manual", "condition")):
                continue
            later = [r[0] for r in rows[place + 1 :]]
            if status == "failed":
                skipped = await tasks.move(
                    self.conn,
                    "skipped",
                    own,
                    task.c.id.in_(later),
                    sources=("waiting",),
                    values={"skip_reason": "previous_task"},
                )
                return bool(skipped)
            back = await tasks.move(
                self.conn,
                "waiting",
                own,
                task.c.id.in_([task_id, *later]),
                task.c.skip_reason == "previous_task",
                sources=("skipped",),
            )
            if is_open:
                await tasks.move(
                    self.conn,
                    "ready",
                    own,
                    task.c.id == task_id,
                    sources=("waiting",),
                    values={"run_at": sa.func.now()},
                )
            return bool(back)
        return False

    async def _settle(self) -> None:
        """End the pipeline when all its tasks ended; begin a new attempt when that is no longer so."""
        current = self.pipeline
        ended = all(stage_ended(s.counts) for s in current.stages)
        values: dict[str, Any] = {}
        passed = ended and all(stage_passes(s.counts) for s in current.stages)
        done = passed and current.status == "open"
        attempt = current.attempt
        if current.ended and (done or not ended):
            # A retry, or a skip by which everything passes: whoever heard of the failure hears of what came of it.
            attempt += 1
            values |= {"ended": ended, "attempt": attempt}
            self.event(events.PIPELINE_START, attempt=attempt)
        if ended and (done or not current.ended):
            values["ended"] = True
            self.event(events.PIPELINE_SUCCESS if passed else events.PIPELINE_FAIL, attempt=attempt)
            self.event(events.PIPELINE_COMPLETE, attempt=attempt)
        if done:
            values["status"] = "done"  # the issue's status follows by its foreign key
        if values:
            await self.conn.execute(sa.update(pipeline_table).where(pipeline_table.c.id == current.id).values(values))

    async def finish(self, *, touched: bool = True) -> None:
        """Write the events with their versions; the row lock makes n visible before n + 1."""
        if not (self._events or touched):
            return
        await outbox.append_to_pipeline(
            self.conn,
            self.head.id,
            [outbox.NewEvent(type=e.type, actor_id=e.actor_id, data=e.data) for e in self._events],
            project_id=self.head.project_id,
            issue_id=self.head.issue_id,
        )
        self._events.clear()


def task_ended(
    progress: Progress,
    moved: Sequence[tasks.Moved],
    *,
    outcome: str,
    actor_id: int | None = None,
    **data: Any,
) -> None:
    """Announce how tasks ended: exactly the events of the model, COMPLETE last."""
    for m in moved:
        about = {"task": m.id, "name": m.name, "attempt": m.attempt, **data}
        if outcome == "succeeded":
            progress.event(events.TASK_SUCCESS, actor_id=actor_id, **about)
        elif outcome == "failed":
            progress.event(events.TASK_FAIL, actor_id=actor_id, **about)
        progress.event(events.TASK_COMPLETE, actor_id=actor_id, outcome=outcome, **about)
