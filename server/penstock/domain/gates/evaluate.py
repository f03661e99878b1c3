"""The one function that says whether a stage may start: UI, API, command line and scheduler show and obey its
answer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from penstock.domain.gates import approval, review
from penstock.domain.gates.gate import Blocker
from penstock.domain.gates.order import Order

FOREVER: Final = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the gates of one stage look at, loaded in one go.

    Args:
        pipeline_status: ``open``, ``done`` or ``canceled``.
        held_reason: why a person paused the pipeline, or None.
        order: what the order gate made of the predecessors.
        rules: the tier's rules, or None when they cannot be read: then the stage stays closed.
        findings: severity -> how many review found in the stage's changes.
        approvals: the answer of ``approval.assign`` under these rules.
        advance: the stage's own ``advance``; the tier may be stricter.
        advanced: somebody has run the stage.
    """

    pipeline_status: str
    held_reason: str | None
    order: Order
    rules: approval.TierRules | None
    approvals: approval.Approvals | None
    findings: Mapping[str, int]
    advance: str
    advanced: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """No blockers means open, until ``valid_until``; ``wake_at`` is when the answer can change by itself."""

    blockers: tuple[Blocker, ...]
    valid_until: dt.datetime = FOREVER
    wake_at: dt.datetime | None = None

    @property
    def is_open(self) -> bool:
        """Every gate is open."""
        return not self.blockers


def _status(facts: Facts) -> Sequence[Blocker]:
    if facts.pipeline_status == "open":
        return ()
    return (Blocker("status", facts.pipeline_status, f"The issue is {facts.pipeline_status}.", ("author",)),)


def _hold(facts: Facts) -> Sequence[Blocker]:
    if facts.held_reason is None:
        return ()
    return (Blocker("hold", "held", f"Paused: {facts.held_reason}", ("role:project:releaser",)),)


def _order(facts: Facts) -> Sequence[Blocker]:
    if facts.order.verdict in ("upstream_failed", "upstream_error"):
        return (
            Blocker(
                "order",
                facts.order.verdict,
                "A stage that this one needs did not pass.",
                ("role:project:releaser",),
            ),
        )
    return facts.order.blockers


def _approval(facts: Facts) -> Sequence[Blocker]:
    if facts.rules is None or facts.approvals is None:
        return (
            Blocker(
                "approval",
                "unreadable",
                "The approval tier of this environment cannot be read, so nothing starts here."
                " An administrator must mend it.",
                ("role:workspace:admin",),
            ),
        )
    return approval.blockers(facts.approvals)


def _review(facts: Facts) -> Sequence[Blocker]:
    # Without readable rules the approval gate is closed anyway; the strictest reading is not needed on top of it.
    return review.blockers(facts.findings, facts.rules.blocking_severity if facts.rules is not None else "error")


def _advance(facts: Facts) -> Sequence[Blocker]:
    manual = facts.advance == "manual" or facts.rules is None or facts.rules.rollout == "manual"
    if not manual or facts.advanced:
        return ()
    return (Blocker("advance", "manual", "Waits for somebody to run this stage.", ("role:project:releaser",)),)


GATES: Final[tuple[Callable[[Facts], Sequence[Blocker]], ...]] = (
    _status,
    _hold,
    _order,
    _review,
    _approval,
    _advance,
)


def evaluate(facts: Facts) -> Answer:
    """Ask every gate.

    Returns:
        All blockers, in the order of the gates: people must see everything that is missing, not only the first.
    """
    return Answer(tuple(b for gate in GATES for b in gate(facts)))
