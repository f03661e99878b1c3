"""What a stage's changes reach: whether they remove data, which tables they name, and how large these are."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from penstock.domain.gates.escalation import Largest
from penstock.review.inspect import inspect
from penstock.review.reach import Reach, Size, facts, reach


def of(*scripts: str, engine: str = "postgres") -> Reach:
    """The reach of changes 1, 2 … as they are stored."""
    found: list[tuple[str, int, list[Any]]] = []
    for n, text in enumerate(scripts, 1):
        inspection = inspect(text.encode(), engine)
        found.append((str(n), len(inspection.statements), msgspec.to_builtins(inspection.steps)))
    return reach(found)


@pytest.mark.parametrize(
    ("script", "destructive", "names"),
    [
        ("ALTER TABLE orders ADD note text", False, ("orders",)),
        ("DELETE FROM shop.orders", True, ("shop.orders",)),
        ("DROP TABLE old", True, ("old",)),
        ("UPDATE orders SET a = b.a FROM big b", False, ("big", "orders")),
        ("CREATE TABLE t (id int); CREATE INDEX i ON t (id)", False, ()),
        ("-- nothing", False, ()),
    ],
)
def test_what_a_text_reaches(script: str, destructive: bool, names: tuple[str, ...]) -> None:
    assert of(script) == Reach(destructive, names, None)


def test_what_an_earlier_change_makes_is_not_measured() -> None:
    assert of("CREATE TABLE t (id int)", "ALTER TABLE t ADD n int").names == ()


def test_what_cannot_be_read_is_not_known() -> None:
    found = of("DO $$ BEGIN DELETE FROM t; END $$")
    assert (found.destructive, found.unknown) == (None, "what change 1 does cannot be read from its text")
    assert of("DROP TABLE t", "DO $$ BEGIN END $$").destructive is True  # one that surely does is enough
    kept = reach([("1", 3, [])])
    assert (kept.destructive, kept.unknown) == (None, "change 1 was filed before review kept what it does")


def test_the_largest_table_of_all_databases_counts() -> None:
    sizes = {"pg/a": {"orders": Size(10, 900)}, "pg/b": {"orders": Size(30, 100)}}
    found = facts(of("ALTER TABLE orders ADD note text"), sizes)
    assert (found.rows, found.table_bytes) == (Largest(30, "orders on pg/b"), Largest(900, "orders on pg/a"))
    assert (found.destructive, found.why_sizes_unknown) == (False, None)


def test_a_table_that_was_not_found_is_not_small() -> None:
    found = facts(of("ALTER TABLE orders ADD note text"), {"pg/a": {"orders": None}, "pg/b": {"orders": Size(30, 100)}})
    assert found.why_sizes_unknown == "pg/a has no table orders"
    assert found.rows == Largest(30, "orders on pg/b")


def test_nobody_measured() -> None:
    found = facts(of("ALTER TABLE orders ADD note text"), None)
    assert found.why_sizes_unknown == "its tables were not measured; run the review again"
    assert facts(of("CREATE TABLE t (id int)"), None).why_sizes_unknown is None  # there is nothing to measure
