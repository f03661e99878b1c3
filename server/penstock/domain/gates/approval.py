"""Approval tiers: who must say yes to a stage, who may, and whether they have.

Pure decisions over facts that the store loads.  Rules are read live, so the assignment of approvals to steps is
worked out
anew each time: steps in order, approvals in the order they were given, one person for at most one step of a stage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from penstock.domain.gates.escalation import Escalation, ReviewFacts, asked_for
from penstock.domain.gates.gate import Blocker
from penstock.domain.gates.step import ROLE_LABELS, Filler, Step, in_words
from penstock.domain.gates.window import Window

__all__ = ["ROLE_LABELS", "Filler", "Step"]


class TierRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rules of an environment.

    Args:
        blocking_severity: findings of this severity or worse keep a stage closed.
        requires_lower_environments: a release must be applied in every lower environment first.
        soak: minutes that it must have been there.
        windows: spans in which work may start; none: always.
        escalations: further steps, where what review found asks for them.
    """

    steps: tuple[Step, ...] = ()
    self_approval: bool = False
    rollout: Literal["auto", "manual"] = "auto"
    blocking_severity: Literal["error", "warning", "info"] = "error"
    requires_lower_environments: bool = False
    soak: int = 0
    windows: tuple[Window, ...] = ()
    escalations: tuple[Escalation, ...] = ()


def escalate(
    rules: TierRules, findings: Mapping[str, int], facts: ReviewFacts
) -> tuple[TierRules, tuple[str | None, ...]]:
    """The rules with the steps that their escalations add for one stage.

    What could not be parsed is unknown, never safe: where nobody would have to approve it, somebody has to.

    Returns:
        The rules, and for each of their steps why it was added, None for the tier's own.
    """
    added = asked_for(rules.escalations, findings, facts)
    if facts.unparsed is not None and not rules.steps and not added:
        why = f"change {facts.unparsed} could not be parsed, so a person has to say what it does"
        added = [(Step((Filler(role="project:owner"), Filler(role="workspace:dba"))), why)]
    whole = msgspec.structs.replace(rules, steps=(*rules.steps, *(step for step, _ in added)), escalations=())
    return whole, (*(None for _ in rules.steps), *(why for _, why in added))


@dataclass(frozen=True, slots=True)
class Approver:
    """What decides whether somebody may fill a step, as it is now.

    Args:
        project_role: role in the issue's project, if any.
        groups: slugs of the groups that the person belongs to.
    """

    id: int
    kind: str
    name: str
    email: str | None
    workspace_role: str
    project_role: str | None
    disabled: bool = False
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Decision:
    """One recorded approval or rejection of a stage."""

    id: int
    approver: Approver
    decision: Literal["approve", "reject"]
    digest: str


@dataclass(frozen=True, slots=True)
class StepState:
    """How far a step is: who filled it, in order.

    Args:
        because: why an escalation added it; None for the tier's own.
    """

    index: int
    step: Step
    filled_by: tuple[Approver, ...]
    because: str | None = None

    @property
    def satisfied(self) -> bool:
        """Enough different people approved."""
        return len(self.filled_by) >= self.step.count


@dataclass(frozen=True, slots=True)
class Approvals:
    """The answer for one stage.

    Args:
        steps: every step with who filled it.
        rejected_by: people whose own latest decision on the current digest is a rejection.
        used: ids of the decisions that count.
    """

    steps: tuple[StepState, ...]
    rejected_by: tuple[Approver, ...]
    used: frozenset[int]

    @property
    def next_step(self) -> StepState | None:
        """The first step that is not satisfied."""
        return next((s for s in self.steps if not s.satisfied), None)


def may_fill(step: Step, approver: Approver) -> bool:
    """Tell whether somebody has what a step asks for.  An administrator may do whatever a DBA may."""
    if approver.disabled or approver.kind != "person":
        return False
    return any(_matches(filler, approver) for filler in step.any_of)


def _matches(filler: Filler, approver: Approver) -> bool:
    if filler.group is not None:
        return filler.group in approver.groups
    if filler.user is not None:
        return approver.email is not None and filler.user.lower() == approver.email.lower()
    scope, _, role = (filler.role or "").partition(":")
    if scope == "project":
        return approver.project_role == role
    if scope == "workspace":
        return approver.workspace_role == role or (role == "dba" and approver.workspace_role == "admin")
    return False


def is_barred(rules: TierRules, approver_id: int, *, author: int, last_editor: int) -> bool:
    """The author and the last editor never approve their own change, unless the tier says so."""
    return not rules.self_approval and approver_id in (author, last_editor)


def assign(
    rules: TierRules,
    digest: str,
    decisions: Sequence[Decision],
    *,
    author: int,
    last_editor: int,
    reasons: Sequence[str | None] = (),
) -> Approvals:
    """Work out which decisions count for which step.

    Args:
        rules: the tier's rules as they are now, with the steps of escalations.
        digest: the stage's digest as it is now; decisions on another one are stale and do not count.
        decisions: every decision on the stage, oldest first.
        author: account id of the issue's author.
        last_editor: account id of whoever edited it last.
        reasons: for each step why an escalation added it.
    """
    latest: dict[int, Decision] = {}
    for decision in decisions:
        if decision.digest == digest and not decision.approver.disabled:
            latest.pop(decision.approver.id, None)  # whoever decides anew takes a new place in the order
            latest[decision.approver.id] = decision
    rejected = tuple(d.approver for d in latest.values() if d.decision == "reject" and can_ever_fill(rules, d.approver))
    pool = [
        d
        for d in latest.values()
        if d.decision == "approve" and not is_barred(rules, d.approver.id, author=author, last_editor=last_editor)
    ]
    states: list[StepState] = []
    used: set[int] = set()
    for index, step in enumerate(rules.steps):
        reached = all(s.satisfied for s in states)
        fitting = [d for d in pool if d.id not in used and may_fill(step, d.approver)][: step.count] if reached else []
        used.update(d.id for d in fitting)
        because = reasons[index] if index < len(reasons) else None
        states.append(StepState(index, step, tuple(d.approver for d in fitting), because))
    return Approvals(tuple(states), rejected, frozenset(used))


def can_ever_fill(rules: TierRules, approver: Approver) -> bool:
    """Tell whether somebody may fill some step of the tier; whoever may, may also reject."""
    return any(may_fill(step, approver) for step in rules.steps)


def can_approve(
    rules: TierRules, approvals: Approvals, approver: Approver, *, author: int, last_editor: int
) -> StepState | None:
    """The step that this person could fill now, or None."""
    step = approvals.next_step
    if step is None or is_barred(rules, approver.id, author=author, last_editor=last_editor):
        return None
    if any(a.id == approver.id for s in approvals.steps for a in s.filled_by):
        return None
    return step if may_fill(step.step, approver) else None


def blockers(approvals: Approvals) -> list[Blocker]:
    """Why the approval gate is closed; empty when it is open."""
    found = [
        Blocker(
            "approval",
            "changes_requested",
            f"{who.name} asked for changes. Edit the change, or let {who.name} approve it.",
            (f"user:{who.email}", "author"),
        )
        for who in approvals.rejected_by
    ]
    if step := approvals.next_step:
        missing = step.step.count - len(step.filled_by)
        people = "an approval" if missing == 1 else f"{missing} approvals"
        because = f" This step was added because {step.because}." if step.because is not None else ""
        found.append(
            Blocker(
                "approval",
                "required",
                f"Waits for {people} by {in_words(step.step.any_of)}.{because}",
                tuple(f.label for f in step.step.any_of),
            )
        )
    return found


Standing = Literal["fresh", "stale", "void", "withdrawn", "unused"]


def standing(
    rules: TierRules | None, approvals: Approvals | None, digest: str, decision: Decision, *, latest: bool, barred: bool
) -> tuple[Standing, str | None]:
    """What has become of a decision, and why it does not count any more.

    Args:
        digest: the stage's digest as it is now.
        latest: the person has not decided on this digest again since.
        barred: the person is the author or last editor now, and may not approve.
    """
    who = decision.approver
    if decision.digest != digest:
        return "stale", "It was given on an earlier version of this stage."
    if not latest:
        return "withdrawn", f"{who.name} decided anew since."
    if who.disabled:
        return "void", f"{who.name} can no longer sign in."
    if rules is None or approvals is None:
        return "unused", "The approval tier cannot be read."
    if not can_ever_fill(rules, who):
        return "void", f"{who.name} no longer has a role that this stage asks for."
    if decision.decision == "reject" or decision.id in approvals.used:
        return "fresh", None
    if barred:
        return "void", f"{who.name} filed or edited this change."
    return "unused", "No step needs it at the moment."
