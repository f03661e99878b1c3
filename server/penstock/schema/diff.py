"""Compares two schemas of one engine, object by object.

Nothing is guessed: an object that has another name is another object, with a hint where it looks like one that is gone.
How a difference becomes DDL is another module's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec

from penstock.schema.changes import Change, ChangeKind, Diff, ObjectType
from penstock.schema.hazards import hazards
from penstock.schema.model import ONE_NAMESPACE, Column, Constraint, DatabaseSchema, Index, Relation, Schema
from penstock.schema.names import parts

VIEWS: Final = frozenset({"view", "materialized_view"})
TABLES: Final = frozenset({"table", "partitioned_table"})
KEYS: Final = frozenset({"primary_key", "unique", "exclusion"})
_TYPES: Final[dict[str, ObjectType]] = {
    "table": "table",
    "partitioned_table": "table",
    "view": "view",
    "materialized_view": "materialized_view",
    "foreign_table": "foreign_table",
    "sequence": "sequence",
}
# What a relation has besides its parts, which are compared one by one.
_OF_RELATION: Final = (
    "kind",
    "definition",
    "comment",
    "parent",
    "bound",
    "partition_by",
    "storage_engine",
    "collation",
)
_Named = TypeVar("_Named", bound=msgspec.Struct)
_Path = tuple[str, ...]


class EnginesDiffer(ValueError):
    """The two schemas are of different engines: their definitions say different things."""


def compare(left: DatabaseSchema, right: DatabaseSchema) -> Diff:
    """Everything that has to change on the left, for it to be like the right.

    Raises:
        EnginesDiffer: they cannot be compared.
    """
    if left.engine != right.engine:
        raise EnginesDiffer(f"One is a schema of {left.engine}, the other of {right.engine}.")
    changes: list[Change] = []
    ours, theirs = _facts(left, ("encoding", "collation")), _facts(right, ("encoding", "collation"))
    if ours != theirs:
        changes.append(_changed(left.engine, "database", (), ours, theirs))
    if left.engine in ONE_NAMESPACE:
        for one, other in zip(_only(left), _only(right), strict=True):
            changes += _of_schema(left.engine, (), one, other)
    else:
        changes += _of_schemas(left, right)
    return Diff(left, right, tuple(changes))


def own_indexes(relation: Relation) -> list[Index]:
    """The indexes of a relation that are not there because of a key of the same name."""
    keys = {constraint.name for constraint in relation.constraints if constraint.kind in KEYS}
    return [index for index in relation.indexes if index.name not in keys]


def stays(left: Relation, right: Relation) -> bool:
    """Whether it is a partition of the same table before and afterwards, with the same bound."""
    return left.parent is not None and not moves(left, right)


def moves(left: Relation, right: Relation) -> bool:
    """Whether it is detached, attached, or both."""
    return (left.parent, left.bound) != (right.parent, right.bound)


def _only(schema: DatabaseSchema) -> tuple[Schema]:
    return (schema.schemas[0] if schema.schemas else Schema(schema.name),)


def _of_schemas(left: DatabaseSchema, right: DatabaseSchema) -> Iterator[Change]:
    for name, one, other in _pairs(left.schemas, right.schemas):
        ours, theirs = (None if found is None else _facts(found, ("comment",)) for found in (one, other))
        yield from _one(left.engine, "schema", (name,), ours, theirs)
        yield from _of_schema(left.engine, (name,), one or Schema(name), other or Schema(name))


def _of_schema(engine: str, path: _Path, left: Schema, right: Schema) -> Iterator[Change]:
    for name, enum, other_enum in _pairs(left.enums, right.enums):
        yield from _one(engine, "enum", (*path, name), _built(enum), _built(other_enum))
    for name, sequence, other_sequence in _pairs(left.sequences, right.sequences):
        yield from _one(engine, "sequence", (*path, name), _built(sequence), _built(other_sequence))
    gone = [r for r in left.relations if r.name not in {other.name for other in right.relations}]
    relations = {(*path, r.name): r for r in left.relations}, {(*path, r.name): r for r in right.relations}
    for name, one, other in _pairs(left.relations, right.relations):
        if one is not None and other is not None and _TYPES[one.kind] == _TYPES[other.kind]:
            yield from _of_relation(engine, (*path, name), one, other, relations)
            continue
        if one is not None:
            yield from _one(engine, _TYPES[one.kind], (*path, name), _built(one), None)
        if other is not None:
            hint = _hint(other, gone, _looks_of_relation)
            yield from _one(engine, _TYPES[other.kind], (*path, name), None, _built(other), hint)


def _of_relation(
    engine: str,
    path: _Path,
    left: Relation,
    right: Relation,
    around: tuple[Mapping[_Path, Relation], Mapping[_Path, Relation]],
) -> Iterator[Change]:
    type_ = _TYPES[right.kind]
    ours, theirs = _facts(left, _OF_RELATION), _facts(right, _OF_RELATION)
    if right.kind in VIEWS or right.kind == "sequence":
        # What a view's columns are follows from its query and from what that reads.
        ours["columns"], theirs["columns"] = (msgspec.to_builtins(found.columns) for found in (left, right))
    if ours != theirs:
        yield _changed(engine, type_, path, ours, theirs)
    if "columns" not in ours:
        implied = _implied(engine, left, right, around)
        for change in _of_columns(engine, path, left, right):
            if (change.kind, change.path[-1], (change.before, change.after)) not in implied:
                yield change
    if (order := _order(engine, path, left, right)) is not None and "columns" not in ours:
        yield order
    yield from _of_constraints(engine, path, left, right)
    yield from _of_indexes(engine, path, left, right)


def _of_columns(engine: str, path: _Path, left: Relation, right: Relation) -> Iterator[Change]:
    gone = [c for c in left.columns if c.name not in {other.name for other in right.columns}]
    for name, one, other in _pairs(left.columns, right.columns):
        hint = _hint(other, gone, _looks_of_column) if one is None and other is not None else None
        yield from _one(engine, "column", (*path, name), _looks(one), _looks(other), hint)


def _of_constraints(engine: str, path: _Path, left: Relation, right: Relation) -> Iterator[Change]:
    for name, one, other in _pairs(left.constraints, right.constraints, key=_of_constraint):
        if stays(left, right) and all(f is None or (f.kind == "check" and f.inherited) for f in (one, other)):
            continue  # follows from the parent's
        if moves(left, right) and one is not None and other is not None and _local(one) == _local(other):
            continue  # follows from being attached or detached
        yield from _one(engine, "constraint", (*path, name[0]), _built(one), _built(other))


def _local(constraint: Constraint) -> Constraint:
    return msgspec.structs.replace(constraint, inherited=False)


def _of_constraint(constraint: Constraint) -> tuple[str, bool]:
    # A check that goes from a column of MariaDB to its table is made in another way, and so another one.
    return constraint.name, constraint.of_column


def _of_indexes(engine: str, path: _Path, left: Relation, right: Relation) -> Iterator[Change]:
    for name, one, other in _pairs(own_indexes(left), own_indexes(right)):
        yield from _one(engine, "index", (*path, name), _built(one), _built(other))
    # A key's index is made with it. Where they differ all the same, it is in what the key does not say.
    keys, others = ({i.name: i for i in r.indexes if i not in own_indexes(r)} for r in (left, right))
    same = {c.name for c in left.constraints if c in right.constraints}
    for name in sorted(keys.keys() & others.keys() & same):
        yield from _one(engine, "index", (*path, name), _built(keys[name]), _built(others[name]))


def _order(engine: str, path: _Path, left: Relation, right: Relation) -> Change | None:
    """Where columns stand, if that differs beyond what adding and removing them brings about.

    PostgreSQL adds columns at the end; MySQL and MariaDB anywhere.
    """
    had = [column.name for column in left.columns]
    wanted = [column.name for column in right.columns]
    common = [name for name in had if name in set(wanted)]
    if engine in ONE_NAMESPACE:
        if common == [name for name in wanted if name in set(had)]:
            return None
    elif [*common, *(name for name in wanted if name not in set(had))] == wanted:
        return None
    return Change(kind="changed", type="column_order", path=path, before={"columns": had}, after={"columns": wanted})


def _implied(
    engine: str, left: Relation, right: Relation, around: tuple[Mapping[_Path, Relation], Mapping[_Path, Relation]]
) -> list[tuple[ChangeKind, str, tuple[Any, Any]]]:
    """What happens to a partition's columns because it happens to its parent's."""
    if right.parent is None or not stays(left, right):
        return []
    one, other = (found.get(parts(right.parent)) for found in around)
    if one is None or other is None:
        return []
    changes = _of_columns(engine, ("",), one, other)
    # A default is each table's own.
    return [(c.kind, c.path[-1], (c.before, c.after)) for c in changes if c.kind != "changed" or not _of_default(c)]


def _of_default(change: Change) -> bool:
    return "default" in (change.before or {})


def _one(
    engine: str,
    type_: ObjectType,
    path: _Path,
    ours: dict[str, Any] | None,
    theirs: dict[str, Any] | None,
    hint: str | None = None,
) -> Iterator[Change]:
    if ours is None and theirs is not None:
        yield _added(engine, type_, path, theirs, hint)
    elif theirs is None and ours is not None:
        yield _removed(engine, type_, path, ours)
    elif ours is not None and theirs is not None and ours != theirs:
        yield _changed(engine, type_, path, ours, theirs)


def _added(engine: str, type_: ObjectType, path: _Path, after: dict[str, Any], hint: str | None = None) -> Change:
    return Change(
        kind="added",
        type=type_,
        path=path,
        after=after,
        hazards=hazards(engine, "added", type_, {}, after),
        maybe_renamed_from=hint,
    )


def _removed(engine: str, type_: ObjectType, path: _Path, before: dict[str, Any]) -> Change:
    return Change(
        kind="removed", type=type_, path=path, before=before, hazards=hazards(engine, "removed", type_, before, {})
    )


def _changed(engine: str, type_: ObjectType, path: _Path, ours: dict[str, Any], theirs: dict[str, Any]) -> Change:
    differ = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
    return Change(
        kind="changed",
        type=type_,
        path=path,
        before={key: ours.get(key) for key in differ},
        after={key: theirs.get(key) for key in differ},
        hazards=hazards(engine, "changed", type_, ours, theirs),
    )


def _pairs(
    left: Sequence[_Named], right: Sequence[_Named], key: Callable[[Any], Any] = lambda found: found.name
) -> Iterator[tuple[Any, _Named | None, _Named | None]]:
    ours, theirs = ({key(found): found for found in side} for side in (left, right))
    for name in sorted(ours.keys() | theirs.keys()):
        yield name, ours.get(name), theirs.get(name)


def _facts(found: msgspec.Struct, names: Sequence[str]) -> dict[str, Any]:
    return {name: msgspec.to_builtins(getattr(found, name)) for name in names}


def _built(found: msgspec.Struct | None) -> dict[str, Any] | None:
    """What something is, besides its name."""
    if found is None:
        return None
    return {key: value for key, value in msgspec.to_builtins(found).items() if key != "name"}


def _looks(column: Column | None) -> dict[str, Any] | None:
    found = _built(column)
    if found is not None:
        del found["position"]
    return found


def _looks_of_column(column: Column) -> Any:
    return _looks(column)


def _looks_of_relation(relation: Relation) -> Any:
    """A table's columns; a view's query."""
    return relation.kind, relation.definition, [(column.name, _looks(column)) for column in relation.columns]


def _hint(new: _Named, gone: Sequence[_Named], looks: Callable[[_Named], Any]) -> str | None:
    """The first of those that are gone which looks like the new one."""
    alike = (found.name for found in gone if looks(found) == looks(new))  # type: ignore[attr-defined]  # all have one
    return next(alike, None)
