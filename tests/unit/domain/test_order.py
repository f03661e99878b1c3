"""The order gate: strong predecessors must end and pass, weak ones must end."""

from __future__ import annotations

import pytest

from penstock.domain.gates.order import Predecessor, order
from penstock.domain.pipeline.status import COUNTED


def stage(name: str, strong: bool, **given: int) -> Predecessor:
    return Predecessor(name, strong, {c: given.get(c, 0) for c in COUNTED})


STRONG, WEAK = True, False


@pytest.mark.parametrize(
    ("predecessors", "verdict", "waits"),
    [
        ([], "open", []),
        ([stage("a", STRONG, succeeded=2)], "open", []),
        ([stage("a", STRONG, succeeded=1, passed_over=1)], "open", []),
        ([stage("a", STRONG, succeeded=1, running=1)], "wait", [("waiting", "stage:a")]),
        ([stage("a", STRONG, failed=1, running=1)], "wait", [("waiting", "stage:a")]),
        ([stage("a", STRONG, failed=1)], "upstream_failed", []),
        ([stage("a", STRONG, error=1, failed=1)], "upstream_error", []),
        ([stage("a", STRONG, skipped=1)], "upstream_failed", []),
        ([stage("a", STRONG, canceled=1, succeeded=1)], "wait", [("predecessor_canceled", "stage:a")]),
        ([stage("a", STRONG, canceled=1, failed=1)], "upstream_failed", []),
        # One strong predecessor has failed, but another is at work: nothing is skipped before all have ended.
        (
            [stage("a", STRONG, failed=1), stage("b", STRONG, running=1)],
            "wait",
            [("predecessor_failed", "stage:a"), ("waiting", "stage:b")],
        ),
        ([stage("a", STRONG, canceled=1), stage("b", STRONG, skipped=1)], "upstream_failed", []),
        # Weak edges never skip, and treat a canceled task as ended.
        ([stage("a", WEAK, failed=1, error=1)], "open", []),
        ([stage("a", WEAK, canceled=1)], "open", []),
        ([stage("a", WEAK, running=1)], "wait", [("waiting", "stage:a")]),
        ([stage("a", STRONG, succeeded=1), stage("b", WEAK, waiting=1)], "wait", [("waiting", "stage:b")]),
        # What runs in spite of the failure waits for the weak ones.
        ([stage("a", STRONG, failed=1), stage("b", WEAK, running=1)], "upstream_failed", [("waiting", "stage:b")]),
    ],
)
def test_order(predecessors: list[Predecessor], verdict: str, waits: list[tuple[str, str]]) -> None:
    answer = order(predecessors)
    assert (answer.verdict, [(b.code, *b.waiting_for) for b in answer.blockers]) == (verdict, waits)
