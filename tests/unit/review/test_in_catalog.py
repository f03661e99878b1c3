"""What catalogs add to a review."""

from __future__ import annotations

import msgspec
import pytest

from penstock.review.in_catalog import Look, Reviewed, asks, findings, undecidable
from penstock.review.inspect import inspect

TEXT = "UPDATE hits SET n = n + 1; ALTER TABLE shop ADD a int; INSERT INTO seen VALUES (1)"


def change(text: str = TEXT, engine: str | None = None, version: str = "1") -> Reviewed:
    return Reviewed(version, engine, msgspec.to_builtins(inspect(text.encode(), "mariadb").steps))


def test_tables_that_are_written_in_transactions_are_asked_for() -> None:
    assert asks([change()], "mariadb") == ["hits", "seen"]
    assert asks([change(engine="postgres")], "mariadb") == []


def test_postgresql_is_not_asked_as_all_its_tables_are_transactional() -> None:
    assert asks([change()], "postgres") == []


def test_a_table_without_transactions_is_a_finding_at_the_step_that_writes_it() -> None:
    looks = [Look("m/a", "mariadb", {"seen": "MyISAM"}), Look("m/b", "mariadb", {"seen": "MyISAM"})]
    [(version, found)] = findings([change()], looks)
    assert (version, found.rule, found.severity, found.line) == ("1", "my-non-transactional-table", "warning", 1)
    assert found.message.startswith("seen is a table of MyISAM in m/a, m/b:")


def test_tables_of_several_engines_are_told_apart() -> None:
    looks = [Look("m/a", "mariadb", {"seen": "MyISAM"}), Look("m/b", "mariadb", {"seen": "Aria", "hits": "Aria"})]
    assert [f.message.split(":")[0] for _, f in findings([change()], looks)] == [
        "seen is a table of MyISAM in m/a",
        "hits is a table of Aria in m/b",
        "seen is a table of Aria in m/b",
    ]


def test_transactional_tables_are_no_finding() -> None:
    assert findings([change()], [Look("m/a", "mariadb", {})]) == []


def test_who_could_not_be_asked_is_named_with_the_reason_and_a_few_names() -> None:
    looks = [Look(f"m/{n}", "mariadb", None, "it did not answer in time.") for n in range(1, 1003)]
    [(_, found)] = findings([change()], looks)
    assert found.rule == "catalog-not-read"
    assert "in m/1, m/2, m/3 and 999 more: it did not answer in time." in found.message


def test_a_change_that_depends_on_no_catalog_has_no_finding_without_one() -> None:
    assert findings([change("ALTER TABLE shop ADD a int")], [Look("m/a", "mariadb", None, "away.")]) == []


def test_a_step_is_undecidable_where_its_table_is_not_transactional() -> None:
    first, second, third = change().steps
    look = Look("m/a", "mariadb", {"seen": "MyISAM", "shop": "MyISAM"})
    assert [undecidable(step, look) for step in (first, second, third)] == [False, False, True]
    assert not undecidable(third, Look("m/a", "mariadb", None, "away."))


@pytest.mark.parametrize(
    ("text", "tables"),
    [
        ("CREATE TABLE hits (n int) ENGINE = MyISAM; INSERT INTO hits VALUES (1)", ["hits"]),
        ("CREATE TABLE hits (n int) engine=`Aria` COMMENT 'x'; UPDATE hits SET n = 1", ["hits"]),
        ("ALTER TABLE hits ENGINE MEMORY; INSERT INTO hits VALUES (1); INSERT INTO hits VALUES (2)", ["hits"]),
        ("CREATE TABLE hits (n int) ENGINE=MyISAM; ALTER TABLE hits ENGINE=InnoDB; INSERT INTO hits VALUES (1)", []),
        ("CREATE TABLE hits (n int) ENGINE=InnoDB; INSERT INTO hits VALUES (1)", []),
        ("CREATE TABLE hits (n int COMMENT 'ENGINE=MyISAM'); INSERT INTO hits VALUES (1)", []),
        ("CREATE TABLE hits (n int) ENGINE=MyISAM; INSERT INTO other VALUES (1)", []),
    ],
)
def test_a_table_that_the_change_itself_puts_outside_needs_no_catalog(text: str, tables: list[str]) -> None:
    found = inspect(text.encode(), "mariadb")
    named = [f.message.split(" ")[0] for f in found.findings if f.rule == "my-non-transactional-table"]
    assert named == tables
    assert any(step.undecidable for step in found.steps if step.transactional) is bool(tables)
