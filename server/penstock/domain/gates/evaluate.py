"""The one function that says whether a stage may start: UI, API, command line and scheduler show and obey its
answer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from penstock.domain.checks import Check
from penstock.domain.gates import approval, freeze, lower, review, status_check, window
from penstock.domain.gates.freeze import Freeze
from penstock.domain.gates.gate import Blocker
from penstock.domain.gates.lower import Lower
from penstock.domain.gates.order import Order

FOREVER: Final = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the gates of one stage look at, loaded in one go.

    Args:
        now: the metadata database's clock, never a client's.
        pipeline_status: ``open``, ``done`` or ``canceled``.
        held_reason: why a person paused the pipeline, or None.
        order: what the order gate made of the predecessors.
        rules: the tier's rules with the steps of escalations, or None when they cannot be read: then the stage stays
            closed.
        findings: severity -> how many review found in the stage's changes.
        approvals: the answer of ``approval.assign`` under these rules.
        advance: the stage's own ``advance``; the tier may be stricter.
        advanced: somebody has run the stage.
        not_before: when the stage may start, if it says so.
        freezes: who ordered that nothing starts here.
        lower: the lower environments, where the tier looks at them.
        checks: what is required of the stage's releases in the environment that they come from.
        conditional: some task of the stage runs also, or only, if what it follows does not pass.
        budget: what the failure budget of the stage says.
        bypassed: gates that a person ordered to be passed over, for the digest that the stage has now.
        being_rewritten: tasks of the stage are being given another release, or the digest of where their target is now.
    """

    now: dt.datetime
    pipeline_status: str
    held_reason: str | None
    order: Order
    rules: approval.TierRules | None
    approvals: approval.Approvals | None
    findings: Mapping[str, int]
    advance: str
    advanced: bool
    not_before: dt.datetime | None = None
    freezes: Sequence[Freeze] = ()
    lower: Sequence[Lower] = ()
    checks: Sequence[Check] = ()
    bypassed: Collection[str] = ()
    conditional: bool = False
    budget: Sequence[Blocker] = ()
    being_rewritten: bool = False


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
    if facts.order.verdict in ("upstream_failed", "upstream_error") and not facts.conditional:
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
    if facts.being_rewritten:
        return (Blocker("review", "unfinished", "The tasks of this stage are being written anew: that ends soon."),)
    # Without readable rules the approval gate is closed anyway; the strictest reading is not needed on top of it.
    return review.blockers(facts.findings, facts.rules.blocking_severity if facts.rules is not None else "error")


def _status_check(facts: Facts) -> Sequence[Blocker]:
    return status_check.blockers(facts.checks)


def _advance(facts: Facts) -> Sequence[Blocker]:
    manual = facts.advance == "manual" or facts.rules is None or facts.rules.rollout == "manual"
    if not manual or facts.advanced:
        return ()
    return (Blocker("advance", "manual", "Waits for somebody to run this stage.", ("role:project:releaser",)),)


def _lower(facts: Facts) -> Sequence[Blocker]:
    return lower.missing(facts.lower)


def _soak(facts: Facts) -> Sequence[Blocker]:
    return lower.soaking(facts.lower, facts.rules.soak, facts.now) if facts.rules is not None else ()


def _window(facts: Facts) -> Sequence[Blocker]:
    if facts.not_before is not None and facts.now < facts.not_before:
        return (Blocker("window", "not_before", "Waits for its time.", (), facts.not_before.isoformat()),)
    if facts.rules is None or not facts.rules.windows:
        return ()
    opening = window.look(facts.rules.windows, facts.now)
    if opening.is_open:
        return ()
    message = "Outside the maintenance windows of this environment."
    return (Blocker("window", "closed", message, (), opening.changes_at.isoformat()),)


def _freeze(facts: Facts) -> Sequence[Blocker]:
    return freeze.blockers(facts.freezes, facts.now)


Gate = Callable[[Facts], Sequence[Blocker]]


def _failure_budget(facts: Facts) -> Sequence[Blocker]:
    return facts.budget


GATES: Final[tuple[Gate, ...]] = (_status, _hold, _order, _review, _approval, _status_check, _failure_budget)
# Those of place and time; in an emergency a person may pass them over.
BYPASSABLE: Final[Mapping[str, Gate]] = {
    "lower-environments": _lower,
    "soak": _soak,
    "window": _window,
    "freeze": _freeze,
}


def evaluate(facts: Facts) -> Answer:
    """Ask every gate.

    Returns:
        All blockers, in the order of the gates: people must see everything that is missing, not only the first.
    """
    found = [b for gate in GATES for b in gate(facts)]
    found += [b for name, gate in BYPASSABLE.items() if name not in facts.bypassed for b in gate(facts)]
    found += _advance(facts)
    changes_at = min((at for at in _instants(facts) if at > facts.now), default=None)
    return Answer(tuple(found), FOREVER if changes_at is None else changes_at, changes_at)


def _instants(facts: Facts) -> Iterator[dt.datetime]:
    """When a gate may answer otherwise by itself."""
    if "window" not in facts.bypassed:
        if facts.not_before is not None:
            yield facts.not_before
        if facts.rules is not None and facts.rules.windows:
            yield window.look(facts.rules.windows, facts.now).changes_at
    if "freeze" not in facts.bypassed:
        yield from (f.until for f in freeze.in_force(facts.freezes, facts.now) if f.until is not None)
    if "soak" not in facts.bypassed and facts.rules is not None:
        until = lower.soaked_at(facts.lower, facts.rules.soak)
        if until is not None:
            yield until
