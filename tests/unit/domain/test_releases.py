"""Repeatable changes: what ledgers and records call them."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from penstock.domain import digest
from penstock.domain.releases import in_order, is_repeatable, known_as, ledger_version, recorded_as


@dataclass(frozen=True)
class Row:
    change_digest: str


@dataclass(frozen=True)
class Named:
    version: str | None


A, B = digest.of_bytes(b"a"), digest.of_bytes(b"b")


def test_a_versioned_change_is_called_by_its_version() -> None:
    assert not is_repeatable("2026.1")
    assert recorded_as("2026.1", A) == "2026.1"
    assert ledger_version("2026.1", A, {"2026.1": Row(B)}) == "2026.1"
    assert known_as("2026.1") == "2026.1"


def test_every_run_of_a_repeatable_change_has_a_row_of_its_own() -> None:
    first = ledger_version("R__totals", A, {})
    assert first == "R__totals@1." + A.removeprefix("sha256:")[:12]
    ledger = {first: Row(A)}
    assert ledger_version("R__totals", A, ledger) == first
    second = ledger_version("R__totals", B, ledger)
    assert second.startswith("R__totals@2.")
    assert known_as(second) == recorded_as("R__totals", B)


def test_going_back_to_an_older_text_runs_it_again() -> None:
    ledger: dict[str, Row] = {}
    for text in (A, B, A):
        version = ledger_version("R__totals", text, ledger)
        assert version not in ledger
        ledger[version] = Row(text)
    assert sorted(ledger) == [f"R__totals@{n}.{t.removeprefix('sha256:')[:12]}" for n, t in ((1, A), (2, B), (3, A))]


def test_names_that_begin_alike_are_not_mixed_up() -> None:
    ledger = {ledger_version("R__a", A, {}): Row(A), "R__a": Row(B), "R__a@x": Row(B), "R__a@9.short": Row(B)}
    assert ledger_version("R__a_b", A, ledger).startswith("R__a_b@1.")
    assert ledger_version("R__a", A, ledger).startswith("R__a@1.")


@given(st.lists(st.sampled_from([A, B, digest.of_bytes(b"c")])))
def test_it_runs_exactly_when_its_text_differs_from_the_last(texts: list[str]) -> None:
    ledger: dict[str, Row] = {}
    last = None
    for text in texts:
        version = ledger_version("R__x", text, ledger)
        assert (version in ledger) == (text == last)
        ledger.setdefault(version, Row(text))
        last = text


@given(st.lists(st.sampled_from(["1", "2", "R__a", "R__b", None])))
def test_repeatable_changes_come_last_and_nothing_else_moves(versions: list[str | None]) -> None:
    ordered = [c.version for c in in_order([Named(v) for v in versions])]
    assert ordered == [v for v in versions if not is_repeatable(v)] + [v for v in versions if is_repeatable(v)]
