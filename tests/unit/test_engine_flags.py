"""What an engine can do is asked of its capabilities; what it is called is nobody's business but its own room's."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import penstock
from penstock.engines.registry import ENGINES
from penstock.schema.model import ONE_NAMESPACE
from penstock.sql.dialects import ONE_TRANSACTION

ROOT = Path(penstock.__file__).parent
OWN_ROOMS = ("engines", "sql")  # where a server's words and a script's are told apart


def comparisons(source: str) -> list[int]:
    """The lines that compare something with an engine's name."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Compare)
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and part.value in ENGINES
    ]


def test_nobody_else_branches_on_an_engines_name() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in ROOT.rglob("*.py")
        if path.relative_to(ROOT).parts[0] not in OWN_ROOMS
        for line in comparisons(path.read_text())
        if path.relative_to(ROOT) != Path("store/database.py")  # there it is the scheme of a URL
    ]
    assert found == []


@pytest.mark.parametrize(
    "source", ['if e == "mysql": pass', 'x = y in ("mariadb", "z")', 'a = 1 if "postgres" != b else 2']
)
def test_a_comparison_is_seen(source: str) -> None:
    assert comparisons(source) == [1]


@pytest.mark.parametrize("name", ENGINES)
def test_what_the_inner_layers_know_of_engines_is_what_these_promise(name: str) -> None:
    """The inner layers must not ask the engines, so they say it themselves."""
    capabilities = ENGINES[name].capabilities
    assert (name in ONE_TRANSACTION) is capabilities.transactional_ddl
    assert (name in ONE_NAMESPACE) is (capabilities.ledger_scope == "server")
