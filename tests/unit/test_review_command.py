"""``penstock review`` as somebody types it, or a build."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from penstock.cli.review import review

GOOD = "CREATE TABLE t (id int);\nCREATE INDEX CONCURRENTLY i ON t (id);\nINSERT INTO t VALUES (1);\n"


def run(*arguments: str, given: str | bytes = "", colour: bool = False) -> Result:
    return CliRunner().invoke(review, arguments, input=given, env={"FORCE_COLOR" if colour else "NO_COLOR": "1"})


@pytest.fixture
def good(tmp_path: Path) -> str:
    file = tmp_path / "good.sql"
    file.write_text(GOOD)
    return str(file)


@pytest.fixture
def bad(tmp_path: Path) -> str:
    file = tmp_path / "b[a]d.sql"
    file.write_text("SELECT 1;\n  COMMIT;\nDROP TABLE t;\n")
    return str(file)


def test_a_file_without_errors_is_worth_one_line(good: str) -> None:
    done = run(good, "--engine", "postgres")
    assert done.exit_code == 0
    assert f"✓ {good}: 3 statement(s) in 3 step(s)" in done.output


def test_an_error_is_shown_with_its_place_and_ends_with_1(good: str, bad: str) -> None:
    done = run(good, bad)
    assert done.exit_code == 1
    assert f"{bad}:2:3: error transaction-nesting: " in done.output
    assert f"✓ {good}" in done.output and f"✓ {bad}" not in done.output


@pytest.mark.parametrize(("fail_on", "code"), [("never", 0), ("error", 0), ("warning", 1), ("info", 1)])
def test_what_fails_may_be_chosen(fail_on: str, code: int) -> None:
    assert run("-", "--fail-on", fail_on, given="DROP TABLE t").exit_code == code


def test_the_standard_input_is_a_file_too() -> None:
    done = run("-", "--engine", "mariadb", given="SELECT `a")
    assert done.exit_code == 1 and "<stdin>:1:8: error unclosed-quote" in done.output


def test_bytes_that_are_no_text_are_a_finding() -> None:
    done = run("-", given=b"SELECT '\xe4'")
    assert done.exit_code == 1 and "<stdin>:1:9: error invalid-utf8" in done.output


def test_json_is_one_document_with_every_file(good: str, bad: str) -> None:
    done = run("--json", good, bad)
    first, second = json.loads(done.output)
    assert done.exit_code == 1
    assert (first["file"], first["engine"], first["statements"]) == (good, "postgres", 3)
    assert [s["transactional"] for s in first["steps"]] == [True, False, True]
    assert {"rule": "transaction-nesting", "severity": "error", "line": 2, "column": 3}.items() <= second["findings"][
        0
    ].items()


def test_steps_are_shown_when_asked_for(good: str) -> None:
    shown = run(good, "--steps").output
    assert "step 2, line 2: statement 2, outside of a transaction: create_index" in shown
    assert "step 2" not in run(good).output


def test_colours_are_for_terminals(bad: str) -> None:
    assert "\x1b[31merror" in run(bad, colour=True).output
    assert "\x1b[" not in run(bad).output


def test_a_file_that_is_not_there_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    assert run(str(tmp_path / "none.sql")).exit_code == 2
    assert run().exit_code == 2
    assert run("-", "--engine", "oracle").exit_code == 2
