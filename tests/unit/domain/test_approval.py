"""Approval tiers: which decisions count for which step, who may decide, and what the gate says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from penstock.domain.gates import approval
from penstock.domain.gates.approval import Approver, Decision, Filler, Step, TierRules

OWNER, DBA = Filler(role="project:owner"), Filler(role="workspace:dba")
OPEN = TierRules()
STANDARD = TierRules(steps=(Step((OWNER, DBA)),))
CRITICAL = TierRules(steps=(Step((OWNER,)), Step((DBA,))))
TWO_DBAS = TierRules(steps=(Step((DBA,), count=2),))
NAMED = TierRules(steps=(Step((Filler(user="Eve@Example.com"),)),))

PAYMENTS = TierRules(steps=(Step((Filler(group="payments"), OWNER), count=2),))

NOW, OLD = "sha256:now", "sha256:old"


def person(id_: int, name: str, workspace: str = "member", project: str | None = None, **more: object) -> Approver:
    facts: dict[str, object] = {"kind": "person", "disabled": False, **more}
    kind, disabled = str(facts["kind"]), bool(facts["disabled"])
    return Approver(id_, kind, name, f"{name}@example.com", workspace, project, disabled)


ANA = person(1, "ana", project="developer")
BO = person(2, "bo", project="owner")
OTTO = person(3, "otto", project="owner")
DORA = person(4, "dora", workspace="dba")
DAN = person(5, "dan", workspace="dba")
BOTH = person(6, "both", workspace="dba", project="owner")
ADMIN = person(7, "ada", workspace="admin")
EVE = person(8, "eve")
ROBOT = person(9, "robot", project="owner", kind="service_account")
GONE = person(10, "gone", project="owner", disabled=True)
PIA = replace(person(11, "pia"), groups=frozenset({"payments", "oncall"}))


def assign(rules: TierRules, *given: tuple[Approver, str] | tuple[Approver, str, str]) -> approval.Approvals:
    """Decisions, oldest first, on an issue that Ana filed and Otto edited last."""
    decisions = [
        Decision(n, who, "approve" if word == "approve" else "reject", rest[0] if rest else NOW)
        for n, (who, word, *rest) in enumerate(given, 1)
    ]
    return approval.assign(rules, NOW, decisions, author=ANA.id, last_editor=OTTO.id)


def filled(answer: approval.Approvals) -> list[list[str]]:
    return [[a.name for a in s.filled_by] for s in answer.steps]


def codes(answer: approval.Approvals) -> list[str]:
    return [b.code for b in approval.blockers(answer)]


@pytest.mark.parametrize(
    ("rules", "decisions", "steps", "blockers"),
    [
        pytest.param(OPEN, [], [], [], id="no steps, nothing to wait for"),
        pytest.param(STANDARD, [], [[]], ["required"], id="nobody yet"),
        pytest.param(STANDARD, [(BO, "approve")], [["bo"]], [], id="an owner"),
        pytest.param(STANDARD, [(DORA, "approve")], [["dora"]], [], id="or a DBA"),
        pytest.param(STANDARD, [(ADMIN, "approve")], [["ada"]], [], id="an administrator does what a DBA may"),
        pytest.param(STANDARD, [(EVE, "approve")], [[]], ["required"], id="not just anybody"),
        pytest.param(STANDARD, [(ROBOT, "approve")], [[]], ["required"], id="no machine"),
        pytest.param(STANDARD, [(GONE, "approve")], [[]], ["required"], id="void: disabled since"),
        pytest.param(STANDARD, [(BO, "approve", OLD)], [[]], ["required"], id="stale: another digest"),
        pytest.param(STANDARD, [(OTTO, "approve")], [[]], ["required"], id="not the last editor"),
        pytest.param(CRITICAL, [(BO, "approve")], [["bo"], []], ["required"], id="critical: one of two"),
        pytest.param(CRITICAL, [(BO, "approve"), (DORA, "approve")], [["bo"], ["dora"]], [], id="critical: two people"),
        pytest.param(CRITICAL, [(DORA, "approve")], [[], []], ["required"], id="steps are ordered"),
        pytest.param(CRITICAL, [(BOTH, "approve")], [["both"], []], ["required"], id="one person, one step"),
        pytest.param(
            CRITICAL, [(BOTH, "approve"), (BOTH, "approve")], [["both"], []], ["required"], id="not even twice"
        ),
        pytest.param(CRITICAL, [(BOTH, "approve"), (DORA, "approve")], [["both"], ["dora"]], [], id="but with another"),
        pytest.param(TWO_DBAS, [(DORA, "approve")], [["dora"]], ["required"], id="count: one of two"),
        pytest.param(TWO_DBAS, [(DORA, "approve"), (DAN, "approve")], [["dora", "dan"]], [], id="count: two"),
        pytest.param(NAMED, [(EVE, "approve")], [["eve"]], [], id="by e-mail, whatever its case"),
        pytest.param(PAYMENTS, [(PIA, "approve")], [["pia"]], ["required"], id="by group"),
        pytest.param(PAYMENTS, [(PIA, "approve"), (EVE, "approve")], [["pia"]], ["required"], id="not in the group"),
        pytest.param(PAYMENTS, [(PIA, "approve"), (BO, "approve")], [["pia", "bo"]], [], id="group or role"),
        pytest.param(STANDARD, [(BO, "reject")], [[]], ["changes_requested", "required"], id="rejected"),
        pytest.param(
            STANDARD, [(BO, "reject"), (DORA, "approve")], [["dora"]], ["changes_requested"], id="a reject stays"
        ),
        pytest.param(STANDARD, [(BO, "reject"), (BO, "approve")], [["bo"]], [], id="cleared by the same person"),
        pytest.param(
            STANDARD, [(BO, "approve"), (BO, "reject")], [[]], ["changes_requested", "required"], id="withdrawn"
        ),
        pytest.param(STANDARD, [(BO, "reject", OLD)], [[]], ["required"], id="cleared by a new digest"),
        pytest.param(STANDARD, [(EVE, "reject")], [[]], ["required"], id="whoever fills no step rejects nothing"),
        pytest.param(STANDARD, [(GONE, "reject")], [[]], ["required"], id="void reject"),
    ],
)
def test_what_counts(
    rules: TierRules, decisions: list[tuple[Approver, str]], steps: list[list[str]], blockers: list[str]
) -> None:
    answer = assign(rules, *decisions)
    assert (filled(answer), codes(answer)) == (steps, blockers)


def test_self_approval_is_the_tiers_choice() -> None:
    lenient = TierRules(steps=(Step((OWNER,)),), self_approval=True)
    assert filled(assign(lenient, (OTTO, "approve"))) == [["otto"]]
    assert approval.is_barred(STANDARD, ANA.id, author=ANA.id, last_editor=OTTO.id)
    assert approval.is_barred(STANDARD, OTTO.id, author=ANA.id, last_editor=OTTO.id)
    assert not approval.is_barred(STANDARD, BO.id, author=ANA.id, last_editor=OTTO.id)
    assert not approval.is_barred(lenient, ANA.id, author=ANA.id, last_editor=OTTO.id)


@pytest.mark.parametrize(
    ("who", "before", "step"),
    [
        (BO, [], 0),
        (DORA, [], None),
        (DORA, [(BO, "approve")], 1),
        (BO, [(BO, "approve")], None),
        (BOTH, [(BOTH, "approve")], None),
        (OTTO, [], None),
        (ROBOT, [], None),
        (DORA, [(BO, "approve"), (DAN, "approve")], None),
    ],
)
def test_who_can_approve_a_critical_stage_now(
    who: Approver, before: list[tuple[Approver, str]], step: int | None
) -> None:
    state = approval.can_approve(CRITICAL, assign(CRITICAL, *before), who, author=ANA.id, last_editor=OTTO.id)
    assert (state.index if state else None) == step


def test_only_decisions_that_count_are_used() -> None:
    answer = assign(STANDARD, (EVE, "approve"), (BO, "approve", OLD), (DORA, "approve"), (BO, "approve"))
    assert answer.used == {3}


def test_the_blocker_says_whom_it_waits_for() -> None:
    (required,) = approval.blockers(assign(STANDARD))
    assert required.waiting_for == ("role:project:owner", "role:workspace:dba")
    assert required.message == "Waits for an approval by project owner or DBA."
    (two,) = approval.blockers(assign(TWO_DBAS))
    assert two.message == "Waits for 2 approvals by DBA."
    changes, _ = approval.blockers(assign(STANDARD, (BO, "reject")))
    assert changes.waiting_for == ("user:bo@example.com", "author")


def test_whoever_decides_anew_stands_behind_those_who_did_before() -> None:
    answer = assign(STANDARD, (BO, "approve"), (BO, "reject"), (DORA, "approve"), (BO, "approve"))
    assert filled(answer) == [["dora"]]


@pytest.mark.parametrize(
    ("rules", "given", "stands"),
    [
        (STANDARD, [(BO, "approve")], ("fresh", None)),
        (STANDARD, [(BO, "approve", OLD)], ("stale", "It was given on an earlier version of this stage.")),
        (STANDARD, [(GONE, "approve")], ("void", "gone can no longer sign in.")),
        (STANDARD, [(EVE, "approve")], ("void", "eve no longer has a role that this stage asks for.")),
        (PAYMENTS, [(DORA, "approve")], ("void", "dora no longer has a role that this stage asks for.")),
        (STANDARD, [(OTTO, "approve")], ("void", "otto filed or edited this change.")),
        (STANDARD, [(BO, "approve"), (BO, "reject")], ("withdrawn", "bo decided anew since.")),
        (STANDARD, [(BO, "reject")], ("fresh", None)),
        (STANDARD, [(EVE, "reject")], ("void", "eve no longer has a role that this stage asks for.")),
        (CRITICAL, [(DORA, "approve")], ("unused", "No step needs it at the moment.")),
    ],
)
def test_what_has_become_of_a_decision(
    rules: TierRules, given: list[tuple[Any, ...]], stands: tuple[str, str | None]
) -> None:
    """The first decision of each list."""
    decisions = [
        Decision(n, who, "approve" if word == "approve" else "reject", rest[0] if rest else NOW)
        for n, (who, word, *rest) in enumerate(given, 1)
    ]
    answer = approval.assign(rules, NOW, decisions, author=ANA.id, last_editor=OTTO.id)
    first = decisions[0]
    barred = approval.is_barred(rules, first.approver.id, author=ANA.id, last_editor=OTTO.id)
    found = approval.standing(rules, answer, NOW, first, latest=len(decisions) == 1, barred=barred)
    assert found == stands


def test_who_can_approve_counts_groups() -> None:
    state = approval.can_approve(PAYMENTS, assign(PAYMENTS), PIA, author=ANA.id, last_editor=OTTO.id)
    assert state is not None
    assert PAYMENTS.steps[0].label == "2 × group payments or project owner"
    [required] = approval.blockers(assign(PAYMENTS))
    assert required.waiting_for == ("group:payments", "role:project:owner")
