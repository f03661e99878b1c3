"""Every acceptance scenario of the pipeline model has a test with its number: ``test_05_…``, ``test_11_and_28_…``."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

RUNTIME = Path(__file__).resolve().parents[1] / "integration" / "runtime"
SCENARIOS = range(1, 66)
# What happens in the target is to be so on both engines, and what goes before it can be seen on both.
ON_MARIADB = (11, 14, 27, 33, 39, 40, 46, 59, 60, 65)

_NUMBERED = re.compile(r"test((?:_(?:and_)?\d\d)+)_")


def numbers(path: Path) -> set[int]:
    """The scenarios that a file's tests are named after."""
    names = [n.name for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.AsyncFunctionDef)]
    found = (_NUMBERED.match(name) for name in names)
    return {int(number) for match in found if match for number in re.findall(r"\d\d", match[1])}


def test_every_scenario_has_a_test() -> None:
    there = {number for path in RUNTIME.glob("test_*.py") for number in numbers(path)}
    assert sorted(set(SCENARIOS) - there) == []


def test_no_test_has_the_number_of_a_scenario_that_is_not_there() -> None:
    there = {number for path in RUNTIME.glob("test_acceptance_*.py") for number in numbers(path)}
    assert there <= set(SCENARIOS)


def test_what_happens_in_the_target_is_tested_on_mariadb_too() -> None:
    assert set(ON_MARIADB) <= numbers(RUNTIME / "test_acceptance_mariadb.py")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("test_05_late", {5}),
        ("test_03_and_04_fan", {3, 4}),
        ("test_06_07_22_wrong", {6, 7, 22}),
        ("test_5_x", set()),
        ("test_late_05", set()),
    ],
)
def test_numbers_are_read_from_names(tmp_path: Path, name: str, found: set[int]) -> None:
    (tmp_path / "test_x.py").write_text(f"async def {name}(): ...")
    assert numbers(tmp_path / "test_x.py") == found
