"""A change that is older than what a database already has."""

from __future__ import annotations

import pytest

from penstock.review.out_of_order import findings, is_ordered

UUID = "01936f3a-7c2b-7def-8a01-0123456789ab"


@pytest.mark.parametrize(
    ("version", "newest", "late"),
    [
        ("42", "43", True),
        ("43", "42", False),
        ("9", "10", True),
        ("1.9", "1.10", True),
        ("1.10.1", "1.10", False),
        ("V7__users", "V12__orders", True),
        ("v7", "V12", True),
        ("V7", "12", False),
        ("20240131_users", "20240201_orders", True),
        ("add-users", "drop-users", False),
        (UUID, "43", False),
        ("42", UUID, False),
        ("42b", "42a", False),
    ],
)
def test_what_is_older_than_what(version: str, newest: str, late: bool) -> None:
    assert bool(findings([version], {"shop": {newest}})) is late


def test_the_finding_names_the_database_and_the_younger_change() -> None:
    applied = {"shop_eu": {"1", "3"}, "shop_us": {"1", "3"}, "shop_test": {"1"}, "shop_old": {"1", "2", "3"}}
    [(version, finding)] = findings(["1", "2", "4"], applied)
    assert (version, finding.rule, finding.severity) == ("2", "out-of-order", "warning")
    assert finding.message.startswith("shop_eu and 1 more already has 3, which is younger than 2")


def test_a_generated_version_has_no_place_in_a_history() -> None:
    assert not is_ordered(UUID) and is_ordered("2") and not is_ordered("users")
