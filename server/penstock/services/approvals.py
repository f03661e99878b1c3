"""Approving and rejecting stages: bound to the digest that the person saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import events
from penstock.domain.access.decide import Principal, allowed, require
from penstock.domain.errors import (
    Conflict,
    FieldError,
    Forbidden,
    InvalidTransition,
    NotFound,
    StaleDigest,
    ValidationFailed,
)
from penstock.domain.gates import approval
from penstock.services.progress import Progress, facts_of, is_live
from penstock.store import issues, pipelines
from penstock.store.database import Database
from penstock.store.records import audit
from penstock.store.tables.pipelines import approval as approval_table


def approver_of(principal: Principal, project_id: int | None) -> approval.Approver:
    """The caller as the approval gate sees her."""
    return approval.Approver(
        principal.id,
        principal.kind,
        principal.name,
        principal.email,
        principal.workspace_role,
        principal.projects.get(project_id) if project_id is not None else None,
        groups=principal.groups,
    )


class Approvals:
    """Decisions about stages."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def decide(
        self,
        principal: Principal,
        issue_id: int,
        *,
        stages: Sequence[str] | Literal["all"],
        digests: Mapping[str, str],
        decision: Literal["approve", "reject"],
        comment: str,
    ) -> None:
        """Approve or reject stages of an issue, all of them or none.

        Args:
            stages: names, or ``all``: every stage in which the caller can decide something now.
            digests: stage name -> the digest that the caller saw.

        Raises:
            Forbidden: a service account, the author or last editor, somebody who may fill no step, or has filled one.
            StaleDigest: a stage changed since; ``digests`` says what it is now.
            ValidationFailed: unknown stage, missing digest, or a rejection without a reason.
        """
        if decision == "reject" and not comment.strip():
            message = "Say what should change, so that the author can act on it."
            raise ValidationFailed(errors=[FieldError("comment", message, "reason_required")], code="reason_required")

        async def work(conn: AsyncConnection) -> None:
            found = await issues.by_id(conn, issue_id)
            if found is None or not allowed(principal, "issue.read", found["project_id"]):
                raise NotFound(f"There is no issue {issue_id}.")
            _refuse_machines(principal)
            progress = await Progress.begin(conn, found["pipeline_id"])
            if progress.pipeline.status != "open":
                raise InvalidTransition(f"Issue {issue_id} is {progress.pipeline.status}: there is nothing to decide.")
            chosen = _choose(progress.pipeline, stages, principal, decision)
            _check_digests(chosen, digests)
            for stage in chosen:
                step = _step(progress.pipeline, stage, principal, decision)
                await conn.execute(
                    sa.insert(approval_table).values(
                        stage_id=stage.id,
                        digest=stage.digest,
                        account_id=principal.id,
                        decision=decision,
                        step=step,
                        comment=comment,
                    )
                )
                name = events.APPROVED if decision == "approve" else events.REJECTED
                progress.event(name, actor_id=principal.id, stage=stage.name, step=step, comment=comment)
                await audit(
                    conn,
                    principal.id,
                    f"stage.{decision}",
                    f"issue:{issue_id}/{stage.name}",
                    {"digest": stage.digest, "comment": comment},
                )
            await progress.advance()
            # Somebody may be taking away the right to decide, in a transaction that does not see these decisions.
            await pipelines.go_on(conn, chosen[0].id)
            await progress.finish()

        await self._database.run(work)

    async def ask_again(self, principal: Principal, issue_id: int, comment: str) -> None:
        """Ask for the approvals that an issue still needs once more, for example after an answer to a request for
        changes; everybody who is told of requests is told again.

        Raises:
            Conflict: no stage of the issue waits for an approval.
            InvalidTransition: the issue is not open.
        """

        async def work(conn: AsyncConnection) -> None:
            found = await issues.by_id(conn, issue_id)
            if found is None or not allowed(principal, "issue.read", found["project_id"]):
                raise NotFound(f"There is no issue {issue_id}.")
            require(principal, "issue.edit", found["project_id"])
            progress = await Progress.begin(conn, found["pipeline_id"])
            if progress.pipeline.status != "open":
                raise InvalidTransition(f"Issue {issue_id} is {progress.pipeline.status}: there is nothing to approve.")
            waiting = [s.name for s in progress.pipeline.stages if lacks_approval(progress.pipeline, s)]
            if not waiting:
                raise Conflict("No stage of this issue waits for an approval.")
            for name in waiting:
                asked = events.APPROVAL_REQUESTED
                progress.event(asked, actor_id=principal.id, stage=name, comment=comment, again=True)
            await progress.finish()

        await self._database.run(work)


def lacks_approval(pipeline: pipelines.Pipeline, stage: pipelines.Stage) -> bool:
    """Something of the stage may still start, and approvals are missing or somebody asked for changes."""
    assigned = facts_of(pipeline, stage).approvals
    return is_live(stage) and assigned is not None and bool(approval.blockers(assigned))


def _refuse_machines(principal: Principal) -> None:
    if not principal.is_person:
        raise Forbidden("A service account can file and watch, but never approve: a person has to.")


def _choose(
    pipeline: pipelines.Pipeline,
    wanted: Sequence[str] | Literal["all"],
    principal: Principal,
    decision: Literal["approve", "reject"],
) -> list[pipelines.Stage]:
    if wanted == "all":
        able, refusal = [], None
        for stage in pipeline.stages:
            try:
                _step(pipeline, stage, principal, decision)
                able.append(stage)
            except Forbidden as error:
                refusal = error
            except Conflict:
                continue
        if able:
            return able
        raise refusal or Conflict("No stage of this issue waits for an approval.")
    errors = [
        FieldError(f"stages[{n}]", f"The issue has no stage {name}.", "unknown_stage")
        for n, name in enumerate(wanted)
        if pipeline.stage(name) is None
    ]
    if errors or not wanted:
        missing = FieldError("stages", "Name at least one stage.", "no_stages")
        raise ValidationFailed(errors=errors or [missing])
    return [s for s in pipeline.stages if s.name in set(wanted)]


def _check_digests(chosen: Sequence[pipelines.Stage], digests: Mapping[str, str]) -> None:
    missing = [
        FieldError(f"digest.{s.name}", f"Send the digest of {s.name} that you saw.", "digest_required")
        for s in chosen
        if s.name not in digests
    ]
    if missing:
        raise ValidationFailed(errors=missing, code="digest_required")
    stale = {s.name: s.digest for s in chosen if digests[s.name] != s.digest}
    if stale:
        raise StaleDigest(
            f"{', '.join(stale)} changed since you looked: review the new version, then decide.",
            digests=stale,
        )


def _step(
    pipeline: pipelines.Pipeline,
    stage: pipelines.Stage,
    principal: Principal,
    decision: Literal["approve", "reject"],
) -> int | None:
    """The step that an approval fills, None for a rejection; raises why it may not be given."""
    facts = facts_of(pipeline, stage)
    who = approver_of(principal, pipeline.project_id)
    if facts.rules is None or facts.approvals is None:
        raise Conflict(f"The approval tier of {stage.environment} cannot be read: an administrator must mend it.")
    author, editor = pipeline.author_id, pipeline.last_editor_id
    if approval.is_barred(facts.rules, who.id, author=author, last_editor=editor):
        raise Forbidden("You filed or last edited this change, so somebody else has to approve it.")
    if not approval.can_ever_fill(facts.rules, who):
        if not facts.rules.steps:
            raise Conflict(f"{stage.name} needs no approval.")
        require(principal, "issue.read", pipeline.project_id)
        needed = ", then ".join(s.label for s in facts.rules.steps)
        raise Forbidden(f"Your role does not approve {stage.name}. It needs {needed}.")
    if decision == "reject":
        if not is_live(stage):
            raise Conflict(f"{stage.name} has ended: there is nothing left to stop.")
        return None
    if any(a.id == who.id for a in facts.approvals.rejected_by):
        step = facts.approvals.next_step
        return step.index if step is not None and approval.may_fill(step.step, who) else 0
    if any(a.id == who.id for s in facts.approvals.steps for a in s.filled_by):
        raise Forbidden(f"You have approved {stage.name}: its other steps need other people.")
    step = facts.approvals.next_step
    if step is None:
        raise Conflict(f"{stage.name} has all its approvals.")
    if not approval.may_fill(step.step, who):
        raise Forbidden(f"The next approval of {stage.name} is that of the {step.step.label}; yours comes later.")
    return step.index
