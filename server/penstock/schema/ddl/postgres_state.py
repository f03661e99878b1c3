"""What a diff of PostgreSQL means for what it does not name itself: views that stand in the way of a column, keys that
have to make room for it, generated columns that read it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Final

from penstock.schema.changes import Diff
from penstock.schema.ddl.order import closure
from penstock.schema.ddl.postgres_columns import keeps_dependents, must_be_made_anew, retyped
from penstock.schema.ddl.postgres_reading import ForeignKey, Place, Query, foreign_key, is_plain, query
from penstock.schema.diff import KEYS, TABLES, VIEWS, own_indexes, stays
from penstock.schema.model import Column, Constraint, DatabaseSchema, Index, Relation
from penstock.schema.names import mentioned, parts

_Columns = dict[str, Column]


class State:
    """Both sides of a diff, and what follows from their differences.

    Args:
        left, right: relations by schema and name.
        kept: tables that are there before and afterwards.
    """

    def __init__(self, diff: Diff) -> None:
        self.left: Final = _relations(diff.left)
        self.right: Final = _relations(diff.right)
        both = self.left.keys() & self.right.keys()
        self.kept: Final = {
            place: (self.left[place], self.right[place])
            for place in sorted(both)
            if self.left[place].kind in TABLES and self.right[place].kind in TABLES
        }
        # Columns whose values change their type; those that are dropped, or dropped and made anew.
        self.retyped: Final[dict[Place, set[str]]] = {}
        self.remade: Final[dict[Place, set[str]]] = {}
        self.gone: Final[dict[Place, set[str]]] = {}
        self._converted: Final[dict[Place, set[str]]] = {}
        for place, (one, other) in self.kept.items():
            self._compare(place, columns(one), columns(other))

    def _compare(self, place: Place, ours: _Columns, theirs: _Columns) -> None:
        both = ours.keys() & theirs.keys()
        remade = {name for name in both if must_be_made_anew(ours[name], theirs[name])}
        gone = ours.keys() - theirs.keys()
        converted = {name for name in both if retyped(ours[name], theirs[name])} - remade
        reads = {name: mentioned(ours[name].generated or "") - {name} for name in both}
        while True:
            # Before the column that it reads changes or goes, a generated one has to go.
            more = {name for name in both - remade if not reads[name].isdisjoint(gone | remade | converted)}
            if not more:
                break
            remade |= more
        self.remade[place], self.gone[place], self._converted[place] = remade, gone | remade, converted - remade
        self.retyped[place] = {name for name in converted - remade if not keeps_dependents(ours[name], theirs[name])}

    @cached_property
    def queries(self) -> dict[Place, Query]:
        """What the views read that are there before."""
        return _queries(self.left)

    @cached_property
    def new_queries(self) -> dict[Place, Query]:
        """What the views read that are there afterwards."""
        return _queries(self.right)

    @cached_property
    def views_in_the_way(self) -> set[Place]:
        """Views that have to be dropped, whether or not they come back."""
        start = {
            place
            for place in self.queries
            if place not in self.right
            or self.right[place].kind != self.left[place].kind
            or _substance(self.left[place]) != _substance(self.right[place])
            or self._is_in_the_way(self.queries[place])
        }
        return closure(start, self.view_needs(self.queries))

    def view_needs(self, queries: dict[Place, Query]) -> dict[Place, set[Place]]:
        """Which views each view reads."""
        return {
            place: {other for other in queries if other != place and found.reads(other)}
            for place, found in queries.items()
        }

    def _is_in_the_way(self, found: Query) -> bool:
        for place, relation in self.left.items():
            if relation.kind in VIEWS or not found.reads(place):
                continue
            if place not in self.kept:
                if place not in self.right or self.right[place].kind != relation.kind:
                    return True
            elif found.uses(place, self.gone[place] | self._converted[place]):
                return True
            elif any(self.key_changes(place, constraint) for constraint in relation.constraints):
                return True  # a query that is grouped by a key depends on it
        return False

    def key_changes(self, place: Place, constraint: Constraint) -> bool:
        """Whether a key of a kept table goes, or is made anew."""
        if constraint.kind not in KEYS:
            return False
        _, other = self.kept[place]
        return constraint not in other.constraints or self.constraint_in_the_way(place, constraint)

    def constraint_in_the_way(self, place: Place, constraint: Constraint) -> bool:
        """Whether a constraint that does not differ has to make room for a column all the same."""
        if constraint.kind == "foreign_key":
            return self._foreign_key_in_the_way(place, foreign_key(constraint.definition))
        names = mentioned(constraint.definition)
        if not names.isdisjoint(self.remade[place]):
            return True
        return constraint.kind in ("check", "exclusion") and not names.isdisjoint(self.retyped[place])

    def _foreign_key_in_the_way(self, place: Place, found: ForeignKey | None) -> bool:
        if found is None:
            return True
        if not found.columns.isdisjoint(self.retyped[place] | self.remade[place]):
            return True
        if found.table not in self.kept:
            return True
        if not found.referenced.isdisjoint(self.retyped[found.table] | self.gone[found.table]):
            return True
        one, other = self.kept[found.table]
        if any(self.key_changes(found.table, constraint) for constraint in one.constraints):
            return True
        return any(i.unique and (i not in other.indexes or self.index_in_the_way(found.table, i)) for i in one.indexes)

    def index_in_the_way(self, place: Place, index: Index) -> bool:
        """Whether an index that does not differ has to make room for a column all the same."""
        if place not in self.kept:
            return False
        names = mentioned(index.definition)
        if not names.isdisjoint(self.remade[place]):
            return True
        return not names.isdisjoint(self.retyped[place]) and not is_plain(index.definition)

    def parent(self, place: Place) -> Place | None:
        """The table of which this one was a partition, and still is to be."""
        if place not in self.kept:
            return None
        one, other = self.kept[place]
        if one.parent is None or not stays(one, other):
            return None
        found = parts(one.parent)
        return (found[0], found[1]) if len(found) == 2 and (found[0], found[1]) in self.kept else None


def columns(relation: Relation) -> _Columns:
    """Its columns by name."""
    return {column.name: column for column in relation.columns}


def index_places(schema: DatabaseSchema) -> dict[Place, Index]:
    """Every index by schema and name, those of keys included."""
    return {(s.name, i.name): i for s in schema.schemas for r in s.relations for i in r.indexes}


def plain_indexes(relation: Relation) -> dict[str, Index]:
    """Its indexes that are not there because of a key."""
    return {index.name: index for index in own_indexes(relation)}


def _relations(schema: DatabaseSchema) -> dict[Place, Relation]:
    return dict(_places(schema))


def _places(schema: DatabaseSchema) -> Iterator[tuple[Place, Relation]]:
    for namespace in schema.schemas:
        for relation in namespace.relations:
            yield (namespace.name, relation.name), relation


def _queries(relations: dict[Place, Relation]) -> dict[Place, Query]:
    return {place: query(found.definition or "") for place, found in relations.items() if found.kind in VIEWS}


def _substance(view: Relation) -> tuple[str | None, tuple[Column, ...]]:
    return view.definition, view.columns
