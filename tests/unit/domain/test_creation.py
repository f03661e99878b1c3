"""Databases that are to be made: which names, owners and encodings a server takes as they are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.pipeline.creation import NewDatabase, mistakes


def codes(new: NewDatabase, engine: str) -> list[str]:
    return [found.code for found in mistakes(new, engine, "task")]


@pytest.mark.parametrize("engine", ["postgres", "mysql", "mariadb"])
@pytest.mark.parametrize("name", ["shop", "Shop-2", 'a"b', "a`b", "a'; DROP DATABASE x; --", "select", "a/b", "läden"])
def test_hostile_names_are_names(name: str, engine: str) -> None:
    assert codes(NewDatabase(name), engine) == []


@pytest.mark.parametrize("engine", ["postgres", "mysql", "mariadb"])
@pytest.mark.parametrize(
    "name", ["", " a", "a ", "a\0b", "a\nb", "a\u200bb", "a\u2028b", "a\ud800b", "penstock", "Penstock_scratch_1"]
)
def test_names_that_nobody_can_read_or_that_are_ours(name: str, engine: str) -> None:
    assert codes(NewDatabase(name), engine) == ["bad_database_name"]


@pytest.mark.parametrize(
    ("name", "postgres", "mariadb"),
    [
        ("é" * 31, True, True),
        ("é" * 32, False, True),  # 64 bytes
        ("a" * 64, False, True),
        ("a" * 65, False, False),
        ("a\U0001f600", True, False),
        ("Template0", False, True),
        ("Mysql", True, False),
        ("information_schema", True, False),
    ],
)
def test_names_that_one_engine_takes(name: str, postgres: bool, mariadb: bool) -> None:
    assert [not codes(NewDatabase(name), e) for e in ("postgres", "mariadb", "mysql")] == [postgres, mariadb, mariadb]


def test_owners_and_encodings() -> None:
    assert codes(NewDatabase("a", "o w", "UTF-8"), "postgres") == []
    assert codes(NewDatabase("a", "o", "utf8mb4"), "mariadb") == ["owner_not_supported"]
    assert codes(NewDatabase("a", "o" * 64), "postgres") == ["bad_owner"]
    assert codes(NewDatabase("a", None, "UTF8'"), "postgres") == ["bad_encoding"]


@given(st.text(), st.none() | st.text(), st.none() | st.text())
def test_what_is_stored_is_read_back(name: str, owner: str | None, encoding: str | None) -> None:
    new = NewDatabase(name, owner, encoding)
    assert NewDatabase.of_options(new.as_options()) == new
