"""The order gate: which stages must have ended, and passed, before a stage may start.

Strong predecessors (``needs``) must end and pass; weak ones (every stage of a lower phase) must end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from penstock.domain.gates.gate import Blocker
from penstock.domain.pipeline.status import Counts, stage_ended, stage_passes


@dataclass(frozen=True, slots=True)
class Predecessor:
    """A stage that another one follows."""

    name: str
    strong: bool
    counts: Counts


@dataclass(frozen=True, slots=True)
class Order:
    """What the order says of a stage.

    Args:
        verdict: ``open``; ``wait``; or why its tasks are skipped.
        blockers: what it waits for.
        ended: every predecessor has ended.
        passes: no predecessor, strong or weak, has ended without passing.
    """

    verdict: Literal["open", "wait", "upstream_failed", "upstream_error"]
    blockers: tuple[Blocker, ...] = ()
    ended: bool = True
    passes: bool = True


def order(predecessors: Sequence[Predecessor]) -> Order:
    """Decide by the predecessors' counters.

    When every strong predecessor has ended and one does not pass, the stage is skipped: by error before by failure.  A
    canceled task never skips what follows it: that waits until a person decides.
    """
    ended = all(stage_ended(p.counts) for p in predecessors)
    passes = all(stage_passes(p.counts) for p in predecessors if stage_ended(p.counts))
    strong = [p for p in predecessors if p.strong]
    if strong and all(stage_ended(p.counts) for p in strong):
        # What runs all the same waits for the weak ones.
        waiting = tuple(_waits_for(p) for p in predecessors if not stage_ended(p.counts))
        if any(p.counts["error"] for p in strong):
            return Order("upstream_error", waiting, ended, passes)
        if any(p.counts["failed"] or p.counts["skipped"] for p in strong):
            return Order("upstream_failed", waiting, ended, passes)
    found: list[Blocker] = []
    for p in predecessors:
        if not stage_ended(p.counts):
            found.append(_waits_for(p))
        elif p.strong and not stage_passes(p.counts):
            found.append(_not_passed(p))
    return Order("wait" if found else "open", tuple(found), ended, passes)


def _waits_for(predecessor: Predecessor) -> Blocker:
    name = predecessor.name
    return Blocker("order", "waiting", f"Waits until {name} has ended.", (f"stage:{name}",))


def _not_passed(predecessor: Predecessor) -> Blocker:
    name, counts = predecessor.name, predecessor.counts
    waiting_for = (f"stage:{name}",)
    if counts["error"] or counts["failed"] or counts["skipped"]:
        message = f"{name} did not pass; this stage is skipped once everything that it needs has ended."
        return Blocker("order", "predecessor_failed", message, waiting_for)
    message = f"A task in {name} was canceled. Retry it, or skip it with a reason."
    return Blocker("order", "predecessor_canceled", message, waiting_for)
