"""Schemas that Hypothesis makes up, as the statements that somebody might have written for them: small, so that two of
them overlap, and with names that want to be misunderstood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from hypothesis import strategies as st

from penstock.schema.fingerprint import canonical
from penstock.schema.model import DatabaseSchema

Draw = st.DrawFn
TABLES: Final = ("orders", 'say "hi"', "it's; DROP TABLE orders; --", "a.b", "Ünïted", "select")
COLUMNS: Final = ("id", "Name", "back\\slash", "per%cent", "order", "x`y")
VIEWS: Final = ("v", 'V"2', "über.sicht")
NAMES: Final = ("plain", "Mixed Case", "quo'te", "semi;colon", 'dou"ble')
COMMENTS: Final = (None, "fine", "it's", "back\\slash\nand 'more'; --", '`;"')


@dataclass
class Made:
    """A table or view that later statements may build upon.

    Args:
        columns: types by name.
        key: the columns of its primary key.
    """

    name: str
    columns: dict[str, str]
    key: tuple[str, ...] = ()
    generated: set[str] = field(default_factory=set)


def some(draw: Draw, from_: Sequence[Any], least: int = 0, most: int | None = None) -> list[Any]:
    """Some of them, in the order in which they are given."""
    chosen = draw(st.sets(st.sampled_from(from_), min_size=least, max_size=most))
    return [value for value in from_ if value in chosen]


def one(draw: Draw, *of: Any) -> Any:
    """One of them."""
    return draw(st.sampled_from(of))


def often(draw: Draw) -> bool:
    """Three times of four."""
    return bool(draw(st.integers(0, 3)))


def seldom(draw: Draw) -> bool:
    """Once of four times."""
    return not often(draw)


def without_order(schema: DatabaseSchema) -> Any:
    """All that a schema says, but for where its columns stand; told without the comparison that is under test."""
    found = msgspec.json.decode(canonical(schema))
    for namespace in found.get("schemas", ()):
        for relation in namespace.get("relations", ()):
            relation["columns"] = sorted(relation.get("columns", ()), key=lambda column: column["name"])
            for column in relation["columns"]:
                del column["position"]
    return found
