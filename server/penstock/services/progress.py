"""What happens next in one pipeline: opens and closes stages, skips and un-skips, ends the pipeline.

One ``Progress`` is one locked pipeline in one transaction.  Whoever changes something that a gate looks at, or a
task, does it between ``begin`` and ``finish``; ``advance`` then makes stored state equal to what the pure rules derive,
as far as one transaction may; the gatekeeper goes on with the rest.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import events
from penstock.domain.errors import NotFound
from penstock.domain.gates import approval, evaluate
from penstock.domain.gates.order import Predecessor, order
from penstock.domain.pipeline.fan_out import spent
from penstock.domain.pipeline.status import stage_ended, stage_passes
from penstock.services import rewriting
from penstock.services.moves import Moves
from penstock.services.told import Told
from penstock.store import errands, outbox, pipelines, tasks
from penstock.store.tables.pipelines import pipeline as pipeline_table
from penstock.store.tables.pipelines import task

UPSTREAM = ("upstream_failed", "upstream_error")


def facts_of(pipeline: pipelines.Pipeline, stage: pipelines.Stage) -> evaluate.Facts:
    """Gather what the gates of one stage look at.

    Nobody has to approve what only reads.
    """
    rules = approval.TierRules() if stage.read_only else stage.rules
    reasons: Sequence[str | None] = ()
    if rules is not None:
        rules, reasons = approval.escalate(rules, stage.findings, stage.review_facts)
    by_id = {s.id: s for s in pipeline.stages}
    needed = {i for i in stage.needs if i in by_id}
    strong = set() if stage.independent else needed
    weak = (needed | {s.id for s in pipeline.stages if s.phase < stage.phase}) - strong
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
            reasons=reasons,
        )
    return evaluate.Facts(
        now=pipeline.now,
        pipeline_status=pipeline.status,
        held_reason=pipeline.held_reason,
        order=order(predecessors),
        rules=rules,
        approvals=assigned,
        findings=stage.findings,
        advance=stage.advance,
        advanced=stage.advanced,
        not_before=stage.not_before,
        freezes=stage.freezes,
        lower=stage.lower if rules is not None and rules.requires_lower_environments else (),
        checks=stage.checks,
        bypassed=stage.bypassed,
        budget=spent(stage.fan_out, stage.counts),
        conditional=stage.conditional,
        being_rewritten=stage.rewriting is not None or stage.unsettled_place,
    )


def has_work(stage: pipelines.Stage) -> bool:
    """Something in the stage has not started yet, or was skipped for a reason that may go away."""
    return bool(stage.counts["waiting"] or stage.counts["ready"] or stage.counts["skipped"])


def is_live(stage: pipelines.Stage) -> bool:
    """The gates' answer matters still: something may start, or start again after an attempt that came to nothing."""
    return has_work(stage) or not stage_ended(stage.counts)


def may_come_back(stage: pipelines.Stage) -> bool:
    """A task of the stage was passed over by its own condition, which is asked anew when something before it is."""
    return stage.conditional and bool(stage.counts["passed_over"])


def _under_way(stage: pipelines.Stage) -> bool:
    """A move of many of its tasks is to be gone on with."""
    return stage.rewriting is not None or stage.retrying_until is not None or stage.skipping is not None


@dataclass(slots=True)
class _Event:
    type: str
    data: Mapping[str, Any]
    actor_id: int | None


class Progress:
    """One locked pipeline; make it with ``begin``, end it with ``finish``.

    Attributes:
        moves: what this transaction may still move.
        woken: nothing has happened here, only somewhere else; so nobody else need be woken because of it.
    """

    def __init__(self, conn: AsyncConnection, head: pipelines.Head) -> None:
        self.conn = conn
        self.head = head
        self.moves = Moves(conn)
        self.woken = False
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
        """Ask every stage's gates and move what they allow, until nothing changes any more or this transaction has
        moved as much as it may."""
        await self.reload()
        if self.pipeline.status == "canceled":
            await self._cancel_active()
        while True:
            moved = False
            for stage in _in_flow(self.pipeline.stages):
                if is_live(stage) or may_come_back(stage) or _under_way(stage):
                    moved |= await self._advance_stage(stage)
            if moved:
                await self.reload()
            elif not await self._fail_fast():
                break
        if self.moves.more:
            await pipelines.go_on(self.conn, self.pipeline.stages[0].id)
            return
        await self._settle()
        succeeded = any(stage_ended(s.counts) and s.counts["succeeded"] for s in self.pipeline.stages)
        if self.head.project_id is not None and succeeded and not self.woken:
            await pipelines.wake_above(self.conn, self.head.project_id)

    async def hand_on(self, stage_ids: Collection[int]) -> bool:
        """Hand out what comes next in stages of which tasks ended well, and that are not over: that concerns no
        other stage.

        Returns:
            Whether that was not all, so that ``advance`` is called for.
        """
        lanes = await pipelines.lanes(self.conn, stage_ids)
        for lane in lanes:
            if lane.conditional or stage_ended(lane.counts):
                return True
            if lane.task_order == "sequential":
                if await self.moves.in_order(lane, Told(self.conn, lane.id), is_open=True, before_passes=True):
                    return True
            else:
                await self.moves.hand_out(lane, Told(self.conn, lane.id))
        return len(lanes) < len(stage_ids) or self.moves.more

    async def _cancel_active(self) -> None:
        """Tell what is at work in a canceled pipeline; each task keeps its true end."""
        values = {
            "cancel_requested_at": sa.func.statement_timestamp(),
            "cancel_requested_by": self.pipeline.canceled_by,
        }
        for stage in self.pipeline.stages:
            told = await self.moves.move(stage, "canceling", sources=("scheduled", "running"), values=values)
            await tasks.announce_cancel(self.conn, told)

    async def _advance_stage(self, stage: pipelines.Stage) -> bool:
        """Returns whether the stage or its tasks changed so that stages must be looked at again."""
        if stage.rewriting is not None and self.moves.spend(0):
            rows, whole = await rewriting.some(self.conn, stage, self.moves.room)
            self.moves.room -= rows
            if whole:
                return True
            self.moves.more = True
        if stage.retrying_until is not None and await self._retry(stage):
            return True
        facts = facts_of(self.pipeline, stage)
        verdict = facts.order.verdict
        if stage.skipping is not None and stage.skipping["reason"] not in (verdict, "condition", "fail_fast"):
            await self._skipped(stage)
        if verdict in UPSTREAM and self.pipeline.status == "open":
            moved = await self._skip(stage, verdict, task.c.when == "on_success", sources=("waiting",))
            if moved:
                # Skipped work waits for nobody: its approvals are asked for again when its cause is gone.
                await pipelines.set_permit(self.conn, stage.id, None, [])
            left = stage.counts["waiting"] and not self.moves.more  # in doubt: it waits for the gates as any other
            if moved or not (stage.conditional or left):
                return moved
        if verdict not in UPSTREAM:
            back = await self.moves.move(stage, "waiting", task.c.skip_reason.in_(UPSTREAM), sources=("skipped",))
            if back:
                return True
        if may_come_back(stage) and not facts.order.ended:
            # What it hung on is tried again, so it will be asked again.
            asked_again = task.c.skip_reason == "condition"
            if await self.moves.move(stage, "waiting", asked_again, sources=("skipped",)):
                return True
        answer = evaluate.evaluate(facts)
        await self._apply(stage, answer)
        asked = answer.is_open and stage.counts["waiting"] and stage.conditional and facts.order.passes
        if stage.skipping is not None and stage.skipping["reason"] == "condition" and not asked:
            await self._skipped(stage)
        if stage.task_order == "sequential":
            told = Told(self.conn, stage.id, self.pipeline)
            return await self.moves.in_order(stage, told, is_open=answer.is_open, before_passes=facts.order.passes)
        if answer.is_open and stage.counts["waiting"]:
            told = Told(self.conn, stage.id, self.pipeline)
            if asked and await self._skip(stage, "condition", task.c.when == "on_failure"):
                return True
            unmet = await told.unmet() if stage.conditional else []
            if unmet and await self._skip(stage, "condition", task.c.id.in_(unmet), sources=("waiting",)):
                return True
            await self.moves.hand_out(stage, told)
        return False

    async def _retry(self, stage: pipelines.Stage) -> bool:
        """Go on with a retry of all that failed; returns whether a task moved."""
        if self.pipeline.status == "open":
            before = (~tasks.UNKNOWN_OUTCOME, task.c.ended_at <= stage.retrying_until)
            moved = await self.moves.move(stage, "waiting", *before, sources=("failed",))
            if moved or self.moves.more:
                return bool(moved)
        await pipelines.set_marks(self.conn, stage.id, retrying_until=None)
        return False

    async def _skip(
        self,
        stage: pipelines.Stage,
        reason: str,
        *conditions: sa.ColumnElement[bool],
        sources: Sequence[str] = ("waiting", "ready"),
    ) -> bool:
        """Pass over tasks of a stage that have not started; answers whether there were any.

        While more are left than this transaction may move, the stage is marked, and nothing of it starts.
        """
        moved = await self.moves.move(stage, "skipped", *conditions, sources=sources, values={"skip_reason": reason})
        under_way = stage.skipping is not None and stage.skipping["reason"] == reason
        before = stage.skipping["count"] if stage.skipping is not None and under_way else 0
        if moved and self.moves.more:
            mark = {"reason": reason, "count": before + len(moved)}
            await pipelines.set_marks(self.conn, stage.id, skipping=mark)
        elif moved:
            if under_way:
                await pipelines.set_marks(self.conn, stage.id, skipping=None)
            self.event(events.STAGE_SKIPPED, stage=stage.name, reason=reason, count=before + len(moved))
        elif under_way and not self.moves.more:
            await self._skipped(stage)
        return bool(moved)

    async def _skipped(self, stage: pipelines.Stage) -> None:
        """Announce what was skipped, part by part, and that it is over."""
        assert stage.skipping is not None
        await pipelines.set_marks(self.conn, stage.id, skipping=None)
        self.event(events.STAGE_SKIPPED, stage=stage.name, **stage.skipping)

    async def _fail_fast(self) -> bool:
        """Where the pipeline says so, pass over what has not started once something failed; bring it back when that
        failure is dealt with.  What runs is never canceled."""
        if not self.pipeline.fail_fast or self.pipeline.status != "open":
            return False
        failed = any(s.counts["failed"] or s.counts["error"] for s in self.pipeline.stages)
        moved = False
        for stage in self.pipeline.stages:
            if failed and not stage.independent:
                moved |= await self._skip(stage, "fail_fast", task.c.when == "on_success")
            elif not failed:
                if stage.skipping is not None and stage.skipping["reason"] == "fail_fast":
                    await self._skipped(stage)
                hurried = task.c.skip_reason == "fail_fast"
                moved |= bool(await self.moves.move(stage, "waiting", hurried, sources=("skipped",)))
        if moved:
            await self.reload()
        return moved

    async def _apply(self, stage: pipelines.Stage, answer: evaluate.Answer) -> None:
        """Store or clear the permit; announce only what changed."""
        permit = (stage.digest, stage.generation)
        if answer.is_open:
            if (stage.permit != permit or stage.permit_until != answer.valid_until) and self.moves.spend():
                await pipelines.set_permit(self.conn, stage.id, (*permit, answer.valid_until), [])
                if stage.permit is None:
                    self.event(events.STAGE_OPENED, stage=stage.name)
        else:
            before = {(b["gate"], b["code"], b["message"]) for b in stage.blockers}
            now = {(b.gate, b.code, b.message) for b in answer.blockers}
            if (stage.permit is not None or before != now) and self.moves.spend():
                await pipelines.set_permit(self.conn, stage.id, None, answer.blockers)
                if stage.permit is not None:
                    self.event(events.STAGE_CLOSED, stage=stage.name, blockers=[b.gate for b in answer.blockers])
                asked = ("approval", "required")
                if asked in {(g, c) for g, c, _ in now} - {(g, c) for g, c, _ in before}:
                    self.event(events.APPROVAL_REQUESTED, stage=stage.name)
                if any(gate in errands.BELOW for gate, _, _ in now - before):
                    # What it waits for may be happening in a transaction that does not see this one.
                    await pipelines.go_on(self.conn, stage.id)
            await self.moves.move(stage, "waiting", sources=("ready",))
        if answer.wake_at is not None:
            await pipelines.set_wake(self.conn, stage.id, answer.wake_at)

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


def _in_flow(stages: Sequence[pipelines.Stage]) -> list[pipelines.Stage]:
    """The stages so that each comes after all that it follows: then what one does has reached the others when it is
    their turn."""
    by_id = {s.id: s for s in stages}
    sorter = TopologicalSorter({s.id: [i for i in s.needs if i in by_id] for s in stages})
    return sorted((by_id[i] for i in sorter.static_order()), key=lambda s: s.phase)


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
            if m.absorbed:
                continue  # for whoever waits for the end of a build, it did not fail
        progress.event(events.TASK_COMPLETE, actor_id=actor_id, outcome=outcome, **about)
