"""The one answer about a stage: every closed gate says so, not only the first."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from penstock.domain.gates import approval, evaluate
from penstock.domain.gates.approval import Filler, Step, TierRules
from penstock.domain.gates.gate import Blocker
from penstock.domain.gates.order import Order

STANDARD = TierRules(steps=(Step((Filler(role="project:owner"),)),))


def nobody_decided(rules: TierRules) -> approval.Approvals:
    return approval.assign(rules, "sha256:1", [], author=1, last_editor=1)


NOON = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)  # a Monday
OPEN = evaluate.Facts(
    now=NOON,
    pipeline_status="open",
    held_reason=None,
    order=Order("open"),
    rules=TierRules(),
    approvals=nobody_decided(TierRules()),
    findings={},
    advance="auto",
    advanced=False,
)
WAITS = Order("wait", (Blocker("order", "waiting", "Waits until dev has ended.", ("stage:dev",)),))


def closed(facts: evaluate.Facts) -> list[tuple[str, str]]:
    return [(b.gate, b.code) for b in evaluate.evaluate(facts).blockers]


def test_open() -> None:
    answer = evaluate.evaluate(OPEN)
    assert answer.is_open and answer.blockers == () and answer.valid_until == evaluate.FOREVER


@pytest.mark.parametrize(
    ("facts", "gates"),
    [
        (replace(OPEN, pipeline_status="canceled"), [("status", "canceled")]),
        (replace(OPEN, pipeline_status="done"), [("status", "done")]),
        (replace(OPEN, held_reason="lunch"), [("hold", "held")]),
        (replace(OPEN, order=WAITS), [("order", "waiting")]),
        (replace(OPEN, order=Order("upstream_failed")), [("order", "upstream_failed")]),
        (replace(OPEN, order=Order("upstream_error")), [("order", "upstream_error")]),
        (replace(OPEN, rules=STANDARD, approvals=nobody_decided(STANDARD)), [("approval", "required")]),
        (replace(OPEN, findings={"error": 1}), [("review", "findings")]),
        (replace(OPEN, findings={"warning": 9, "info": 3}), []),
        (replace(OPEN, advance="manual"), [("advance", "manual")]),
        (replace(OPEN, advance="manual", advanced=True), []),
        (replace(OPEN, rules=TierRules(rollout="manual")), [("advance", "manual")]),
        # A gate that cannot be evaluated is closed.
        (replace(OPEN, rules=None, approvals=None), [("approval", "unreadable"), ("advance", "manual")]),
        (
            replace(
                OPEN,
                held_reason="lunch",
                order=WAITS,
                findings={"error": 2},
                rules=STANDARD,
                approvals=nobody_decided(STANDARD),
                advance="manual",
            ),
            [
                ("hold", "held"),
                ("order", "waiting"),
                ("review", "findings"),
                ("approval", "required"),
                ("advance", "manual"),
            ],
        ),
    ],
)
def test_every_closed_gate_is_listed(facts: evaluate.Facts, gates: list[tuple[str, str]]) -> None:
    assert closed(facts) == gates


def test_every_blocker_is_for_a_person() -> None:
    facts = replace(OPEN, held_reason="lunch", order=Order("upstream_failed"), rules=None, approvals=None)
    for blocker in evaluate.evaluate(facts).blockers:
        assert blocker.message.endswith(".") or blocker.gate == "hold"
        assert blocker.waiting_for
