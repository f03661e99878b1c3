"""The state machine of tasks as a table, and what derives from counters: a stage's status and a pipeline's result."""

from __future__ import annotations

import pytest

from penstock.domain.pipeline.status import (
    ACTIVE,
    COUNTED,
    ENDED,
    TASK_STATUSES,
    TRANSITIONS,
    Counts,
    counter,
    may_move,
    pipeline_result,
    stage_ended,
    stage_passes,
    stage_status,
)

# Design of the pipeline model, 2.3, and settling of what nobody can know (execution, 4.2): row moves to column.
MOVES = """
             waiting ready scheduled running canceling succeeded failed canceled skipped
waiting         .      x       .        .        .         x        .      x        x
ready           x      .       x        .        .         x        .      x        x
scheduled       x      x       .        x        x         .        .      .        .
running         .      x       .        .        x         x        x      .        .
canceling       .      .       .        .        x         x        x      x        .
succeeded       .      .       .        .        .         .        .      .        .
failed          x      .       .        .        .         x        .      .        x
canceled        x      .       .        .        .         .        .      .        x
skipped         x      .       .        .        .         .        .      .        .
"""


def _table() -> dict[tuple[str, str], bool]:
    header, *rows = [line.split() for line in MOVES.strip().splitlines()]
    return {(row[0], to): mark == "x" for row in rows for to, mark in zip(header, row[1:], strict=True)}


@pytest.mark.parametrize(("move", "legal"), _table().items(), ids=lambda v: "→".join(v) if isinstance(v, tuple) else "")
def test_moves(move: tuple[str, str], legal: bool) -> None:
    assert may_move(*move) is legal


def test_the_table_is_whole() -> None:
    assert set(TRANSITIONS) == set(TASK_STATUSES) == {source for source, _ in _table()}
    assert set(ACTIVE) | set(ENDED) | {"waiting", "ready"} == set(TASK_STATUSES)


def counts(**given: int) -> Counts:
    return {name: given.get(name, 0) for name in COUNTED}


@pytest.mark.parametrize(
    ("given", "status", "ended", "passes"),
    [
        (counts(waiting=3), "waiting", False, False),
        (counts(waiting=2, ready=1), "ready", False, False),
        (counts(ready=1, succeeded=4), "ready", False, False),
        (counts(scheduled=1, waiting=1), "running", False, False),
        (counts(running=1, failed=2), "running", False, False),
        (counts(canceling=1, running=1), "canceling", False, False),
        (counts(failed=1, waiting=1), "waiting", False, False),
        (counts(succeeded=2), "succeeded", True, True),
        (counts(succeeded=1, passed_over=1), "succeeded", True, True),
        (counts(absorbed=1, succeeded=1), "succeeded", True, True),
        (counts(passed_over=2), "skipped", True, True),
        (counts(skipped=1, succeeded=1), "skipped", True, False),
        (counts(canceled=1, skipped=1), "canceled", True, False),
        (counts(failed=1, canceled=1), "failed", True, False),
        (counts(error=1, failed=3, succeeded=9), "error", True, False),
    ],
)
def test_a_stage_derives_from_its_counters(given: Counts, status: str, ended: bool, passes: bool) -> None:
    assert (stage_status(given), stage_ended(given), stage_passes(given)) == (status, ended, passes)


@pytest.mark.parametrize(
    ("status", "skip_reason", "failure_class", "name"),
    [
        ("succeeded", None, None, "succeeded"),
        ("failed", None, "failed", "failed"),
        ("failed", None, "error", "error"),
        ("skipped", "manual", None, "passed_over"),
        ("skipped", "condition", None, "passed_over"),
        ("skipped", "upstream_failed", None, "skipped"),
        ("skipped", "upstream_error", None, "skipped"),
        ("skipped", "previous_task", None, "skipped"),
        ("skipped", "fail_fast", None, "skipped"),
        ("canceling", None, None, "canceling"),
    ],
)
def test_what_a_task_counts_as(status: str, skip_reason: str | None, failure_class: str | None, name: str) -> None:
    assert counter(status, skip_reason, failure_class) == name


def test_a_failure_that_is_allowed_counts_apart_but_an_error_does_not() -> None:
    assert counter("failed", None, "failed", allow_failure=True) == "absorbed"
    assert counter("failed", None, "error", allow_failure=True) == "error"
    assert counter("succeeded", None, None, allow_failure=True) == "succeeded"


@pytest.mark.parametrize(
    ("status", "stages", "blocked", "result"),
    [
        ("open", [counts(waiting=1)], False, "pending"),
        ("open", [counts(waiting=1)], True, "blocked"),
        ("open", [counts(succeeded=1), counts(waiting=1)], True, "blocked"),
        ("open", [counts(succeeded=1), counts(ready=1)], False, "running"),
        ("open", [counts(ready=1), counts(waiting=1)], True, "running"),
        ("open", [counts(failed=1), counts(ready=1)], False, "running"),
        ("open", [counts(succeeded=1), counts(waiting=1)], False, "running"),
        ("open", [counts(running=1), counts(waiting=1)], True, "running"),
        ("open", [counts(failed=1), counts(skipped=1)], False, "failed"),
        ("open", [counts(failed=1, error=1)], False, "error"),
        ("open", [counts(canceled=1), counts(waiting=1)], False, "canceled"),
        ("open", [counts(canceling=1), counts(running=1)], False, "canceling"),
        ("done", [counts(succeeded=1, passed_over=1)], False, "succeeded"),
        ("canceled", [counts(waiting=1)], False, "canceled"),
        ("canceled", [counts(canceling=1)], False, "canceling"),
        ("canceled", [counts(succeeded=1)], False, "canceled"),
    ],
)
def test_the_result_of_a_pipeline(status: str, stages: list[Counts], blocked: bool, result: str) -> None:
    assert pipeline_result(status, stages, blocked=blocked) == result
