"""Schemas of MariaDB, made up; see `schema_designs`."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from penstock.engines.mysql.driver import name as q
from tests.property.schema_designs import COLUMNS, COMMENTS, TABLES, VIEWS, Draw, Made, often, one, seldom, some

_DEFAULTS: Final = {
    "int": ("7", "(1 + 1)"),
    "bigint unsigned": ("9",),
    "tinyint(1)": ("1",),
    "decimal(10,2)": ("1.50",),
    "varchar(10)": ("'it''s'", "'NULL'", "(upper('y'))"),
    "varchar(20)": ("'back\\\\slash'", "''"),
    "text": ("'x'",),
    "enum('a','it''s','back\\\\slash')": ("'a'",),
    "date": ("'2020-02-02'",),
    "datetime": ("current_timestamp()", "current_timestamp() ON UPDATE current_timestamp()", "NULL ON UPDATE now()"),
    "json": ("'{}'",),
}
_INTS: Final = ("int", "bigint unsigned")
_TEXTS: Final = ("varchar(10)", "varchar(20)")
_COLLATIONS: Final = ("utf8mb4_bin", "latin1_swedish_ci")


def text(value: str) -> str:
    """A literal."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


class _Design:
    """The statements so far, and what they have made."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.statements: list[str] = []
        self.made: list[Made] = []

    def comment(self) -> str:
        comment = one(self.draw, *COMMENTS)
        return f" COMMENT {text(comment)}" if comment is not None else ""

    def column(self, table: Made, name: str) -> str:
        draw = self.draw
        ints = [c for c, t in table.columns.items() if t in _INTS and c not in {*table.generated, "key"}]
        is_generated = bool(ints) and seldom(draw)
        type_ = "bigint unsigned" if is_generated else one(draw, *_DEFAULTS)
        words = [q(name), type_]
        if type_ in (*_TEXTS, "text") and seldom(draw):
            words[1] = f"{type_} COLLATE {one(draw, *_COLLATIONS)}"
        table.columns[name] = type_
        if is_generated:
            table.generated.add(name)
            words.append(f"AS ({q(one(draw, *ints))} * {one(draw, 2, 3)}) {one(draw, 'STORED', 'VIRTUAL')}")
            return " ".join(words) + self.comment()
        required = seldom(draw)
        words.append("NOT NULL" if required else "NULL")
        default = one(draw, None, None, *_DEFAULTS[type_])
        if default is not None and not (required and default.startswith("NULL")):
            words.append(f"DEFAULT {default}")
        check = f" CHECK ({q(name)} > {one(draw, 0, 1)})" if type_ in _INTS and seldom(draw) else ""
        return " ".join(words) + self.comment() + check

    def table(self, name: str) -> None:
        draw = self.draw
        table = Made(name, {})
        parts = []
        if often(draw):
            table.columns["key"] = one(draw, *_INTS)
            table.key = ("key",)
            counted = one(draw, "", " AUTO_INCREMENT")
            parts = [f"`key` {table.columns['key']} NOT NULL{counted} PRIMARY KEY"]
        parts += [self.column(table, column) for column in some(draw, COLUMNS, least=1)]
        if often(draw):
            parts = draw(st.permutations(parts)) if not table.generated else parts
        for number, column in enumerate(some(draw, list(table.columns), most=3)):
            parts.append(self.index(f"i{number} {one(draw, 'a', 'x`y')}", column, table.columns[column]))
        for number, column in enumerate(some(draw, list(table.columns), most=2)):
            condition = f"{q(column)} {one(draw, 'IS NOT NULL', '<> ' + text('back' + chr(92) + chr(39)))}"
            if column not in table.generated and column != "key":
                parts.append(f"CONSTRAINT {q(f'check{number} `')} CHECK ({condition})")
        collation = one(draw, "", "", " COLLATE utf8mb4_bin")
        self.statements.append(f"CREATE TABLE {q(name)} ({', '.join(parts)}){collation}{self.comment()}")
        self.made.append(table)

    def index(self, name: str, column: str, type_: str) -> str:
        if type_ in ("text", "json"):
            whole = f"FULLTEXT INDEX {q(name)} ({q(column)})"
            return (
                one(self.draw, whole, f"INDEX {q(name)} ({q(column)}(5))")
                if type_ == "text"
                else f"KEY {q(name)} ({q(column)}(7))"
            )
        part = "(3)" if type_ in _TEXTS and seldom(self.draw) else ""
        return f"{one(self.draw, 'INDEX', 'UNIQUE INDEX')} {q(name)} ({q(column)}{part})"

    def foreign_keys(self) -> None:
        draw = self.draw
        for number, table in enumerate(self.made):
            for other in self.made:
                fitting = [
                    c for c, t in table.columns.items()
                    if other.key and t == other.columns["key"] and c not in table.generated and c != "key"
                ]  # fmt: skip
                if not fitting or seldom(draw):
                    continue
                action = one(draw, "", "ON DELETE CASCADE", "ON DELETE RESTRICT ON UPDATE NO ACTION")
                constraint = q(f"fk{number} {other.name}")
                self.statements.append(
                    f"ALTER TABLE {q(table.name)} ADD CONSTRAINT {constraint} FOREIGN KEY "
                    f"({q(one(draw, *fitting))}) REFERENCES {q(other.name)} (`key`) {action}"
                )

    def view(self, name: str) -> None:
        draw = self.draw
        if not self.made:
            return
        views = [made for made in self.made if made.name in VIEWS]
        source, other = one(draw, *(views if views and often(draw) else self.made)), one(draw, *self.made)
        columns = some(draw, list(source.columns), least=1)
        listed = ", ".join(f"s.{q(column)}" for column in columns)
        join = f" JOIN {q(other.name)} o" if seldom(draw) else ""
        self.statements.append(f"CREATE VIEW {q(name)} AS SELECT {listed} FROM {q(source.name)} s{join}")
        self.made.append(Made(name, {column: source.columns[column] for column in columns}))


@st.composite
def designs(draw: Draw) -> list[str]:
    """The statements that make a schema."""
    design = _Design(draw)
    for name in some(draw, TABLES, most=4):
        design.table(name)
    design.foreign_keys()
    for name in some(draw, VIEWS):
        design.view(name)
    return design.statements
