"""Schemas of PostgreSQL, made up; see `schema_designs`."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from tests.property.schema_designs import COLUMNS, COMMENTS, NAMES, TABLES, VIEWS, Draw, Made, often, one, seldom, some

SCHEMAS: Final = ("public", "Second one")
_DEFAULTS: Final = {
    "smallint": ("3", "-1"),
    "integer": ("7", "1 + 1"),
    "bigint": ("7", "9000000000"),
    "numeric(10,2)": ("1.5",),
    "text": ("'it''s'", "E'back\\\\slash'", "CURRENT_USER"),
    "character varying(10)": ("'x'", "upper('y')"),
    "character varying(20)": ("'x'",),
    "boolean": ("true",),
    "date": ("CURRENT_DATE",),
    "timestamp with time zone": ("now()",),
    "jsonb": ("'{}'::jsonb",),
    "text[]": ("'{}'::text[]",),
}
_SERIALS: Final = {"smallint": "smallserial", "integer": "serial", "bigint": "bigserial"}
_INTS: Final = ("smallint", "integer", "bigint")
_TEXTS: Final = ("text", "character varying(10)", "character varying(20)")
_VALUES: Final = ("new", "it's", "back\\slash", "done")
_PARTED: Final = "parted; --"


def q(*names: str) -> str:
    """A quoted name."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def text(value: str | None) -> str:
    """A literal."""
    if value is None:
        return "NULL"
    return "E'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


class _Design:
    """The statements so far, and what they have made."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.statements: list[str] = []
        self.made: dict[str, list[Made]] = {}
        self.enums: list[str] = []
        self.sequences: list[str] = []
        self.indexes = 0

    def say(self, statement: str) -> None:
        self.statements.append(statement)

    def comment(self, kind: str, name: str) -> None:
        comment = one(self.draw, *COMMENTS)
        if comment is not None:
            self.say(f"COMMENT ON {kind} {name} IS {text(comment)}")

    def schema(self, schema: str) -> None:
        draw = self.draw
        if schema != "public":
            self.say(f"CREATE SCHEMA {q(schema)}")
            self.comment("SCHEMA", q(schema))
        for name in some(draw, NAMES[2:4]):
            enum = q(schema, f"enum {name}")
            values = ["first", *some(draw, _VALUES)]
            self.say(f"CREATE TYPE {enum} AS ENUM ({', '.join(text(value) for value in values)})")
            self.comment("TYPE", enum)
            self.enums.append(enum)
        for name in some(draw, NAMES[3:]):
            sequence = q(schema, f"seq {name}")
            step, most, start, cache = (one(draw, *of) for of in ((1, 5, -2), (99, 999), (1, 10), (1, 3)))
            options = f"INCREMENT {step} MINVALUE -9 MAXVALUE {most} START {start} CACHE {cache}"
            self.say(f"CREATE SEQUENCE {sequence} AS {one(draw, *_INTS)} {options} {one(draw, 'NO CYCLE', 'CYCLE')}")
            self.comment("SEQUENCE", sequence)
            self.sequences.append(sequence)
        self.made[schema] = []
        for name in some(draw, TABLES, most=3):
            self.table(schema, name)
        if one(draw, True, False):
            self.parted(schema)
        self.foreign_keys(schema)
        for name in some(draw, VIEWS):
            self.view(schema, name)

    def column(self, table: Made, name: str) -> str:
        draw = self.draw
        ints = [c for c, t in table.columns.items() if t in _INTS and c not in table.generated]
        kind = one(draw, "plain", "plain", "default", "default", "identity", "generated" if ints else "plain", "serial")
        type_ = one(draw, *_DEFAULTS, *self.enums)
        if kind in ("identity", "serial"):
            type_ = one(draw, *_INTS)
        elif kind == "generated":
            type_ = "bigint"
        table.columns[name] = type_
        words = [q(name), type_]
        if type_ in _TEXTS and seldom(draw):
            words.append('COLLATE "C"')
        if kind == "generated":
            words.append(f"GENERATED ALWAYS AS ({q(one(draw, *ints))} * {one(draw, 2, 3)}) STORED")
            table.generated.add(name)
        elif kind == "identity":
            options = one(draw, "", "(START WITH 5 INCREMENT BY 2)")
            return f"{' '.join(words)} GENERATED {one(draw, 'ALWAYS', 'BY DEFAULT')} AS IDENTITY {options}"
        elif kind == "serial":
            return f"{q(name)} {_SERIALS[type_]}"
        elif kind == "default" and type_ in self.enums:
            words.append("DEFAULT 'first'")
        elif kind == "default":
            defaults = list(_DEFAULTS[type_])
            if type_ in _INTS:
                defaults += [f"nextval({text(sequence)})" for sequence in self.sequences]
            words.append(f"DEFAULT {one(draw, *defaults)}")
        if seldom(draw):
            words.append("NOT NULL")
        return " ".join(words)

    def table(self, schema: str, name: str) -> None:
        draw = self.draw
        table = Made(name, {})
        place = q(schema, name)
        columns = [self.column(table, column) for column in some(draw, COLUMNS, least=1)]
        names = list(table.columns)
        if often(draw):
            table.key = tuple(some(draw, names, least=1, most=2))
            key = ", ".join(q(column) for column in table.key)
            columns.append(f"CONSTRAINT {q('pk ' + schema + name)} PRIMARY KEY ({key})")
        for number in range(one(draw, 0, 0, 1, 2)):
            deferrable = one(draw, "", " DEFERRABLE INITIALLY DEFERRED")
            key = ", ".join(q(column) for column in some(draw, names, least=1, most=2))
            columns.append(f"CONSTRAINT {q(f'u{number} ' + name)} UNIQUE ({key}){deferrable}")
        self.say(f"CREATE TABLE {place} ({', '.join(columns)})")
        self.comment("TABLE", place)
        for column in names:
            self.comment("COLUMN", q(schema, name, column))
        for number, column in enumerate(some(draw, names, most=2)):
            self.check(place, f"check{number} '{name}", column, table.columns[column])
        for number in range(one(draw, 0, 1, 2)):
            self.index(place, f"i{number} {name}", table)
        self.made[schema].append(table)

    def check(self, place: str, name: str, column: str, type_: str) -> None:
        condition = f"{q(column)} IS NOT NULL"
        if type_ in _INTS:
            condition = f"{q(column)} {one(self.draw, '> 0', '< 100', 'IN (1, 2)')}"
        elif type_ in _TEXTS:
            condition = f"{q(column)} {one(self.draw, '<> ' + text(_VALUES[2]), 'IS NOT NULL')}"
        elif type_ in self.enums:
            condition = f"{q(column)} = 'first'"
        valid = one(self.draw, "", "", " NOT VALID")
        self.say(f"ALTER TABLE {place} ADD CONSTRAINT {q(name)} CHECK ({condition}){valid}")

    def index(self, place: str, name: str, table: Made) -> None:
        draw = self.draw
        column = one(draw, *table.columns)
        what, where = q(column), ""
        if table.columns[column] == "text" and often(draw):
            what = f"lower({what})"
        elif seldom(draw):
            what += " DESC NULLS LAST"
        if seldom(draw):
            where = f" WHERE {q(one(draw, *table.columns))} IS NOT NULL"
        unique = one(draw, "", "", "UNIQUE ")
        self.say(f"CREATE {unique}INDEX {q(name)} ON {place} ({what}){where}")

    def parted(self, schema: str) -> None:
        """A partitioned table with two parts, one of which has something of its own."""
        draw = self.draw
        place = q(schema, _PARTED)
        extra = [f"{q(c)} {one(draw, 'integer', 'text', 'bigint')}" for c in some(draw, COLUMNS[1:4])]
        self.say(f"CREATE TABLE {place} ({', '.join(['day date NOT NULL', *extra])}) PARTITION BY RANGE (day)")
        for number in some(draw, (1, 2, 3)):
            bound = f"FOR VALUES FROM ('202{number}-01-01') TO ('202{number}-0{one(draw, 6, 7)}-01')"
            self.say(f"CREATE TABLE {q(schema, f'part {number}')} PARTITION OF {place} {bound}")
            if seldom(draw):
                self.say(f"CREATE INDEX ON {q(schema, f'part {number}')} (day DESC)")
            if seldom(draw):
                self.say(f"ALTER TABLE ONLY {q(schema, f'part {number}')} ALTER day SET DEFAULT CURRENT_DATE")
        if often(draw):
            self.say(f"ALTER TABLE {place} ADD PRIMARY KEY (day)")
        if seldom(draw):
            self.say(f"CREATE INDEX ON {place} (day)")
        if seldom(draw):
            self.say(f"ALTER TABLE {place} ADD CHECK (day > '2000-01-01')")
        if seldom(draw):
            self.say(f"ALTER TABLE {place} ALTER day SET DEFAULT '2020-02-02'")

    def foreign_keys(self, schema: str) -> None:
        draw = self.draw
        number = 0
        for table in self.made[schema]:
            for other in (o for tables in self.made.values() for o in tables):
                if len(other.key) != 1 or seldom(draw):
                    continue
                home = next(s for s, tables in self.made.items() if any(t is other for t in tables))
                wanted = other.columns[other.key[0]]
                fitting = [c for c, type_ in table.columns.items() if type_ == wanted and c not in table.generated]
                if not fitting:
                    continue
                number += 1
                action = one(draw, "", " ON DELETE CASCADE", " ON UPDATE CASCADE DEFERRABLE", " NOT VALID")
                self.say(
                    f"ALTER TABLE {q(schema, table.name)} ADD CONSTRAINT {q(f'fk{number} ' + other.name)} FOREIGN KEY "
                    f"({q(one(draw, *fitting))}) REFERENCES {q(home, other.name)} ({q(other.key[0])}){action}"
                )

    def view(self, schema: str, name: str) -> None:
        draw = self.draw
        every = [(home, made) for home, tables in self.made.items() for made in tables]
        if not every:
            return
        views = [(home, made) for home, made in every if made.name in VIEWS]
        home, source = one(draw, *(views if views and often(draw) else every))
        columns = some(draw, list(source.columns), least=1)
        listed = ", ".join(f"t.{q(column)}" for column in columns)
        kind = one(draw, "VIEW", "VIEW", "MATERIALIZED VIEW")
        query = f"SELECT {listed} FROM {q(home, source.name)} t"
        if source.key and seldom(draw):
            key = ", ".join(f"t.{q(column)}" for column in source.key)
            query = f"SELECT {listed}, count(*) AS n FROM {q(home, source.name)} t GROUP BY {key}"
        place = q(schema, name)
        self.say(f"CREATE {kind} {place} AS {query}")
        self.comment(kind, place)
        if seldom(draw):
            self.comment("COLUMN", q(schema, name, columns[0]))
        if kind != "VIEW" and often(draw):
            self.say(f"CREATE INDEX {q('i ' + name)} ON {place} ({q(columns[0])})")
        self.made[schema].append(Made(name, {column: source.columns[column] for column in columns}))


@st.composite
def designs(draw: Draw) -> list[str]:
    """The statements that make a schema."""
    design = _Design(draw)
    for schema in SCHEMAS[: one(draw, 1, 2)]:
        design.schema(schema)
    return design.statements
