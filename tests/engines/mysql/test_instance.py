"""What an instance tells of itself: whether we get in, what we may do there, and every schema."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from penstock.engines.base import Engine, Target, TargetUnavailable
from penstock.engines.mysql.connect import without_reading_modes
from penstock.engines.mysql.driver import Connection, Refused, connect
from penstock.engines.mysql.instance_test import parse_grants
from penstock.schema.fingerprint import canonical, fingerprint, restore
from penstock.schema.model import DatabaseSchema
from tests.engines.conftest import Apply, change
from tests.engines.recorder import Recorder
from tests.mariadb_server import MariaDbServer

PASSWORD = "canary-b7e1-secret"


@pytest.fixture
async def weak(inside: Connection, target: Target) -> AsyncIterator[Target]:
    """A login that may work in the target database alone."""
    name = "weak_" + (target.database or "")[-12:]
    await inside.run(f"CREATE USER '{name}'@'%' IDENTIFIED BY '{PASSWORD}'")
    await inside.run(f"GRANT ALL ON `{target.database}`.* TO '{name}'@'%'")
    yield replace(target, username=name, password=PASSWORD)
    await inside.run(f"DROP USER '{name}'@'%'")


async def test_a_good_instance_passes_every_step(engine: Engine, target: Target) -> None:
    report = await engine.test(target)
    assert [step.name for step in report.steps] == ["dns", "tcp", "tls", "login", "version", "privileges"]
    assert all(step.ok for step in report.steps), report.steps
    assert report.reachable and report.authenticated and report.flavour == "mariadb" and report.identity is None
    assert report.version is not None and int(report.version.split(".")[0]) >= 10
    assert "superuser" in report.privileges and report.ledger in ("absent", "writable")


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
    assert report.steps[-1].name == last and not report.steps[-1].ok, report.steps
    assert all(step.ok for step in report.steps[:-1])
    assert report.reachable is (last not in ("dns", "tcp")) and not report.authenticated
    assert PASSWORD not in repr(report) and PASSWORD not in repr(replace(target, **change_of))


async def test_a_server_without_tls_is_refused_when_tls_is_required(engine: Engine, target: Target) -> None:
    """aiomysql alone would go on in clear text."""
    if (await engine.test(target)).steps[2].detail.startswith("Encrypted"):
        pytest.skip("this server offers TLS")
    for mode in ("require", "verify-full"):
        report = await engine.test(replace(target, tls=mode))
        assert report.steps[-1].name == "tls" and not report.steps[-1].ok
        result = await engine.apply(replace(target, tls=mode), change("SELECT 1"), Recorder())
        assert result.failure is not None and result.failure.kind == "infrastructure"


async def test_a_port_that_is_no_server_is_named(engine: Engine, target: Target) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        report = await engine.test(replace(target, host="127.0.0.1", port=server.sockets[0].getsockname()[1]))
    assert report.steps[-1].name == "tls" and "not like MySQL" in report.steps[-1].detail


async def test_connecting_has_one_deadline_for_everything(engine: Engine, target: Target) -> None:
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError), contextlib.closing(writer):
            await reader.read()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    async with server:
        mute_target = replace(target, host="127.0.0.1", port=server.sockets[0].getsockname()[1], connect_timeout=0.3)
        result = await engine.apply(mute_target, change("SELECT 1"), Recorder())
    assert result.failure is not None and result.failure.code == "target_unreachable"
    assert "no answer in time" in result.failure.message


async def test_a_password_is_never_sent_in_clear_text() -> None:
    """A server that claims to want it so gets nothing."""
    heard = bytearray()

    async def greedy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        capabilities = 0xF7FF & ~0x0800 | 0x8000
        greeting = b"\x0a8.0.0\0" + b"\x01\0\0\0" + b"12345678\0" + capabilities.to_bytes(2, "little") + b"\x21\x02\0"
        greeting += (0x0008).to_bytes(2, "little") + b"\x15" + bytes(10) + b"123456789012\0" + b"mysql_clear_password\0"
        writer.write(len(greeting).to_bytes(3, "little") + b"\0" + greeting)
        with contextlib.suppress(ConnectionError), contextlib.closing(writer):
            heard.extend(await reader.read())

    server = await asyncio.start_server(greedy, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        options = {"host": "127.0.0.1", "port": port, "user": "u", "password": PASSWORD}
        with pytest.raises(Refused, match="clear text"):
            await connect(timeout=5, tls=None, may_go_clear=True, **options)
    assert PASSWORD.encode() not in heard


async def test_a_ledger_made_by_an_owner_is_protected(
    engine: Engine, weak: Target, inside: Connection, apply: Apply
) -> None:
    for statement in engine.grants(weak.username).split(";\n")[:-1]:
        await inside.run(statement.strip())
    report = await engine.test(weak)
    assert report.ledger == "protected" and "superuser" not in report.privileges, report
    result = await engine.apply(weak, change("CREATE TABLE mine (a int)"), Recorder())
    assert result.state == "applied", result.failure
    for attack in (
        "DELETE FROM penstock.ledger",
        "UPDATE penstock.ledger SET run = ''",
        "DROP TABLE penstock.ledger",
        "DROP DATABASE penstock",
    ):
        refused = await engine.apply(weak, change(attack, attack), Recorder())
        assert refused.failure is not None and refused.failure.code in ("1142", "1044"), refused.failure


async def test_a_login_that_may_not_write_the_ledger_says_so(engine: Engine, weak: Target, apply: Apply) -> None:
    await apply("SELECT 1")
    result = await engine.apply(weak, change("SELECT 1", "2"), Recorder())
    assert result.failure is not None and result.failure.hint is not None
    assert result.failure.kind == "infrastructure" and "penstock instance grants" in result.failure.hint


async def find(engine: Engine, target: Target) -> DatabaseSchema:
    return next(found for found in await engine.introspect(target) if found.name == target.database)


async def test_schemas_are_read_whole(engine: Engine, target: Target, inside: Connection) -> None:
    await inside.run("""
        CREATE TABLE p (id bigint AUTO_INCREMENT, name varchar(20) NOT NULL DEFAULT 'x',
            low varchar(20) AS (lower(name)) STORED, at datetime DEFAULT current_timestamp ON UPDATE current_timestamp,
            code varchar(9) COLLATE utf8mb4_bin COMMENT 'secret', PRIMARY KEY (name, id), KEY (id),
            UNIQUE KEY u (code(5))) ENGINE = InnoDB COMMENT 'people' AUTO_INCREMENT = 77""")
    await inside.run("""
        CREATE TABLE c (a int CHECK (a > 0), n varchar(20), i bigint,
            CONSTRAINT f FOREIGN KEY (n, i) REFERENCES p (name, id) ON DELETE CASCADE)""")
    await inside.run("CREATE TABLE parted (a int) PARTITION BY HASH (a) PARTITIONS 2")
    await inside.run("CREATE VIEW v AS SELECT name FROM p")
    found = await find(engine, target)
    [schema] = found.schemas
    assert (found.engine, found.encoding, schema.name) == ("mariadb", "utf8mb4", target.database)
    assert [(r.name, r.kind) for r in schema.relations] == [
        ("c", "table"), ("p", "table"), ("parted", "partitioned_table"), ("v", "view"),
    ]  # fmt: skip
    child, people, _, view = schema.relations
    assert people.primary_key == ("name", "id") and people.comment == "people" and people.storage_engine == "InnoDB"
    identity, name, low, at, code = people.columns
    assert (identity.type, identity.identity, identity.nullable) == ("bigint(20)", "by_default", False)
    assert (name.type, name.default) == ("varchar(20)", "'x'")
    assert low.default is None and low.generated == "lcase(`name`) stored"
    assert at.default == "current_timestamp() on update current_timestamp()"
    assert (code.position, code.collation, code.comment) == (5, "utf8mb4_bin", "secret")
    assert [(i.name, i.unique, i.primary) for i in people.indexes] == [
        ("PRIMARY", True, True), ("id", False, False), ("u", True, False),
    ]  # fmt: skip
    assert "`code`(5)" in people.indexes[2].definition
    assert [(c.kind, c.name) for c in child.constraints] == [("check", "a"), ("foreign_key", "f")]
    assert "REFERENCES `p` (`name`, `id`)" in child.constraints[1].definition
    assert view.definition is not None and (target.database or "") not in view.definition


async def test_the_same_schema_has_the_same_fingerprint_in_any_database(
    engine: Engine, target: Target, inside: Connection, mariadb_server: MariaDbServer
) -> None:
    ddl = [
        "CREATE TABLE b (x int AUTO_INCREMENT PRIMARY KEY)",
        "CREATE TABLE a (y text)",
        "CREATE VIEW v AS SELECT * FROM a",
    ]
    other = await mariadb_server.create_database()
    try:
        for statement in ddl:
            await inside.run(statement)
            await mariadb_server.execute(statement, other)
        await inside.run("INSERT INTO b VALUES ()")
        one, two = await find(engine, target), await find(engine, replace(target, database=other))
        assert fingerprint(one) == fingerprint(two) and one.name != two.name
        assert restore(canonical(one), one.name) == one
        await inside.run("ALTER TABLE a ADD z int")
        assert fingerprint(await find(engine, target)) != fingerprint(two)
    finally:
        await mariadb_server.drop_database(other)


async def test_our_own_ledger_is_no_part_of_a_schema(engine: Engine, target: Target, apply: Apply) -> None:
    before = fingerprint(await find(engine, target))
    await apply("SELECT 1")
    assert fingerprint(await find(engine, target)) == before
    assert "penstock" not in {found.name for found in await engine.introspect(target)}


async def test_an_instance_that_cannot_be_reached_is_an_error(engine: Engine, target: Target) -> None:
    with pytest.raises(TargetUnavailable):
        await engine.introspect(replace(target, port=1))


def test_grants_are_read() -> None:
    lines = [
        "GRANT SELECT, INSERT (a, b), CREATE USER ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*x' WITH GRANT OPTION",
        "GRANT ALL PRIVILEGES ON `my\\_shop`.* TO `u`@`%`",
        "GRANT `role` TO `u`@`%`",
    ]
    assert parse_grants(lines) == [
        (frozenset({"SELECT", "INSERT", "CREATE USER"}), "*.*"),
        (frozenset({"ALL PRIVILEGES"}), "my_shop.*"),
    ]


def test_modes_that_change_how_text_is_read_are_taken_out() -> None:
    assert without_reading_modes("ANSI_QUOTES,STRICT_TRANS_TABLES,ANSI") == "STRICT_TRANS_TABLES"
    assert without_reading_modes("") == ""
