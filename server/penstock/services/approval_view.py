"""What people see of a stage's approvals: each step with who filled it and who could, each decision with what has
become of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.access.decide import Principal
from penstock.domain.gates import approval, evaluate
from penstock.services.approvals import approver_of
from penstock.services.progress import facts_of
from penstock.store import approvers, pipelines
from penstock.store.rows import Record

SHOWN_CANDIDATES: Final = 20


async def people(conn: AsyncConnection, loaded: pipelines.Pipeline) -> Sequence[approval.Approver]:
    """Everybody who could fill a step of some stage that is not satisfied."""
    if loaded.project_id is None or loaded.status != "open":
        return []
    wanted = {
        filler
        for stage in loaded.stages
        if (assigned := facts_of(loaded, stage).approvals) is not None
        for state in assigned.steps
        if not state.satisfied
        for filler in state.step.any_of
    }
    return await approvers.possible(conn, loaded.project_id, wanted)


def steps(
    principal: Principal,
    loaded: pipelines.Pipeline,
    facts: evaluate.Facts,
    known: Sequence[approval.Approver],
) -> list[Record]:
    """Each step of a stage's tier.

    Args:
        known: of ``people``.
    """
    if facts.rules is None or facts.approvals is None:
        return []
    approvals, rules = facts.approvals, facts.rules
    author, editor = loaded.author_id, loaded.last_editor_id
    me = approver_of(principal, loaded.project_id)
    mine = None
    if loaded.status == "open":
        mine = approval.can_approve(rules, approvals, me, author=author, last_editor=editor)
    filled = {a.id for s in approvals.steps for a in s.filled_by}
    able = [
        who
        for who in known
        if who.id not in filled and not approval.is_barred(rules, who.id, author=author, last_editor=editor)
    ]
    following = approvals.next_step
    shown = []
    for state in approvals.steps:
        candidates = [w for w in able if approval.may_fill(state.step, w)] if not state.satisfied else []
        shown.append(
            {
                "index": state.index,
                "label": state.step.label,
                "any_of": [f.label for f in state.step.any_of],
                "count": state.step.count,
                "because": state.because,
                "approved_by": [person(a) for a in state.filled_by],
                "candidates": [person(w) for w in candidates[:SHOWN_CANDIDATES]],
                "more_candidates": len(candidates) > SHOWN_CANDIDATES or len(known) >= approvers.MOST,
                "satisfied": state.satisfied,
                "next": following is not None and following.index == state.index,
                "can_approve": mine is not None and mine.index == state.index,
            }
        )
    return shown


def person(who: approval.Approver) -> Record:
    """Somebody as the API names people."""
    return {"id": who.id, "name": who.name, "email": who.email, "kind": who.kind}


def decisions(loaded: pipelines.Pipeline, found: pipelines.Stage, facts: evaluate.Facts) -> list[Record]:
    """Every decision, newest last, with what has become of it and why."""
    latest = {d.approver.id: d.id for d in found.decisions if d.digest == found.digest}
    shown = []
    for decision, row in zip(found.decisions, found.decision_rows, strict=True):
        barred = facts.rules is not None and approval.is_barred(
            facts.rules, decision.approver.id, author=loaded.author_id, last_editor=loaded.last_editor_id
        )
        state, why = approval.standing(
            facts.rules,
            facts.approvals,
            found.digest,
            decision,
            latest=latest.get(decision.approver.id) == decision.id,
            barred=barred,
        )
        shown.append(
            {
                "id": decision.id,
                "stage": found.name,
                "step": row["step"],
                "person": person(decision.approver),
                "decision": decision.decision,
                "comment": row["comment"],
                "state": state,
                "why": why,
                "digest": decision.digest,
                "at": row["created_at"],
            }
        )
    return shown
