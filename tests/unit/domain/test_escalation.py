"""Escalations: when a tier asks for more approvals, and what it says of what nobody knows."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.domain.gates import approval, escalation
from penstock.domain.gates.approval import Filler, Step, TierRules
from penstock.domain.gates.escalation import Escalation, Largest, ReviewFacts, When

OWNER, DBA = Step((Filler(role="project:owner"),)), Step((Filler(role="workspace:dba"),))
HARMLESS = ReviewFacts(destructive=False)
DROPS = ReviewFacts(destructive=True)
OPAQUE = ReviewFacts(why_destructive_unknown="change 1 is a DO block", why_sizes_unknown="change 1 is a DO block")
BIG = ReviewFacts(
    destructive=False, rows=Largest(1_200_000, "orders on pg/shop"), table_bytes=Largest(9_000, "orders on pg/shop")
)
HALF_MEASURED = ReviewFacts(destructive=False, rows=Largest(5, "a on pg/shop"), why_sizes_unknown="pg/eu is down")


@pytest.mark.parametrize(
    ("when", "findings", "facts", "why"),
    [
        pytest.param({"destructive": True}, {}, HARMLESS, None, id="removes nothing"),
        pytest.param({"destructive": True}, {}, DROPS, "the change removes data", id="removes data"),
        pytest.param({"destructive": False}, {}, DROPS, None, id="asked of harmless changes only"),
        pytest.param(
            {"destructive": True},
            {},
            OPAQUE,
            "it is not known whether the change removes data: change 1 is a DO block",
            id="unknown: fail closed",
        ),
        pytest.param({"finding_severity": "warning"}, {"info": 3}, HARMLESS, None, id="milder findings"),
        pytest.param({"finding_severity": "warning"}, {"error": 1}, HARMLESS, "review found 1 error", id="or worse"),
        pytest.param(
            {"finding_severity": "info"},
            {"warning": 2, "info": 1},
            HARMLESS,
            "review found 2 warnings and 1 info",
            id="all counted",
        ),
        pytest.param({"rows_over": 1_200_000}, {}, BIG, None, id="not over, only equal"),
        pytest.param(
            {"rows_over": 1_000_000},
            {},
            BIG,
            "orders on pg/shop has about 1,200,000 rows (more than 1,000,000)",
            id="rows",
        ),
        pytest.param(
            {"table_bytes_over": 8_000},
            {},
            BIG,
            "orders on pg/shop has about 9,000 bytes (more than 8,000)",
            id="bytes",
        ),
        pytest.param({"rows_over": 0}, {}, HARMLESS, None, id="no table named at all"),
        pytest.param(
            {"rows_over": 10},
            {},
            HALF_MEASURED,
            "it is not known how many rows its tables have: pg/eu is down",
            id="one database not measured",
        ),
        pytest.param(
            {"rows_over": 4}, {}, HALF_MEASURED, "a on pg/shop has about 5 rows (more than 4)", id="one is enough"
        ),
        pytest.param({"destructive": True, "rows_over": 10}, {}, BIG, None, id="all must hold"),
        pytest.param({"destructive": True, "finding_severity": "error"}, {}, OPAQUE, None, id="surely not both"),
        pytest.param(
            {"destructive": True, "finding_severity": "error"},
            {"error": 2},
            OPAQUE,
            "review found 2 errors, and it is not known whether the change removes data: change 1 is a DO block",
            id="one holds, one is not known",
        ),
        pytest.param({}, {}, HARMLESS, "its condition is missing", id="stored without a condition: fail closed"),
    ],
)
def test_when_an_escalation_applies(
    when: dict[str, Any], findings: dict[str, int], facts: ReviewFacts, why: str | None
) -> None:
    assert escalation.applies(When(**when), findings, facts) == why


def test_added_steps_follow_the_tiers_own_and_say_why() -> None:
    rules = TierRules(steps=(OWNER,), escalations=(Escalation(When(destructive=True), (DBA,)),))
    calm, reasons = approval.escalate(rules, {}, HARMLESS)
    assert (calm.steps, reasons) == ((OWNER,), (None,))
    strict, reasons = approval.escalate(rules, {}, DROPS)
    assert (strict.steps, reasons) == ((OWNER, DBA), (None, "the change removes data"))
    answer = approval.assign(strict, "sha256:x", [], author=1, last_editor=1, reasons=reasons)
    assert [s.because for s in answer.steps] == [None, "the change removes data"]


def test_the_blocker_of_an_added_step_says_why() -> None:
    rules = TierRules(escalations=(Escalation(When(destructive=True), (DBA,)),))
    strict, reasons = approval.escalate(rules, {}, DROPS)
    answer = approval.assign(strict, "sha256:x", [], author=1, last_editor=1, reasons=reasons)
    [blocker] = approval.blockers(answer)
    assert blocker.message == "Waits for an approval by DBA. This step was added because the change removes data."


@pytest.mark.parametrize("stored", [{}, {"destructive": "maybe"}, {"rows": 3}, None, [1]])
def test_facts_that_cannot_be_read_are_not_known(stored: object) -> None:
    facts = escalation.read_facts(stored)
    assert escalation.applies(When(destructive=True), {}, facts) is not None
    assert escalation.applies(When(destructive=False), {}, facts) is not None
    assert escalation.applies(When(rows_over=10**9), {}, facts) is not None


def test_what_could_not_be_parsed_needs_a_person_where_nobody_would_have_to_approve() -> None:
    unread = ReviewFacts(destructive=False, unparsed="7")
    rules, reasons = approval.escalate(approval.TierRules(), {}, unread)
    assert [step.words for step in rules.steps] == ["project owner or DBA"]
    assert reasons == ("change 7 could not be parsed, so a person has to say what it does",)
    own = approval.TierRules(steps=(approval.Step((approval.Filler(role="project:releaser"),)),))
    assert approval.escalate(own, {}, unread) == (own, (None,)), "a person looks at it already"
