"""YAML as issues are written in: JSON's types, nothing that expands, nothing that is said twice."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.cli.remote import yaml
from penstock.cli.remote.yaml import YamlError, dumps, loads

SCALARS = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"), max_size=60)
DOCUMENTS = st.recursive(
    SCALARS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


@given(DOCUMENTS)
def test_what_is_written_is_read_back(document: Any) -> None:
    assert loads(dumps(document)) == document


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("country: no", {"country": "no"}),
        ("at: 12:30", {"at": "12:30"}),
        ("day: 2026-11-21", {"day": "2026-11-21"}),
        ("version: 0123", {"version": 123}),
        ("batch: [1, 10%, 100%]", {"batch": [1, "10%", "100%"]}),
        ("a: true\nb: ~\nc: 1.5", {"a": True, "b": None, "c": 1.5}),
        ('{"a": [1, null]}', {"a": [1, None]}),
        ("sql: |\n  SELECT 1;\n  SELECT 2;\n", {"sql": "SELECT 1;\nSELECT 2;\n"}),
    ],
)
def test_values_are_what_they_look_like(text: str, meant: Any) -> None:
    assert loads(text) == meant


BOMB = "a: &a [x, x]\n" + "\n".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]" for n in range(20)
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BOMB, "Line 1, column 4: anchors are not allowed"),
        ("a: *x", "aliases are not allowed"),
        ("a: !!python/object/apply:os.system [ls]", "tags are not allowed"),
        ("a: 1\nb: 2\na: 3", "Line 3, column 1: 'a' is there twice"),
        ('{"a": 1, "a": 2}', "'a' is there twice"),
        ("1: x", "a key must be text"),
        ("a: [1", "Line 1"),
        ("a: 1\n---\nb: 2", "another document"),
        ("- " * 60 + "x", "deeper than 50"),
        ("a: " + "[" * 100_000, "deeper than 50"),
        ("[" * 100_000, "too deeply"),
        ('{"a": ' * 100_000, "too deeply"),
        ("a: \x07", "no YAML"),
    ],
)
def test_what_is_hostile_or_broken_is_refused_with_its_place(text: str, says: str) -> None:
    with pytest.raises(YamlError, match=says):
        loads(text)


def test_a_text_has_a_largest_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml, "LARGEST", 4)
    assert loads("a: b") == {"a": "b"}
    with pytest.raises(YamlError, match="longer than"):
        loads("a: bc")


def test_many_keys_are_read_in_the_time_that_it_takes_to_read_them() -> None:
    """A comparison of every key with every other takes minutes here."""
    names = [f"key{n}" for n in range(100_000)]
    assert len(loads(dumped(names))) == len(names)


def dumped(names: list[str]) -> str:
    """A JSON object with these keys."""
    return "{" + ",".join(f'"{name}": 1' for name in names) + "}"
