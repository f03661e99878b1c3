"""How required checks stand: the worst of the latest word about each database that has the release."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain import checks
from penstock.domain.checks import STANDINGS, STATES, Check, Report, stand
from penstock.domain.gates import evaluate, status_check
from tests.unit.domain.test_evaluate import OPEN

CI = "ci/circle"
ONE, TWO = 1, 2


@pytest.mark.parametrize(
    ("databases", "reports", "state", "database"),
    [
        # Nobody has said anything.
        ([], [], "missing", None),
        ([ONE], [], "missing", None),
        # A word about all of them.
        ([], [Report(1, CI, None, "success")], "success", None),
        ([ONE, TWO], [Report(1, CI, None, "failure")], "failure", None),
        # Every database that has the release needs a word.
        ([ONE, TWO], [Report(1, CI, ONE, "success")], "missing", TWO),
        ([ONE, TWO], [Report(1, CI, ONE, "success"), Report(2, CI, TWO, "success")], "success", None),
        ([ONE, TWO], [Report(1, CI, ONE, "success"), Report(2, CI, TWO, "pending")], "pending", TWO),
        # The later word counts, be it about one or about all.
        ([ONE, TWO], [Report(1, CI, ONE, "failure"), Report(2, CI, None, "success")], "success", None),
        ([ONE, TWO], [Report(1, CI, None, "success"), Report(2, CI, ONE, "failure")], "failure", ONE),
        # An error, which can be overridden, never hides what cannot.
        ([ONE, TWO], [Report(1, CI, ONE, "error"), Report(2, CI, TWO, "failure")], "failure", TWO),
        ([ONE, TWO], [Report(1, CI, ONE, "error")], "missing", TWO),
        # Words about databases without the release do not count, unless none has it yet.
        ([ONE], [Report(1, CI, ONE, "success"), Report(2, CI, TWO, "failure")], "success", None),
        ([], [Report(1, CI, ONE, "success"), Report(2, CI, TWO, "failure")], "failure", TWO),
        # Other systems speak for themselves.
        ([ONE], [Report(1, "load/k6", ONE, "success")], "missing", None),
    ],
)
def test_the_worst_of_the_latest_counts(
    databases: list[int], reports: list[Report], state: str, database: int | None
) -> None:
    found = stand(CI, databases, reports)
    assert found[:2] == (state, database)
    assert found[2] == max((r.id for r in reports if r.context == CI), default=None)


@given(st.lists(st.tuples(st.sampled_from([None, 1, 2, 3]), st.sampled_from(STATES)), max_size=12))
def test_history_does_not_matter(told: list[tuple[int | None, checks.State]]) -> None:
    """Green is exactly: every database's newest word, about it or about all, is success."""
    latest = {database: Report(n, CI, database, state) for n, (database, state) in enumerate(told, 1)}
    words = [
        max((r for d, r in latest.items() if d in (None, database)), key=lambda r: r.id, default=None)
        for database in (1, 2, 3)
    ]
    green = all(word is not None and word.state == "success" for word in words)
    assert (stand(CI, [1, 2, 3], list(latest.values()))[0] == "success") == green


RED = [Check(7, "staging", CI, state, 3) for state in STANDINGS if state != "success"]


@pytest.mark.parametrize("check", RED, ids=lambda c: c.state)
def test_whatever_is_not_green_closes_the_gate_and_says_for_whom(check: Check) -> None:
    [blocker] = evaluate.evaluate(replace(OPEN, checks=[Check(7, "staging", "load/k6", "success", 4), check])).blockers
    assert (blocker.gate, blocker.code) == ("status-check", check.state)
    assert CI in blocker.message and "staging" in blocker.message and blocker.message.endswith(".")
    people = ["role:project:releaser"] if check.state == "error" else []
    assert list(blocker.waiting_for) == [f"check:{CI}", *people]


@pytest.mark.parametrize("check", RED, ids=lambda c: c.state)
def test_only_an_error_can_be_let_pass(check: Check) -> None:
    overridden = replace(check, overridden=True)
    assert evaluate.evaluate(replace(OPEN, checks=[overridden])).is_open == (check.state == "error")
    assert bool(status_check.overridable([check])) == (check.state == "error")


def test_an_error_beside_a_failure_cannot_be_let_pass() -> None:
    error, failure = (next(c for c in RED if c.state == s) for s in ("error", "failure"))
    assert status_check.overridable([error, replace(failure, context="load/k6")]) == []


def test_no_bypass_passes_over_checks() -> None:
    assert "status-check" not in evaluate.BYPASSABLE


FINE = {"context": CI, "state": "success", "target_url": None, "commit": None, "propagate": None, "propogate": None}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        *(({"context": c}, "bad_context") for c in ("circle", "ci/", "/circle", "ci circle/x", "ci/a/b", "ci/é", "")),
        ({"context": "ci/" + "x" * 200}, "bad_context"),
        ({"context": "ci/circle\n"}, "bad_context"),
        *(({"state": s}, "bad_state") for s in ("green", "", "SUCCESS", "missing")),
        *(
            ({"target_url": u}, "bad_url")
            for u in ("ftp://example.com", "javascript:alert(1)", "//example.com", "https://", "http://x:99999", "x")
        ),
        ({"target_url": "https://example.com/a b"}, "bad_url"),
        *(({"commit": c}, "bad_commit") for c in ("main", "abc123", "G" * 40, "a" * 41)),
        ({"propagate": True, "propogate": False}, "contradiction"),
    ],
)
def test_what_a_report_cannot_be(change: dict[str, object], code: str) -> None:
    assert [e.code for e in checks.mistakes(FINE | change)] == [code]


def test_all_mistakes_are_told_at_once() -> None:
    wrong = {"context": "x", "state": "y", "target_url": "z", "commit": "w"}
    assert [e.field for e in checks.mistakes(FINE | wrong)] == ["context", "state", "target_url", "commit"]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"target_url": "http://ci.example.com:8080/builds/1?x=y#z"},
        {"commit": "a" * 40},
        {"commit": "0" * 64},
        {"propagate": True, "propogate": True},
        {"context": "Ci-2.x_y/unit:mysql-8.0"},
    ],
)
def test_what_a_report_can_be(change: dict[str, object]) -> None:
    assert checks.mistakes(FINE | change) == []
