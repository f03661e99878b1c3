"""What a reading of a database means: the whole table."""

from __future__ import annotations

import itertools

import pytest

from penstock.domain.drift import Seen, Standing, Verdict, judge, reading

BOTH = (False, True)


def seen(facts: str = "", found: str = "B", expected: str | None = "A", standing: Standing | None = None) -> Seen:
    """A reading of which these facts are true."""
    words = facts.split()
    return Seen(found, expected, "overlapped" in words, "changed" in words, "reread" in words, standing)


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        ("", "opened"),
        ("changed", "change"),
        ("reread", "reading"),
        ("changed reread", "change"),
        ("overlapped", "wait"),
        ("overlapped changed", "wait"),
        ("overlapped reread", "wait"),
    ],
)
def test_what_differs_has_drifted_unless_it_is_explained(facts: str, verdict: Verdict) -> None:
    assert judge(seen(facts)) == verdict


@pytest.mark.parametrize("facts", ["", "overlapped", "changed", "overlapped changed reread"])
def test_what_was_never_seen_is_expected_to_be_as_it_is(facts: str) -> None:
    assert judge(seen(facts, expected=None)) == "first_sight"


def test_what_is_as_expected_ends_whatever_stands_once_nothing_runs() -> None:
    for status, explained, lapsed in itertools.product(("open", "ignored"), BOTH, BOTH):
        standing = Standing(status, "B", explained, lapsed)  # type: ignore[arg-type]  # of a product
        assert judge(seen("changed", "A", standing=standing)) == "as_expected"
        assert judge(seen("overlapped", "A", standing=standing)) == "wait"
    assert judge(seen(found="A")) == "as_expected"


@pytest.mark.parametrize(
    ("status", "found", "explained", "lapsed", "verdict"),
    [
        ("open", "B", False, False, "still"),
        ("open", "B", True, False, "still"),
        # A change of ours after it does not make it ours.
        ("open", "C", True, False, "moved"),
        ("open", "C", False, False, "moved"),
        ("ignored", "B", False, False, "still"),
        ("ignored", "B", True, False, "still"),
        ("ignored", "B", False, True, "reopened"),
        ("ignored", "B", True, True, "reopened"),
        # It is ignored until somebody else changes it.
        ("ignored", "C", True, False, "moved"),
        ("ignored", "C", False, False, "reopened"),
        ("ignored", "C", True, True, "reopened"),
    ],
)
def test_what_stands(status: str, found: str, explained: bool, lapsed: bool, verdict: Verdict) -> None:
    standing = Standing(status, "B", explained, lapsed)  # type: ignore[arg-type]  # a word of the table
    assert judge(seen("changed reread", found, standing=standing)) == verdict


def test_servers_of_one_release_spell_alike() -> None:
    assert reading(1, "postgresql", "16.4") == reading(1, "postgresql", "16.10 (Debian 16.10-1)")
    assert reading(1, "postgresql", "16.4") != reading(1, "postgresql", "17.0")
    assert reading(1, "mariadb", "10.11.6") == reading(1, "mariadb", "10.11.14-MariaDB")
    assert reading(1, "mariadb", "10.6.1") != reading(1, "mariadb", "10.11.1")
    assert reading(1, "mysql", "8.0.36") != reading(1, "mariadb", "8.0.36")
    assert reading(1, "mysql", "8.0.36") != reading(2, "mysql", "8.0.36")
    assert reading(1, None, None) == "1 ? ?"
