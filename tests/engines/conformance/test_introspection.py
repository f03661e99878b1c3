"""What is read of a server's schemas: the same objects from every engine, and nothing of our own."""

from __future__ import annotations

from dataclasses import replace

from penstock.schema.fingerprint import canonical, fingerprint, restore
from tests.engines.conformance.conftest import Own
from tests.engines.dialects import Dialect

DEFINITIONS = (
    "CREATE TABLE p (id bigint PRIMARY KEY, name varchar(20) NOT NULL DEFAULT 'x', note text)",
    "CREATE TABLE c (a int CHECK (a > 0), p bigint, CONSTRAINT f FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE)",
    "CREATE UNIQUE INDEX p_name ON p (name)",
    "CREATE VIEW v AS SELECT name FROM p",
)


async def define(on: Dialect) -> None:
    """Make the definitions."""
    for statement in DEFINITIONS:
        await on.query(statement)


async def test_every_engine_finds_the_same_things(own: Own) -> None:
    on = own.dialect
    await define(on)
    found = await on.schema()
    assert (found.engine, found.unreadable) == (on.engine.name, None)
    [schema] = found.schemas
    kinds = {relation.name: relation.kind for relation in schema.relations}
    assert kinds == {"c": "table", "p": "table", "t": "table", "v": "view"}
    c, p, _, v = schema.relations
    assert [(column.name, column.position, column.nullable) for column in p.columns] == [
        ("id", 1, False), ("name", 2, False), ("note", 3, True),
    ]  # fmt: skip
    assert p.columns[1].default is not None and p.columns[1].default.startswith("'x'")
    assert p.primary_key == ("id",)
    assert {(index.unique, index.primary) for index in p.indexes} == {(True, True), (True, False)}
    constraints = {constraint.kind: constraint for constraint in c.constraints}
    assert constraints["foreign_key"].name == "f"
    assert "REFERENCES" in constraints["foreign_key"].definition and "CASCADE" in constraints["foreign_key"].definition
    assert "> 0" in constraints["check"].definition
    assert v.definition is not None and "name" in v.definition


async def test_the_same_schema_has_the_same_fingerprint_in_any_database(own: Own) -> None:
    on = own.dialect
    other = on.on(replace(on.target, database=f"{on.target.database}_2"))
    await other.create_database(other.target.database or "")
    try:
        await other.query("CREATE TABLE t (a int)")
        await define(on)
        await define(other)
        await on.query("INSERT INTO p VALUES (1, 'a', NULL)")
        one, two = await on.schema(), await other.schema()
        assert fingerprint(one) == fingerprint(two) and one.name != two.name
        assert restore(canonical(one), one.name) == one
        await on.query("ALTER TABLE p ADD z int")
        assert fingerprint(await on.schema()) != fingerprint(two)
    finally:
        await other.drop_database(other.target.database or "")


async def test_our_own_ledger_is_no_part_of_a_schema(own: Own) -> None:
    on = own.dialect
    before = fingerprint(await on.schema())
    assert (await on.apply("SELECT 1")).state == "applied"
    assert fingerprint(await on.schema()) == before
    assert "penstock" not in {found.name for found in await on.engine.introspect(on.target)}


async def test_what_a_login_may_not_see_is_not_made_up(own: Own) -> None:
    """Not listed where the server hides it, else listed as unreadable; never an empty database."""
    on = own.dialect
    other = f"{on.target.database}_2"
    await on.create_database(other)
    try:
        async with on.login("hush") as weak:
            if on.engine.name == "postgres":
                await on.query(f'REVOKE CONNECT ON DATABASE "{other}" FROM PUBLIC')
            found = {schema.name: schema for schema in await on.engine.introspect(weak)}
        assert found[on.target.database or ""].unreadable is None
        assert other not in found or found[other].unreadable is not None
    finally:
        await on.drop_database(other)
