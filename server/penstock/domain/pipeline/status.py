"""The task's state machine as data, and what derives from it: the status of a stage and the result of a pipeline.

Only tasks and pipelines have a status.  A stage's status is a pure function of its counters, so finishing a task
costs the
same whatever the size of its stage (design of the pipeline model, 2.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TASK_STATUSES: Final = (
    "waiting",
    "ready",
    "scheduled",
    "running",
    "canceling",
    "succeeded",
    "failed",
    "canceled",
    "skipped",
)
ACTIVE: Final = ("scheduled", "running", "canceling")
ENDED: Final = ("succeeded", "failed", "canceled", "skipped")
SKIP_REASONS: Final = (
    "manual",
    "upstream_failed",
    "upstream_error",
    "previous_task",
    "condition",
    "fail_fast",
)

# What a stage counts: failed tasks of class ERROR and skips that pass are counted apart, so that "does the stage
# pass" and
# "which is the least successful outcome" are answered without reading tasks.
COUNTED: Final = (
    "waiting",
    "ready",
    "scheduled",
    "running",
    "canceling",
    "succeeded",
    "failed",
    "error",
    "canceled",
    "skipped",
    "passed_over",
)

# from -> {to}: every move that is legal, whoever makes it.
TRANSITIONS: Final[Mapping[str, frozenset[str]]] = {
    "waiting": frozenset({"ready", "canceled", "skipped"}),
    "ready": frozenset({"waiting", "scheduled", "canceled", "skipped"}),
    "scheduled": frozenset({"running", "ready", "canceling", "waiting"}),
    "running": frozenset({"succeeded", "failed", "ready", "canceling"}),
    "canceling": frozenset({"canceling", "canceled", "succeeded", "failed"}),
    "succeeded": frozenset(),
    "failed": frozenset({"waiting", "skipped"}),
    "canceled": frozenset({"waiting", "skipped"}),
    "skipped": frozenset({"waiting"}),
}


def may_move(source: str, target: str) -> bool:
    """Tell whether the state machine has an edge from ``source`` to ``target``."""
    return target in TRANSITIONS[source]


def counter(status: str, skip_reason: str | None, failure_class: str | None) -> str:
    """Name the stage counter that a task in this state belongs to.

    Args:
        status: one of ``TASK_STATUSES``.
        skip_reason: why it is skipped; only ``manual`` and ``condition`` skips pass.
        failure_class: ``failed`` or ``error`` when the status is ``failed``.
    """
    if status == "failed" and failure_class == "error":
        return "error"
    if status == "skipped" and skip_reason in ("manual", "condition"):
        return "passed_over"
    return status


Counts = Mapping[str, int]


def total(counts: Counts) -> int:
    """How many tasks the counters speak of."""
    return sum(counts[c] for c in COUNTED)


def stage_ended(counts: Counts) -> bool:
    """Every task has ended."""
    return total(counts) == sum(
        counts[c] for c in ("succeeded", "failed", "error", "canceled", "skipped", "passed_over")
    )


def stage_passes(counts: Counts) -> bool:
    """Every task passes: succeeded, or skipped by a person or by its own condition."""
    return total(counts) == counts["succeeded"] + counts["passed_over"]


def stage_status(counts: Counts) -> str:
    """Derive the word that people see for a stage.

    While something moves, that is the word; when all ended, the least successful outcome is (ERROR before FAILED before
    canceled before skipped).  A stage in which something failed and something still waits says ``waiting``: it is
    not over.
    """
    if counts["canceling"]:
        return "canceling"
    if counts["running"] or counts["scheduled"]:
        return "running"
    if not stage_ended(counts):
        return "ready" if counts["ready"] else "waiting"
    for word in ("error", "failed", "canceled", "skipped"):
        if counts[word]:
            return word
    return "succeeded" if counts["succeeded"] else "skipped"


def pipeline_result(status: str, stages: list[Counts], *, blocked: bool) -> str:
    """What a client shows beside the pipeline's status.

    Args:
        status: ``open``, ``done`` or ``canceled``.
        stages: the counters of every stage.
        blocked: some stage that could come next has a blocker that a person has to clear.

    Returns:
        ``pending``, ``running``, ``blocked``, ``canceling``, ``succeeded``, ``failed``, ``error`` or ``canceled``.
    """
    if status == "done":
        return "succeeded"
    sums = {c: sum(s[c] for s in stages) for c in COUNTED}
    if sums["canceling"]:
        return "canceling"
    if sums["running"] or sums["scheduled"] or sums["ready"]:
        return "running"
    if status == "canceled":
        return "canceled"
    if sums["error"]:
        return "error"
    if sums["failed"]:
        return "failed"
    if blocked:
        return "blocked"
    if sums["canceled"]:
        return "canceled"
    return "running" if sums["succeeded"] else "pending"
