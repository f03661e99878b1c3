"""What an instance tells of itself: whether we get in, what we may do there, and every schema."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest

from penstock.engines.base import Engine, Target, TargetUnavailable
from penstock.schema.fingerprint import canonical, fingerprint, restore
from penstock.schema.model import DatabaseSchema
from tests.engines.conftest import Apply, change
from tests.engines.recorder import Recorder
from tests.postgres_server import PostgresServer

PASSWORD = "canary-b7e1-secret"


@pytest.fixture
async def weak(database: asyncpg.Connection, target: Target) -> AsyncIterator[Target]:
    """A login that may only sign in."""
    name = "weak_" + (target.database or "")[-12:]
    await database.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    await database.execute(f"GRANT CREATE ON SCHEMA public TO {name}")
    yield replace(target, username=name, password=PASSWORD)
    await database.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


async def test_a_good_instance_passes_every_step(engine: Engine, target: Target) -> None:
    report = await engine.test(target)
    assert [step.name for step in report.steps] == ["dns", "tcp", "tls", "login", "version", "privileges"]
    assert all(step.ok for step in report.steps), report.steps
    assert report.reachable and report.authenticated and report.flavour == "postgresql"
    assert report.version is not None and int(report.version.split(".")[0]) >= 14
    assert report.identity is not None and report.identity.isdigit()
    assert report.ledger == "absent" and "superuser" in report.privileges


@pytest.mark.parametrize(
    ("change_of", "last"),
    [
        ({"host": "no-such-host.invalid"}, "dns"),
        ({"port": 1}, "tcp"),
        ({"database": "no_such_database"}, "login"),
        ({"username": "no_such_login", "password": PASSWORD}, "login"),
    ],
)
async def test_the_first_failing_step_is_the_last(change_of: dict, last: str, engine: Engine, target: Target) -> None:
    report = await engine.test(replace(target, **change_of))
    assert report.steps[-1].name == last and not report.steps[-1].ok
    assert all(step.ok for step in report.steps[:-1])
    assert report.reachable is (last not in ("dns", "tcp")) and not report.authenticated
    assert PASSWORD not in repr(report) and PASSWORD not in repr(replace(target, **change_of))


async def test_a_port_that_is_no_server_is_named(engine: Engine, target: Target) -> None:
    report = await engine.test(replace(target, tls="verify-full", host="localhost"))
    assert report.steps[-1].name == "tls" and not report.steps[-1].ok


async def test_a_ledger_made_by_an_owner_is_protected(
    engine: Engine, weak: Target, database: asyncpg.Connection
) -> None:
    assert (await engine.test(weak)).ledger == "absent"
    await database.execute(engine.grants(weak.username))
    report = await engine.test(weak)
    assert report.ledger == "protected" and "superuser" not in report.privileges
    result = await engine.apply(weak, change("CREATE TABLE public.mine ()"), Recorder())
    assert result.state == "applied", result.failure
    for attack in (
        "DELETE FROM penstock.ledger",
        "UPDATE penstock.ledger SET run = ''",
        "DROP SCHEMA penstock CASCADE",
    ):
        refused = await engine.apply(weak, change(attack, "2"), Recorder())
        assert refused.failure is not None and refused.failure.code == "42501"


async def test_a_ledger_that_we_made_ourselves_is_writable(engine: Engine, apply: Apply, target: Target) -> None:
    await apply("SELECT 1")
    assert (await engine.test(target)).ledger == "writable"


async def test_a_login_that_may_not_make_a_ledger_says_so(engine: Engine, weak: Target) -> None:
    result = await engine.apply(weak, change("SELECT 1"), Recorder())
    assert result.failure is not None and result.failure.hint is not None
    assert (result.failure.kind, result.failure.code) == ("infrastructure", "42501")
    assert "penstock instance grants" in result.failure.hint


async def test_a_ledger_of_another_version_is_not_touched(apply: Apply, database: asyncpg.Connection) -> None:
    await apply("SELECT 1")
    await database.execute("COMMENT ON TABLE penstock.ledger IS 'penstock ledger 99'")
    result = await apply("SELECT 2", version="2")
    assert result.failure is not None and result.failure.code == "ledger_version"


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


async def test_our_own_ledger_is_no_part_of_the_schema(engine: Engine, target: Target, apply: Apply) -> None:
    before = fingerprint(await find(engine, target))
    await apply("SELECT 1")
    assert fingerprint(await find(engine, target)) == before


async def test_what_cannot_be_read_is_listed_and_says_why(
    engine: Engine, target: Target, weak: Target, database: asyncpg.Connection
) -> None:
    await database.execute(f'REVOKE CONNECT ON DATABASE "{target.database}" FROM PUBLIC')
    by_name = {s.name: s for s in await engine.introspect(replace(weak, database="postgres"))}
    assert by_name[target.database or ""].unreadable is not None


async def test_an_instance_that_cannot_be_reached_is_an_error(engine: Engine, target: Target) -> None:
    with pytest.raises(TargetUnavailable):
        await engine.introspect(replace(target, port=1))
