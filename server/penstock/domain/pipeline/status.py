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

# When a task runs: if everything before it passes, if something before it does not, or in either case.
CONDITIONS: Final = ("on_success", "on_failure", "always")

# What a stage counts: failed tasks of class ERROR, failures that are allowed (absorbed) and skips that pass are counted
# apart, so that "does the stage pass" and "which is the least successful outcome" are answered without reading tasks.
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
    "absorbed",
)

# (from, to) -> on what: every move that is legal, whoever makes it.
MOVES: Final[Mapping[tuple[str, str], str]] = {
    ("waiting", "ready"): "order satisfied, gates open",
    ("waiting", "canceled"): "a person",
    ("waiting", "skipped"): "a person, or what came before",
    ("waiting", "succeeded"): "settled as applied",
    ("ready", "waiting"): "a gate closed",
    ("ready", "scheduled"): "claimed by a runner",
    ("ready", "canceled"): "a person",
    ("ready", "skipped"): "a person, or fail_fast",
    ("ready", "succeeded"): "settled as applied",
    ("scheduled", "running"): "lease and permit valid",
    ("scheduled", "ready"): "runner lost, nothing sent",
    ("scheduled", "waiting"): "a gate closed",
    ("scheduled", "canceling"): "a person",
    ("running", "succeeded"): "proof read",
    ("running", "failed"): "proof read",
    ("running", "ready"): "interrupted, or tried again",
    ("running", "canceling"): "a person",
    ("canceling", "canceling"): "runner lost",
    ("canceling", "canceled"): "stopped in time",
    ("canceling", "succeeded"): "it had ended well",
    ("canceling", "failed"): "it had failed",
    ("failed", "waiting"): "retry",
    ("failed", "skipped"): "a person",
    ("failed", "succeeded"): "settled as applied",
    ("canceled", "waiting"): "retry",
    ("canceled", "skipped"): "a person",
    ("skipped", "waiting"): "its cause is gone",
}
TRANSITIONS: Final[Mapping[str, frozenset[str]]] = {
    status: frozenset(to for source, to in MOVES if source == status) for status in TASK_STATUSES
}


def may_move(source: str, target: str) -> bool:
    """Tell whether the state machine has an edge from ``source`` to ``target``."""
    return target in TRANSITIONS[source]


def counter(status: str, skip_reason: str | None, failure_class: str | None, *, allow_failure: bool = False) -> str:
    """Name the stage counter that a task in this state belongs to.

    Args:
        status: one of ``TASK_STATUSES``.
        skip_reason: why it is skipped; only ``manual`` and ``condition`` skips pass.
        failure_class: ``failed`` or ``error`` when the status is ``failed``.
        allow_failure: a failure of class ``failed`` passes; an error never does.
    """
    if status == "failed" and failure_class == "error":
        return "error"
    if status == "failed" and allow_failure:
        return "absorbed"
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
        counts[c] for c in ("succeeded", "failed", "error", "canceled", "skipped", "passed_over", "absorbed")
    )


def stage_passes(counts: Counts) -> bool:
    """Every task passes: succeeded, failed as it may, or skipped by a person or by its own condition."""
    return total(counts) == counts["succeeded"] + counts["passed_over"] + counts["absorbed"]


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
    return "succeeded" if counts["succeeded"] or counts["absorbed"] else "skipped"


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
