"""Every kind of object in a schema, as PostgreSQL has them."""

from __future__ import annotations

from dataclasses import replace

import asyncpg

from penstock.engines.base import Engine, Target
from penstock.schema.fingerprint import canonical, fingerprint, restore
from penstock.schema.model import DatabaseSchema
from tests.postgres_server import PostgresServer


async def find(engine: Engine, target: Target) -> DatabaseSchema:
    return next(found for found in await engine.introspect(target) if found.name == target.database)


async def test_schemas_are_read_whole(engine: Engine, target: Target, database: asyncpg.Connection) -> None:
    await database.execute("""
        CREATE TABLE p (id bigint GENERATED ALWAYS AS IDENTITY, name varchar(20) NOT NULL DEFAULT 'x',
            low text GENERATED ALWAYS AS (lower(name)) STORED, gone int, code text COLLATE "C",
            PRIMARY KEY (name, id));
        ALTER TABLE p DROP gone;
        COMMENT ON TABLE p IS 'people';
        COMMENT ON COLUMN p.code IS 'secret';
        CREATE SCHEMA s;
        CREATE TABLE s.c (a int CHECK (a > 0), n varchar(20), i bigint);
        ALTER TABLE s.c ADD FOREIGN KEY (n, i) REFERENCES p NOT VALID;
        CREATE UNIQUE INDEX c_a ON s.c (a) WHERE a > 5;
        CREATE VIEW v AS SELECT name FROM p;
        CREATE TABLE parted (a int) PARTITION BY LIST (a);
        CREATE TABLE part_1 PARTITION OF parted FOR VALUES IN (1);
    """)
    found = await find(engine, target)
    assert [schema.name for schema in found.schemas] == ["public", "s"] and found.unreadable is None
    public, s = found.schemas
    assert [(r.name, r.kind) for r in public.relations] == [
        ("p", "table"), ("part_1", "table"), ("parted", "partitioned_table"), ("v", "view"),
    ]  # fmt: skip
    people, part, _, view = public.relations
    assert people.primary_key == ("name", "id") and people.comment == "people"
    identity, name, low, code = people.columns
    assert (identity.type, identity.identity, identity.default, identity.nullable) == ("bigint", "always", None, False)
    assert (name.type, name.default) == ("character varying(20)", "'x'::character varying")
    assert low.default is None and low.generated == "lower((name)::text)"
    assert (code.position, code.collation, code.comment) == (4, '"C"', "secret")
    assert part.parent == "public.parted" and view.definition is not None and "public.p" in view.definition
    [c] = s.relations
    assert {constraint.name: constraint.validated for constraint in c.constraints} == {
        "c_a_check": True, "c_n_i_fkey": False,
    }  # fmt: skip
    assert [(index.name, index.unique, index.valid) for index in c.indexes] == [("c_a", True, True)]


async def test_the_same_schema_has_the_same_fingerprint_in_any_database(
    engine: Engine, target: Target, database: asyncpg.Connection, postgres_server: PostgresServer
) -> None:
    ddl = "CREATE TABLE b (x serial PRIMARY KEY); CREATE TABLE a (y text)"
    other = await postgres_server.create_database()
    try:
        await database.execute("CREATE TABLE noise (z int); DROP TABLE noise;" + ddl)
        await database.execute("INSERT INTO b DEFAULT VALUES")
        await postgres_server.execute(";".join(reversed(ddl.split(";"))), other)
        one, two = await find(engine, target), await find(engine, replace(target, database=other))
        assert fingerprint(one) == fingerprint(two) and one.name != two.name
        assert restore(canonical(one), one.name) == one
        await database.execute("ALTER TABLE a ADD z int")
        assert fingerprint(await find(engine, target)) != fingerprint(two)
    finally:
        await postgres_server.drop_database(other)
