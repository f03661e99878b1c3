"""Approval tiers: who must say yes to a stage, who may, and whether they have.

Pure decisions over facts that the store loads.  Rules are read live, so the assignment of approvals to steps is
worked out
anew each time: steps in order, approvals in the order they were given, one person for at most one step of a stage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from penstock.domain.gates.gate import Blocker


class Filler(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who may fill a step: a role (``project:owner``, ``workspace:dba``) or one user by e-mail."""

    role: str | None = None
    user: str | None = None

    @property
    def label(self) -> str:
        """How blockers and pages name it."""
        return f"role:{self.role}" if self.role else f"user:{self.user}"


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``count`` different people out of ``any_of`` must approve."""

    any_of: tuple[Filler, ...]
    count: int = 1

    @property
    def label(self) -> str:
        """``project owner or DBA``, with the number of people when it is more than one."""
        who = " or ".join(_words(f) for f in self.any_of)
        return who if self.count == 1 else f"{self.count} × {who}"


class TierRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rules of an environment.

    Args:
        blocking_severity: findings of this severity or worse keep a stage closed.
    """

    steps: tuple[Step, ...] = ()
    self_approval: bool = False
    rollout: Literal["auto", "manual"] = "auto"
    blocking_severity: Literal["error", "warning", "info"] = "error"


ROLE_LABELS = {
    "project:owner": "project owner",
    "project:releaser": "releaser",
    "project:developer": "developer",
    "workspace:dba": "DBA",
    "workspace:admin": "administrator",
}


def _words(filler: Filler) -> str:
    return ROLE_LABELS.get(filler.role, filler.role) if filler.role else str(filler.user)


@dataclass(frozen=True, slots=True)
class Approver:
    """What decides whether somebody may fill a step, as it is now.

    Args:
        project_role: role in the issue's project, if any.
    """

    id: int
    kind: str
    name: str
    email: str | None
    workspace_role: str
    project_role: str | None
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """One recorded approval or rejection of a stage."""

    id: int
    approver: Approver
    decision: Literal["approve", "reject"]
    digest: str


@dataclass(frozen=True, slots=True)
class StepState:
    """How far a step is: who filled it, in order."""

    index: int
    step: Step
    filled_by: tuple[Approver, ...]

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


def assign(rules: TierRules, digest: str, decisions: Sequence[Decision], *, author: int, last_editor: int) -> Approvals:
    """Work out which decisions count for which step.

    Args:
        rules: the tier's rules as they are now.
        digest: the stage's digest as it is now; decisions on another one are stale and do not count.
        decisions: every decision on the stage, oldest first.
        author: account id of the issue's author.
        last_editor: account id of whoever edited it last.
    """
    latest: dict[int, Decision] = {}
    for decision in decisions:
        if decision.digest == digest and not decision.approver.disabled:
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
        states.append(StepState(index, step, tuple(d.approver for d in fitting)))
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
        words = " or ".join(_words(f) for f in step.step.any_of)
        found.append(
            Blocker(
                "approval",
                "required",
                f"Waits for {people} by {words}.",
                tuple(f.label for f in step.step.any_of),
            )
        )
    return found
