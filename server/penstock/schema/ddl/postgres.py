"""Renders a diff of PostgreSQL: what is in the way goes first, what depends on other things comes last.

Constraints and views that do not differ, but stand in the way of a column, are dropped and made again. Partitioned
tables are made as ``pg_dump`` makes them: part by part, and then put together, so that every index keeps its name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from penstock.schema.changes import Change, Diff, Hazard, ObjectType, Script, Unrendered
from penstock.schema.ddl.order import ordered
from penstock.schema.ddl.postgres_alterations import alter_columns
from penstock.schema.ddl.postgres_columns import counting, declared
from penstock.schema.ddl.postgres_reading import Place
from penstock.schema.ddl.postgres_script import Phase, Statements
from penstock.schema.ddl.postgres_state import State, index_places, plain_indexes
from penstock.schema.diff import KEYS, VIEWS, moves
from penstock.schema.model import Constraint, DatabaseSchema, Enum, Index, Relation, Schema, Sequence
from penstock.schema.names import literal, parts, quoted

_KINDS_OF_VIEWS: Final = {"view": "VIEW", "materialized_view": "MATERIALIZED VIEW"}


def render(diff: Diff) -> Script:
    """See `penstock.schema.ddl.render`."""
    return _Renderer(diff).script()


class _Renderer:
    def __init__(self, diff: Diff) -> None:
        self._diff = diff
        self._state = State(diff)
        self._schemas = _by_name(diff.left), _by_name(diff.right)
        self._say = Statements()
        self._reasons: dict[int, Unrendered] = {}
        self._extra: list[Change] = []
        self._dropped_indexes: set[Place] = set()

    def script(self) -> Script:
        self._keys_and_indexes_that_go()
        for at, change in enumerate(self._diff.changes):
            reason = self._render(change)
            if reason is not None:
                self._reasons[at] = reason
        alter_columns(self._state, self._say)
        self._what_made_room()
        self._sequences_of_columns()
        self._views()
        return Script(self._say.all(), (*self._explained(), *self._extra))

    def _explained(self) -> Iterator[Change]:
        """The changes with reasons, and with the hazards that come from views that are made again."""
        again = [p for p in self._state.views_in_the_way if p in self._state.right and p in self._state.left]
        for at, change in enumerate(self._diff.changes):
            found: tuple[Hazard, ...] = change.hazards
            if change.type in ("column", "constraint") and change.kind != "added":
                place, name = _place(change), change.path[-1]
                if any(self._state.queries[view].uses(place, {name}) for view in again):
                    found = tuple(sorted({*found, "loses_grants"}))
            yield msgspec.structs.replace(change, hazards=found, unrendered=self._reasons.get(at))

    # One change ---------------------------------------------------------------------------------------------------

    def _render(self, change: Change) -> Unrendered | None:
        match change.type:
            case "database":
                return "database_property"
            case "column_order":
                return "column_order"
            case "schema":
                self._schema(change)
            case "enum":
                return self._enum(change)
            case "sequence":
                self._sequence(change)
            case "view" | "materialized_view":
                self._view(change)
            case "foreign_table":
                return self._foreign_table(change)
            case "table":
                return self._table(change)
            case "column":
                return self._column(change)
            case "constraint":
                return self._constraint(change)
            case "index":
                return self._index(change)
        return None

    def _schema(self, change: Change) -> None:
        [name] = change.path
        if change.kind == "removed":
            self._say.emit(Phase.DROP_SCHEMAS, f"DROP SCHEMA {quoted(name)}")
            return
        if change.kind == "added":
            self._say.emit(Phase.CREATE_SCHEMAS, f"CREATE SCHEMA {quoted(name)}")
        if change.kind == "changed" or self._schemas[1][name].comment is not None:
            self._say.comment("SCHEMA", quoted(name), self._schemas[1][name].comment)

    def _enum(self, change: Change) -> Unrendered | None:
        schema, name = change.path
        place = quoted(schema, name)
        before, after = (side.get((schema, name)) for side in self._enums)
        if after is None:
            self._say.emit(Phase.DROP_ENUMS, f"DROP TYPE {self._out_of_the_way('TYPE', schema, name)}")
            return None
        if before is None:
            values = ", ".join(literal(value) for value in after.values)
            self._say.emit(Phase.ENUMS, f"CREATE TYPE {place} AS ENUM ({values})")
        elif before.values != after.values:
            if [value for value in after.values if value in before.values] != list(before.values):
                return "enum_values"
            self._added_values(place, before, after)
        if (before.comment if before else None) != after.comment:
            self._say.comment("TYPE", place, after.comment)
        return None

    def _added_values(self, place: str, before: Enum, after: Enum) -> None:
        last = None
        for value in after.values:
            if value not in before.values:
                where = ""
                if last is not None:
                    where = f" AFTER {literal(last)}"
                elif before.values:
                    where = f" BEFORE {literal(before.values[0])}"
                self._say.emit(Phase.ENUMS, f"ALTER TYPE {place} ADD VALUE {literal(value)}{where}")
            last = value

    def _sequence(self, change: Change) -> None:
        schema, name = change.path
        place = quoted(schema, name)
        before, after = (side.get((schema, name)) for side in self._sequences)
        if after is None:
            self._say.emit(Phase.DROP_SEQUENCES, f"DROP SEQUENCE {self._out_of_the_way('SEQUENCE', schema, name)}")
            return
        if before is None or before.options != after.options:
            verb = "CREATE" if before is None else "ALTER"
            options = f"AS {after.options.type} {counting(after.options)}"
            self._say.emit(Phase.SEQUENCES, f"{verb} SEQUENCE {place} {options}")
        if (before.comment if before else None) != after.comment:
            self._say.comment("SEQUENCE", place, after.comment)

    @property
    def _enums(self) -> tuple[dict[Place, Enum], dict[Place, Enum]]:
        left, right = ({(s.name, e.name): e for s in side.values() for e in s.enums} for side in self._schemas)
        return left, right

    @property
    def _sequences(self) -> tuple[dict[Place, Sequence], dict[Place, Sequence]]:
        left, right = ({(s.name, e.name): e for s in side.values() for e in s.sequences} for side in self._schemas)
        return left, right

    def _out_of_the_way(self, kind: str, schema: str, name: str) -> str:
        """What is dropped late has another name meanwhile, where something new bears its own."""
        after = self._schemas[1].get(schema, Schema(schema))
        taken = {found.name for group in (after.relations, after.sequences, after.enums) for found in group}
        taken |= {index.name for relation in after.relations for index in relation.indexes}
        if name not in taken:
            return quoted(schema, name)
        other = next(f"dropped_{n}" for n in range(1, 10**9) if f"dropped_{n}" not in taken)
        self._say.emit(Phase.MAKE_ROOM, f"ALTER {kind} {quoted(schema, name)} RENAME TO {quoted(other)}")
        return quoted(schema, other)

    def _view(self, change: Change) -> None:
        place = _place(change)
        if change.kind != "changed" or place in self._state.views_in_the_way:
            return  # with all other views
        relation = self._state.right[place]
        self._say.comment(_KINDS_OF_VIEWS[relation.kind], quoted(*place), relation.comment)

    def _foreign_table(self, change: Change) -> Unrendered | None:
        if change.kind != "removed":
            return "foreign_table"
        self._say.emit(Phase.DROP_TABLES, f"DROP FOREIGN TABLE {quoted(*_place(change))}")
        return None

    # Tables -------------------------------------------------------------------------------------------------------

    def _table(self, change: Change) -> Unrendered | None:
        place = _place(change)
        if change.kind == "removed":
            self._drop_table(place)
            return None
        after = self._state.right[place]
        if after.parent is not None and len(parts(after.parent)) != 2:
            return "unknown_parent"
        if change.kind == "added":
            self._create_table(place, after)
            return None
        before = self._state.left[place]
        if before.kind != after.kind:
            return "kind_of_table"
        if before.partition_by != after.partition_by:
            return "partitions"
        if (before.parent, before.bound) != (after.parent, after.bound):
            if before.parent is not None:
                if len(parts(before.parent)) != 2:
                    return "unknown_parent"
                self._say.emit(
                    Phase.DETACH, f"ALTER TABLE {quoted(*parts(before.parent))} DETACH PARTITION {quoted(*place)}"
                )
            self._attach(place, after)
        if before.comment != after.comment:
            self._say.comment("TABLE", quoted(*place), after.comment)
        return None

    def _drop_table(self, place: Place) -> None:
        before = self._state.left[place]
        for constraint in before.constraints:
            if constraint.kind == "foreign_key":
                self._drop_constraint(place, constraint)
        # A partition goes before the table that it is of.
        first = before.parent is not None
        self._say.emit(Phase.DROP_TABLES, f"DROP TABLE {quoted(*place)}", first=first)

    def _create_table(self, place: Place, after: Relation) -> None:
        body = ",".join(f"\n  {declared(column)}" for column in after.columns)
        divided = f" PARTITION BY {after.partition_by}" if after.partition_by is not None else ""
        self._say.emit(Phase.CREATE_TABLES, f"CREATE TABLE {quoted(*place)} ({body}\n){divided}")
        for constraint in after.constraints:
            reason = self._add_constraint(place, after, constraint)
            self._explain((*place, constraint.name), constraint, reason)
        for index in plain_indexes(after).values():
            self._explain((*place, index.name), index, self._add_index(place, index))
        self._attach(place, after)
        if after.comment is not None:
            self._say.comment("TABLE", quoted(*place), after.comment)
        for column in after.columns:
            if column.comment is not None:
                self._say.comment("COLUMN", quoted(*place, column.name), column.comment)

    def _explain(self, path: tuple[str, ...], found: Constraint | Index, reason: Unrendered | None) -> None:
        """A part of a new table that has no DDL is a change of its own."""
        if reason is not None:
            type_: ObjectType = "constraint" if isinstance(found, Constraint) else "index"
            after = msgspec.to_builtins(found)
            self._extra.append(Change(kind="added", type=type_, path=path, after=after, unrendered=reason))

    def _attach(self, place: Place, after: Relation) -> None:
        if after.parent is not None and after.bound is not None:
            parent = quoted(*parts(after.parent))
            self._say.emit(Phase.ATTACH, f"ALTER TABLE {parent} ATTACH PARTITION {quoted(*place)} {after.bound}")

    # Columns ------------------------------------------------------------------------------------------------------

    def _column(self, change: Change) -> Unrendered | None:
        place = _place(change)
        name = change.path[2]
        if place not in self._state.kept:
            return "foreign_table"
        if self._state.parent(place) is not None and (change.kind != "changed" or name in self._state.remade[place]):
            return "of_parent"
        comment = (change.after or {}).get("comment")
        if comment != (change.before or {}).get("comment") and change.kind != "removed":
            self._say.comment("COLUMN", quoted(*place, name), comment)
        return None

    # Constraints and indexes --------------------------------------------------------------------------------------

    def _keys_and_indexes_that_go(self) -> None:
        """Which indexes are dropped, since those of partitions go with those of their parents."""
        left, right = index_places(self._diff.left), index_places(self._diff.right)
        for place, index in left.items():
            other = right.get(place)
            if other is None or other.definition != index.definition or other.valid != index.valid:
                self._dropped_indexes.add(place)
        for place, (one, _) in self._state.kept.items():
            names = [c.name for c in one.constraints if c.kind in KEYS and self._state.key_changes(place, c)]
            names += [i.name for i in one.indexes if self._state.index_in_the_way(place, i)]
            self._dropped_indexes |= {(place[0], name) for name in names}

    def _goes_with_parent(self, place: Place, name: str) -> bool:
        if self._state.parent(place) is None:
            return False
        index = next((i for i in self._state.left[place].indexes if i.name == name), None)
        if index is None or index.parent is None:
            return False
        found = parts(index.parent)
        return len(found) == 2 and (found[0], found[1]) in self._dropped_indexes

    def _is_held(self, place: Place, name: str) -> bool:
        """Whether an index of a partition cannot go, or cannot come, because of one of its parent's that stays."""
        if self._state.parent(place) is None:
            return False
        one, other = self._state.kept[place]
        held = {index.name: index.parent for index in one.indexes if index.parent is not None}
        held = {part: parent for part, parent in held.items() if not self._goes_with_parent(place, part)}
        wanted = next((index.parent for index in other.indexes if index.name == name), None)
        return name in held or (wanted is not None and wanted in held.values())

    def _constraint(self, change: Change) -> Unrendered | None:
        place = _place(change)
        if place not in self._state.kept:
            return "foreign_table"
        one, other = self._state.kept[place]
        before = next((c for c in one.constraints if c.name == change.path[2]), None)
        after = next((c for c in other.constraints if c.name == change.path[2]), None)
        if "trigger" in {found.kind for found in (before, after) if found is not None}:
            return "trigger"
        inherited = any(f is not None and f.inherited and f.kind == "check" for f in (before, after))
        if inherited and not moves(one, other):
            return "of_parent"
        if self._is_held(place, change.path[2]):
            return "of_parent"
        if before is not None and after is not None and self._only_validates(place, before, after):
            name = quoted(change.path[2])
            self._say.emit(Phase.VALIDATE, f"ALTER TABLE {quoted(*place)} VALIDATE CONSTRAINT {name}")
            return None
        if before is not None:
            self._drop_constraint(place, before)
        return None if after is None else self._add_constraint(place, other, after)

    def _only_validates(self, place: Place, before: Constraint, after: Constraint) -> bool:
        becomes_valid = not before.validated and before.definition == f"{after.definition} NOT VALID"
        return becomes_valid and not self._state.constraint_in_the_way(place, before)

    def _drop_constraint(self, place: Place, constraint: Constraint) -> None:
        if constraint.kind in KEYS and self._goes_with_parent(place, constraint.name):
            return
        phase = Phase.DROP_FOREIGN_KEYS if constraint.kind == "foreign_key" else Phase.DROP_CONSTRAINTS
        self._say.emit(phase, f"ALTER TABLE {quoted(*place)} DROP CONSTRAINT {quoted(constraint.name)}")

    def _add_constraint(self, place: Place, table: Relation, constraint: Constraint) -> Unrendered | None:
        if constraint.kind == "trigger":
            return "trigger"
        phase, only = Phase.CHECKS, ""
        if constraint.kind == "foreign_key":
            phase = Phase.FOREIGN_KEYS
        elif constraint.kind in KEYS:
            phase = Phase.KEYS
            only = "ONLY " if table.kind == "partitioned_table" else ""
        name = quoted(constraint.name)
        self._say.emit(phase, f"ALTER TABLE {only}{quoted(*place)} ADD CONSTRAINT {name} {constraint.definition}")
        index = next((i for i in table.indexes if i.name == constraint.name), None)
        if constraint.kind in KEYS and index is not None:
            self._attach_index(place, index)
        return None

    def _index(self, change: Change) -> Unrendered | None:
        place, name = _place(change), change.path[2]
        if change.kind != "added" and place in self._state.views_in_the_way:
            return None  # it goes with its materialized view
        if place not in self._state.left or place not in self._state.right:
            return None
        before = plain_indexes(self._state.left[place]).get(name)
        after = plain_indexes(self._state.right[place]).get(name)
        if self._is_held(place, name):
            return "of_parent"
        if before is None and after is None:
            return None if self._goes_with_parent(place, name) else self._key_index(place, name)
        if after is not None and not after.valid:
            return "invalid_index"
        if before is not None and after is not None and before.definition == after.definition and before.valid:
            if self._goes_with_parent(place, name):
                return self._add_index(place, after)
            self._attach_index(place, after)
            return None
        if before is not None and not self._goes_with_parent(place, name):
            self._say.emit(Phase.DROP_INDEXES, f"DROP INDEX {quoted(place[0], name)}")
        if after is None or place in self._state.views_in_the_way:
            return None
        return self._add_index(place, after)

    def _key_index(self, place: Place, name: str) -> Unrendered | None:
        """The index of a key that stays: all that can be done to it is to put it together with the parent's."""
        before, after = (
            next(i for i in side[place].indexes if i.name == name) for side in (self._state.left, self._state.right)
        )
        if before.parent == after.parent or msgspec.structs.replace(before, parent=after.parent) != after:
            return "key_index"
        self._attach_index(place, after)
        return None

    def _add_index(self, place: Place, index: Index) -> Unrendered | None:
        if not index.valid:
            return "invalid_index"
        self._say.emit(Phase.INDEXES, index.definition)
        self._attach_index(place, index)
        return None

    def _attach_index(self, place: Place, index: Index) -> None:
        found = parts(index.parent) if index.parent is not None else ()
        if len(found) == 2:
            part = quoted(place[0], index.name)
            self._say.emit(Phase.ATTACH_INDEXES, f"ALTER INDEX {quoted(*found)} ATTACH PARTITION {part}")

    def _what_made_room(self) -> None:
        """Constraints and indexes that do not differ, but are in the way of a column."""
        for place, (one, other) in self._state.kept.items():
            for constraint in one.constraints:
                if constraint not in other.constraints or constraint.kind == "trigger" or constraint.inherited:
                    continue
                with_parent = constraint.kind in KEYS and self._goes_with_parent(place, constraint.name)
                if with_parent or self._state.constraint_in_the_way(place, constraint):
                    self._drop_constraint(place, constraint)
                    self._add_constraint(place, other, constraint)
            indexes = plain_indexes(other)
            for name, index in plain_indexes(one).items():
                if indexes.get(name) != index or not index.valid:
                    continue
                if self._goes_with_parent(place, name):
                    self._add_index(place, index)
                elif self._state.index_in_the_way(place, index):
                    self._say.emit(Phase.DROP_INDEXES, f"DROP INDEX {quoted(place[0], name)}")
                    self._add_index(place, index)

    # What goes across tables --------------------------------------------------------------------------------------

    def _sequences_of_columns(self) -> None:
        before, after = self._sequences
        for place, sequence in before.items():
            if sequence.owned_by is None:
                continue
            other = after.get(place)
            if other is not None and other.owned_by == sequence.owned_by and not self._loses_owner(place[0], sequence):
                continue
            self._say.emit(Phase.DISOWN_SEQUENCES, f"ALTER SEQUENCE {quoted(*place)} OWNED BY NONE")
        for place, sequence in after.items():
            if sequence.owned_by is None:
                continue
            old = before.get(place)
            if old is None or old.owned_by != sequence.owned_by or self._loses_owner(place[0], old):
                owner = quoted(place[0], *sequence.owned_by)
                self._say.emit(Phase.OWN_SEQUENCES, f"ALTER SEQUENCE {quoted(*place)} OWNED BY {owner}")

    def _loses_owner(self, schema: str, sequence: Sequence) -> bool:
        if sequence.owned_by is None:
            return False
        table, column = sequence.owned_by
        return (schema, table) not in self._state.kept or column in self._state.gone[schema, table]

    def _views(self) -> None:
        state = self._state
        drop = state.views_in_the_way
        needs = state.view_needs(state.queries)
        for place in reversed(ordered((p for p in state.queries if p in drop), needs)):
            kind = _KINDS_OF_VIEWS[state.left[place].kind]
            self._say.emit(Phase.DROP_VIEWS, f"DROP {kind} {quoted(*place)}")
        make = [p for p in state.new_queries if p in drop or p not in state.left or state.left[p].kind not in VIEWS]
        for place in ordered(make, state.view_needs(state.new_queries)):
            self._make_view(place, state.right[place])

    def _make_view(self, place: Place, view: Relation) -> None:
        kind, name = _KINDS_OF_VIEWS[view.kind], quoted(*place)
        query = (view.definition or "").strip().removesuffix(";")
        self._say.emit(Phase.VIEWS, f"CREATE {kind} {name} AS\n{query}")
        for index in view.indexes:
            if index.valid:
                self._say.emit(Phase.VIEWS, index.definition)
            else:
                self._explain((*place, index.name), index, "invalid_index")
        if view.comment is not None:
            self._say.comment(kind, name, view.comment)
        for column in view.columns:
            if column.default is not None:
                action = f"ALTER COLUMN {quoted(column.name)} SET DEFAULT {column.default}"
                self._say.emit(Phase.VIEWS, f"ALTER VIEW {name} {action}")
            if column.comment is not None:
                self._say.comment("COLUMN", quoted(*place, column.name), column.comment)


def _place(change: Change) -> Place:
    return change.path[0], change.path[1]


def _by_name(schema: DatabaseSchema) -> dict[str, Schema]:
    return {found.name: found for found in schema.schemas}
