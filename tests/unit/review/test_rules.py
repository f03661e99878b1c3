"""Every rule is tried on its own examples; what is shown in its documentation is what is tested."""

from __future__ import annotations

import pytest

from penstock.review.finding import RANK, at_least
from penstock.review.inspect import inspect
from penstock.review.rule import MYSQL, Rule
from penstock.review.rules.catalogue import RULES
from penstock.review.rules.of_scripts import SCRIPT_RULES

FINDS = [(rule.id, text) for rule in RULES for text in rule.finds if "postgres" in rule.engines]
PASSES = [(rule.id, text) for rule in RULES for text in rule.passes if "postgres" in rule.engines]


@pytest.mark.parametrize(("rule", "text"), FINDS)
def test_a_rule_finds_its_examples(rule: str, text: str) -> None:
    found = inspect(f"SELECT 1;\n  {text};".encode(), "postgres").findings
    [finding] = [f for f in found if f.rule == rule]
    assert (finding.statement_index, finding.line, finding.column) == (1, 2, 3)


@pytest.mark.parametrize(("rule", "text"), PASSES)
def test_a_rule_lets_its_counterexamples_pass(rule: str, text: str) -> None:
    assert rule not in {f.rule for f in inspect(text.encode(), "postgres").findings}


ON_MARIADB = [(rule, text) for rule in RULES if rule.engines == MYSQL for text in (*rule.finds, *rule.passes)]


@pytest.mark.parametrize(("rule", "text"), ON_MARIADB)
def test_a_rule_of_mariadb_is_tried_there(rule: Rule, text: str) -> None:
    found = {f.rule for f in inspect(text.encode(), "mariadb").findings}
    assert (rule.id in found) is (text in rule.finds)


def test_ids_are_unique() -> None:
    ids = [rule.id for rule in RULES] + [rule.id for rule in SCRIPT_RULES]
    assert len(set(ids)) == len(ids)


def test_a_change_without_a_statement_is_worth_a_word_and_no_more() -> None:
    [finding] = inspect(b"-- nothing to do here", "postgres").findings
    assert (finding.rule, finding.severity) == ("empty-change", "info")


def test_what_cannot_be_split_is_an_error_with_its_place() -> None:
    [finding] = inspect(b"SELECT 1;\nSELECT 'open", "postgres").findings
    assert (finding.severity, finding.line) == ("error", 2)


def test_steps_keep_the_order_of_statements() -> None:
    text = b"CREATE TABLE t (a int);CREATE INDEX CONCURRENTLY i ON t (a);INSERT INTO t VALUES (1);"
    steps = inspect(text, "postgres").steps
    assert [(s.transactional, s.statements) for s in steps] == [(True, (0,)), (False, (1,)), (True, (2,))]


def test_severities_are_ordered() -> None:
    findings = inspect(b"BEGIN; DROP TABLE t;", "postgres").findings
    assert {f.rule for f in at_least(findings, "error")} == {"transaction-nesting"}
    assert RANK["error"] > RANK["warning"] > RANK["info"]
