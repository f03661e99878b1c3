"""Renders a diff of MySQL or MariaDB: one ALTER TABLE for all columns and indexes of a table, which is copied once.

Foreign keys go first and come last; checks go before the columns that they read. Views are made again after everything.
"""

from __future__ import annotations

import re
from collections import defaultdict
from enum import IntEnum, auto
from typing import Final

import msgspec

from penstock.schema.changes import Change, Diff, Script, Unrendered
from penstock.schema.ddl.mysql_columns import action_of_index, declared, must_be_made_anew, text, untellable
from penstock.schema.ddl.mysql_reading import Key, foreign_key, index_columns, reads
from penstock.schema.ddl.order import ordered
from penstock.schema.diff import TABLES
from penstock.schema.model import Column, Constraint, DatabaseSchema, Relation
from penstock.schema.names import backticked, backticks

_WORD: Final = re.compile(r"\w+")


class _Phase(IntEnum):
    """In which order statements run."""

    DATABASE = auto()
    DROP_FOREIGN_KEYS = auto()
    DROP_VIEWS = auto()
    DROP_TABLES = auto()
    DROP_CHECKS = auto()
    CREATE_TABLES = auto()
    ALTER_TABLES = auto()
    ADD_CHECKS = auto()
    FOREIGN_KEYS = auto()
    VIEWS = auto()


def render(diff: Diff) -> Script:
    """See `penstock.schema.ddl.render`."""
    return _Renderer(diff).script()


class _Renderer:
    def __init__(self, diff: Diff) -> None:
        self._diff = diff
        self._left, self._right = _relations(diff.left), _relations(diff.right)
        self._kept = {
            name: (self._left[name], self._right[name])
            for name in sorted(self._left.keys() & self._right.keys())
            if self._left[name].kind in TABLES and self._right[name].kind in TABLES
        }
        self._engine = diff.left.engine
        self._phases: defaultdict[_Phase, list[str]] = defaultdict(list)
        self._reasons: dict[int, Unrendered] = {}
        self._extra: list[Change] = []
        self._refused: set[tuple[str, ...]] = set()  # columns, indexes and tables that cannot be rendered

    def script(self) -> Script:
        for at, change in enumerate(self._diff.changes):
            reason = self._reason(change)
            if reason is not None:
                self._reasons[at] = reason
                self._refused.add((change.type, *change.path))
        self._database()
        self._tables()
        for name, (one, other) in self._kept.items():
            self._alter(name, one, other)
        self._foreign_keys()
        self._views()
        statements = [statement for phase in _Phase for statement in self._phases[phase]]
        changes = [
            msgspec.structs.replace(change, unrendered=self._reasons.get(at))
            for at, change in enumerate(self._diff.changes)
        ]
        return Script(tuple(statements), (*changes, *self._extra))

    def _emit(self, phase: _Phase, statement: str) -> None:
        if statement not in self._phases[phase]:
            self._phases[phase].append(statement)

    # What cannot be rendered --------------------------------------------------------------------------------------

    def _reason(self, change: Change) -> Unrendered | None:
        if change.type == "column_order":
            return "column_order"
        if change.type == "sequence":
            return None if change.kind == "removed" else "sequence"
        if change.type == "database":
            found = self._diff.right.collation
            return None if found is not None and _WORD.fullmatch(found) else "database_property"
        if change.type == "table":
            return self._reason_of_table(change)
        if change.type == "column" and change.kind != "removed":
            return self._reason_of_column(self._column(change))
        if change.type == "index":
            after = next((i for i in self._right[change.path[0]].indexes if i.name == change.path[1]), None)
            return None if after is None or action_of_index(after) is not None else "expression_index"
        return None

    def _reason_of_table(self, change: Change) -> Unrendered | None:
        [name] = change.path
        if change.kind == "removed":
            return None
        after = self._right[name]
        if change.kind == "added":
            if after.kind == "partitioned_table":
                return "partitions"
            return next(filter(None, map(self._reason_of_column, after.columns)), None)
        return "kind_of_table" if self._left[name].kind != after.kind else None

    def _reason_of_column(self, column: Column) -> Unrendered | None:
        return "default_spelling" if untellable(self._engine, column) else None

    def _column(self, change: Change) -> Column:
        return next(c for c in self._right[change.path[0]].columns if c.name == change.path[1])

    # Tables -------------------------------------------------------------------------------------------------------

    def _database(self) -> None:
        for change in self._diff.changes:
            if change.type == "database" and ("database",) not in self._refused:
                collation = self._diff.right.collation
                self._emit(_Phase.DATABASE, f"ALTER DATABASE COLLATE = {collation}")

    def _tables(self) -> None:
        for name, relation in self._left.items():
            if relation.kind != "view" and self._kind_goes(name):
                kind = "SEQUENCE" if relation.kind == "sequence" else "TABLE"
                self._emit(_Phase.DROP_TABLES, f"DROP {kind} {backticked(name)}")
        for name, relation in self._right.items():
            if name in self._kept or relation.kind not in TABLES or ("table", name) in self._refused:
                continue
            self._create(name, relation)

    def _kind_goes(self, name: str) -> bool:
        one, other = self._left[name], self._right.get(name)
        return other is None or (name not in self._kept and one.kind != other.kind)

    def _create(self, name: str, table: Relation) -> None:
        parts = [declared(column, _check_of(table, column.name)) for column in table.columns]
        for index in table.indexes:
            action = action_of_index(index)
            if action is None:
                self._extra.append(
                    Change(
                        kind="added",
                        type="index",
                        path=(name, index.name),
                        after=msgspec.to_builtins(index),
                        unrendered="expression_index",
                    )
                )
            else:
                parts.append(action)
        parts += [_constraint(found) for found in _checks(table)]
        options = self._options(None, table)
        body = ",".join(f"\n  {part}" for part in parts)
        self._emit(_Phase.CREATE_TABLES, " ".join([f"CREATE TABLE {backticked(name)} ({body}\n)", *options]))

    def _options(self, before: Relation | None, after: Relation) -> list[str]:
        found = []
        for word, name in (("ENGINE", "storage_engine"), ("COLLATE", "collation")):
            value = getattr(after, name)
            if value is not None and (before is None or getattr(before, name) != value) and _WORD.fullmatch(value):
                found.append(f"{word} = {value}")
        if after.comment != (before.comment if before is not None else None):
            found.append(f"COMMENT = {text(after.comment or '')}")
        return found

    def _alter(self, name: str, one: Relation, other: Relation) -> None:
        """Columns and indexes of a table in one statement, checks around it."""
        if ("table", name) in self._refused:
            options = []
        else:
            options = self._options(one, other)
        ours, theirs = ({column.name: column for column in side.columns} for side in (one, other))
        remade = {n for n in ours.keys() & theirs.keys() if must_be_made_anew(ours[n], theirs[n])}
        remade -= {n for n in remade if ("column", name, n) in self._refused}
        gone = {*(ours.keys() - theirs.keys()), *remade}
        changed = {n for n in ours.keys() & theirs.keys() if self._differs(one, other, n)} - remade
        self._checks(name, one, other, gone | changed)
        drops, adds = self._indexes(name, one, other, gone)
        actions = [*drops]
        actions += [f"DROP COLUMN {backticked(n)}" for n in ours if n in gone]
        for at, column in enumerate(other.columns):
            check = _check_of(other, column.name)
            where = f" AFTER {backticked(other.columns[at - 1].name)}" if at else " FIRST"
            if ("column", name, column.name) in self._refused:
                continue
            if column.name not in ours or column.name in remade:
                actions.append(f"ADD COLUMN {declared(column, check)}{where}")
            elif column.name in changed:
                actions.append(f"MODIFY COLUMN {declared(column, check)}")
        actions += [*adds, *options]
        if actions:
            self._emit(_Phase.ALTER_TABLES, f"ALTER TABLE {backticked(name)} {', '.join(actions)}")

    def _differs(self, one: Relation, other: Relation, column: str) -> bool:
        """Whether a column is declared otherwise, its position aside."""
        before, after = (
            msgspec.structs.replace(next(c for c in side.columns if c.name == column), position=0)
            for side in (one, other)
        )
        return before != after or _check_of(one, column) != _check_of(other, column)

    def _checks(self, name: str, one: Relation, other: Relation, columns: set[str]) -> None:
        """Checks that go, come or change; and those that read a column which does."""
        after = {found.name: found for found in _checks(other)}
        before = {found.name: found for found in _checks(one)}
        for check in before.values():
            same = after.get(check.name) == check
            if not same or not columns.isdisjoint(backticks(check.definition)):
                drop = f"ALTER TABLE {backticked(name)} DROP CONSTRAINT {backticked(check.name)}"
                self._emit(_Phase.DROP_CHECKS, drop)
                if same:
                    self._emit(_Phase.ADD_CHECKS, f"ALTER TABLE {backticked(name)} ADD {_constraint(check)}")
        for check in after.values():
            if before.get(check.name) != check:
                self._emit(_Phase.ADD_CHECKS, f"ALTER TABLE {backticked(name)} ADD {_constraint(check)}")

    def _indexes(self, name: str, one: Relation, other: Relation, gone: set[str]) -> tuple[list[str], list[str]]:
        drops, adds = [], []
        before, after = ({index.name: index for index in side.indexes} for side in (one, other))
        for index in before.values():
            found = after.get(index.name)
            if found == index and gone.isdisjoint(index_columns(index)):
                continue
            if found is not None and action_of_index(found) is None:
                continue
            drops.append("DROP PRIMARY KEY" if index.primary else f"DROP INDEX {backticked(index.name)}")
            if found is not None:
                adds.append(f"ADD {action_of_index(found)}")
        for index in after.values():
            action = action_of_index(index)
            if index.name not in before and action is not None:
                adds.append(f"ADD {action}")
        return drops, adds

    # What goes across tables --------------------------------------------------------------------------------------

    def _foreign_keys(self) -> None:
        for name, table in self._left.items():
            for constraint in table.constraints:
                if constraint.kind == "foreign_key" and self._goes(name, constraint):
                    drop = f"ALTER TABLE {backticked(name)} DROP FOREIGN KEY {backticked(constraint.name)}"
                    self._emit(_Phase.DROP_FOREIGN_KEYS, drop)
        for name, table in self._right.items():
            if ("table", name) in self._refused and name not in self._kept:
                continue
            for constraint in table.constraints:
                if constraint.kind != "foreign_key":
                    continue
                old = self._left.get(name, Relation(name, "table")).constraints
                if constraint not in old or self._goes(name, constraint):
                    self._emit(_Phase.FOREIGN_KEYS, f"ALTER TABLE {backticked(name)} ADD {_constraint(constraint)}")

    def _goes(self, name: str, constraint: Constraint) -> bool:
        """Whether a foreign key is dropped: because it differs, or to make room for a column or an index."""
        if name not in self._kept or constraint not in self._kept[name][1].constraints:
            return True
        key = foreign_key(constraint.definition)
        return key is None or self._moves(name, key.columns) or self._referenced_moves(key)

    def _referenced_moves(self, key: Key) -> bool:
        if key.elsewhere:
            return False
        return key.table not in self._kept or self._moves(key.table, key.referenced)

    def _moves(self, name: str, columns: frozenset[str]) -> bool:
        one, other = self._kept[name]
        if (one.collation, one.storage_engine) != (other.collation, other.storage_engine):
            return True
        theirs = {column.name for column in other.columns}
        if any(column not in theirs or self._differs(one, other, column) for column in columns):
            return True
        gone = [index for index in one.indexes if index not in other.indexes]
        return any(not columns.isdisjoint(index_columns(index)) for index in gone)

    def _views(self) -> None:
        left = {name: found for name, found in self._left.items() if found.kind == "view"}
        right = {name: found for name, found in self._right.items() if found.kind == "view"}
        changed = {change.path[0] for change in self._diff.changes if change.type == "view"}
        for name in left:
            if name in changed:
                self._emit(_Phase.DROP_VIEWS, f"DROP VIEW {backticked(name)}")
        needs = {name: reads(found.definition or "") & right.keys() - {name} for name, found in right.items()}
        for name in ordered((name for name in right if name in changed), needs):
            self._emit(_Phase.VIEWS, f"CREATE VIEW {backticked(name)} AS {right[name].definition}")


def _relations(schema: DatabaseSchema) -> dict[str, Relation]:
    return {relation.name: relation for namespace in schema.schemas for relation in namespace.relations}


def _check_of(table: Relation, column: str) -> str | None:
    """The check that belongs to a column."""
    return next((c.definition for c in table.constraints if c.of_column and c.name == column), None)


def _checks(table: Relation) -> list[Constraint]:
    return [c for c in table.constraints if c.kind == "check" and not c.of_column]


def _constraint(constraint: Constraint) -> str:
    return f"CONSTRAINT {backticked(constraint.name)} {constraint.definition}"
