"""Long texts of one thing repeated, where a careless reader would start over and over again."""

from __future__ import annotations

import time

import pytest

from penstock.sql.statement import Statement
from tests.bench.scripts import HARD, hard
from tests.property.pieces import joined, outcome

SIZE = 100_000  # what takes the square of that takes minutes
SECONDS = 5  # of processor time; it takes a tenth of one


@pytest.mark.parametrize("engine", ["postgres", "mariadb", "mysql"])
@pytest.mark.parametrize("piece", HARD)
def test_splitting_takes_linear_time(piece: str, engine: str) -> None:
    data = hard(piece, SIZE)
    began = time.process_time()
    found = outcome(data, engine)
    assert time.process_time() - began < SECONDS
    assert isinstance(found, tuple) or joined(data, found) == data


@pytest.mark.parametrize("engine", ["postgres", "mariadb"])
def test_a_hundred_thousand_statements_are_all_found(engine: str) -> None:
    found = outcome(b"SELECT 1;\n" * 100_000, engine)
    assert len(found) == 100_000
    last = found[-1]
    assert isinstance(last, Statement) and (last.index, last.line, last.column) == (99_999, 100_000, 1)
