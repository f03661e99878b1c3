"""What a definition that PostgreSQL has printed refers to, by PostgreSQL's own grammar. What the grammar of another
version does not know may refer to anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from penstock.schema.names import mentioned
from penstock.sql.parser import ParseError, parse

Place = tuple[str, str]  # schema and name of a relation


@dataclass(frozen=True)
class Query:
    """A view's query.

    Args:
        relations: what it reads; None if that cannot be told.
        names: everything that is named in it.
        renames: it gives the columns of what it reads other names, so that ``names`` need not hold theirs.
    """

    relations: frozenset[Place] | None
    names: frozenset[str]
    renames: bool = False

    def reads(self, place: Place) -> bool:
        """Whether it may read this relation."""
        return place[1] in self.names if self.relations is None else place in self.relations

    def uses(self, place: Place, columns: set[str]) -> bool:
        """Whether it may read any of these columns of a relation."""
        return self.reads(place) and (self.renames or self.relations is None or not columns.isdisjoint(self.names))


@dataclass(frozen=True)
class ForeignKey:
    """Where a foreign key points."""

    columns: frozenset[str]
    table: Place
    referenced: frozenset[str]


def query(definition: str) -> Query:
    """Read a view's query."""
    names = mentioned(definition)
    try:
        nodes = list(_nodes(parse(definition)))
    except ParseError:
        return Query(None, names)
    relations = frozenset((n["schemaname"], n["relname"]) for n in nodes if "relname" in n and "schemaname" in n)
    return Query(relations, names, any("colnames" in node.get("alias", ()) for node in nodes if "relname" in node))


def foreign_key(definition: str) -> ForeignKey | None:
    """Read a foreign key; None if the grammar does not know it."""
    try:
        nodes = _nodes(parse(f"ALTER TABLE t ADD CONSTRAINT c {definition}"))
    except ParseError:
        return None
    for node in nodes:
        if node.get("contype") == "CONSTR_FOREIGN":
            columns, referenced = (
                frozenset(name["String"]["sval"] for name in node.get(key, ())) for key in ("fk_attrs", "pk_attrs")
            )
            table = node["pktable"]
            return ForeignKey(columns, (table.get("schemaname", ""), table["relname"]), referenced)
    return None


def is_plain(index: str) -> bool:
    """Whether an index has columns alone, so that the server rebuilds it by itself when their types change."""
    try:
        nodes = list(_nodes(parse(index)))
    except ParseError:
        return False
    elements = [node["IndexElem"] for node in nodes if "IndexElem" in node]
    return all("name" in element for element in elements) and not any("whereClause" in node for node in nodes)


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    todo = [tree]
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            yield value
            todo.extend(value.values())
        elif isinstance(value, list):
            todo.extend(value)
