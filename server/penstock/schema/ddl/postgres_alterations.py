"""Alters the columns of tables of PostgreSQL, those of partitioned tables with those of their partitions."""

from __future__ import annotations

import msgspec

from penstock.schema.ddl.postgres_columns import converted, declared, loosened, tightened
from penstock.schema.ddl.postgres_reading import Place
from penstock.schema.ddl.postgres_script import Phase, Statements
from penstock.schema.ddl.postgres_state import State, columns
from penstock.schema.model import Column
from penstock.schema.names import quoted


def alter_columns(state: State, say: Statements) -> None:
    """Say what becomes of the columns of tables that are there before and afterwards."""
    for place, (one, other) in state.kept.items():
        parent = state.parent(place)
        ours, theirs = columns(one), columns(other)
        both = [name for name in theirs if name in ours and name not in state.remade[place]]
        if parent is None:
            _dropped_and_added(state, say, place, ours, theirs)
            before = ours
        else:
            before = _as_the_parent_leaves_it(state, parent, ours, theirs)
        # A default is each table's own, also where it is partitioned.
        only = "ONLY " if other.kind == "partitioned_table" or parent is not None else ""
        for phase, actions in (
            (Phase.LOOSEN_COLUMNS, loosened),
            (Phase.CONVERT_COLUMNS, converted),
            (Phase.TIGHTEN_COLUMNS, tightened),
        ):
            found = [action for name in both for action in actions(before[name], theirs[name])]
            for_all = [action for action in found if not action.endswith("DEFAULT") and " SET DEFAULT " not in action]
            for_one = [action for action in found if action not in for_all]
            if only and for_one:
                _alter(say, phase, place, for_one, only)
                found = for_all
            _alter(say, phase, place, found)


def _alter(say: Statements, phase: Phase, place: Place, actions: list[str], only: str = "") -> None:
    if actions:
        say.emit(phase, f"ALTER TABLE {only}{quoted(*place)} {', '.join(actions)}")


def _dropped_and_added(
    state: State, say: Statements, place: Place, ours: dict[str, Column], theirs: dict[str, Column]
) -> None:
    gone = sorted(state.gone[place], key=lambda name: (ours[name].generated is None, ours[name].position))
    _alter(say, Phase.DROP_COLUMNS, place, [f"DROP COLUMN {quoted(name)}" for name in gone])
    new = [c for c in theirs.values() if c.name not in ours or c.name in state.remade[place]]
    plain = [f"ADD COLUMN {declared(column)}" for column in new if column.generated is None]
    _alter(say, Phase.ADD_COLUMNS, place, plain)
    generated = [f"ADD COLUMN {declared(column)}" for column in new if column.generated is not None]
    _alter(say, Phase.ADD_GENERATED_COLUMNS, place, generated)
    for column in new:
        if column.name in ours and column.comment is not None:
            say.comment("COLUMN", quoted(*place, column.name), column.comment)


def _as_the_parent_leaves_it(
    state: State, parent: Place, ours: dict[str, Column], theirs: dict[str, Column]
) -> dict[str, Column]:
    """A partition's columns after what is done to its parent's is done to them, too."""
    one, other = (columns(found) for found in state.kept[parent])
    found = dict(theirs)
    for name, column in ours.items():
        if name not in one or name not in other:
            continue
        nullable = column.nullable
        if one[name].nullable != other[name].nullable:
            nullable = other[name].nullable
        if name in state.remade[parent]:
            found[name] = other[name]
        else:
            found[name] = msgspec.structs.replace(
                column,
                type=other[name].type,
                collation=other[name].collation,
                nullable=nullable,
                identity=other[name].identity,
                counts=other[name].counts,
            )
    return found
