"""How we speak to the server, what it is, what it lets us do, and every kind of object in its schemas."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

import pytest
from pymysql.err import MySQLError, ProgrammingError

from penstock.engines.base import Engine, Target, TargetUnavailable
from penstock.engines.mysql.connect import without_reading_modes
from penstock.engines.mysql.driver import Connection, Refused, connect
from penstock.engines.mysql.privileges import Grant, parse_grants
from penstock.engines.registry import engine_for
from penstock.schema.model import DatabaseSchema
from tests.engines.conftest import change
from tests.engines.recorder import Recorder

PASSWORD = "canary-b7e1-secret"


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


async def test_several_statements_in_one_message_are_refused_by_the_server(inside: Connection) -> None:
    with pytest.raises(ProgrammingError) as refusal:
        await inside.run("SELECT 1; SELECT 2")
    assert refusal.value.args[0] == 1064
    assert await inside.value("SELECT 3") == 3


async def test_files_of_the_runner_are_not_for_the_server(inside: Connection) -> None:
    await inside.run("CREATE TABLE t (a text)")
    with pytest.raises(MySQLError):
        await inside.run("LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE t")


async def test_a_server_of_the_other_flavour_is_refused(inside: Connection, target: Target) -> None:
    """Comments that one of the two runs are only comments to the other: what was reviewed is not what would run."""
    await inside.run("CREATE TABLE t (a int)")
    engine, other = engine_for("mysql"), replace(target, engine="mysql")
    report = await engine.test(other)
    assert (report.steps[-1].name, report.steps[-1].ok, report.flavour) == ("version", False, "mariadb")
    assert "Add it again as MariaDB" in report.steps[-1].detail
    result = await engine.apply(other, change("SELECT 1 /*M! INTO @x */; /*M! DROP TABLE t */;"), Recorder())
    assert result.failure is not None and not result.sent
    assert (result.failure.kind, result.failure.code, result.failure.retry) == ("infrastructure", "other_flavour", "no")
    with pytest.raises(TargetUnavailable):
        await engine.proof(other, "shop", "1", "sha256:x", wait=1)
    assert await inside.fetch("SHOW TABLES") == [("t",)]


def test_mysql_is_experimental() -> None:
    assert engine_for("mysql").capabilities.support == "experimental"
    assert engine_for("mariadb").capabilities.support == engine_for("postgres").capabilities.support == "supported"


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


def test_grants_are_read() -> None:
    lines = [
        "GRANT SELECT, INSERT (a, b), CREATE USER ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*x' WITH GRANT OPTION",
        "GRANT ALL PRIVILEGES ON `my\\_shop`.* TO `u`@`%`",
        "GRANT CREATE ON `we``ird name`.`t` TO `u`@`%`",
        "GRANT `role` TO `u`@`%`",
    ]
    server, shop, weird = parse_grants(lines)
    assert server == Grant(frozenset({"SELECT", "INSERT", "CREATE USER"}), "*", "*")
    assert shop.reaches("my_shop") and not shop.reaches("my.shop") and shop.gives("CREATE")
    assert (weird.database, weird.table) == ("we`ird name", "t") and weird.reaches("we`ird name")


@pytest.mark.parametrize(
    ("pattern", "database", "reached"),
    [
        ("shop%", "shop_1", True),
        ("shop_1", "shopx1", True),
        ("shop\\_1", "shopx1", False),
        ("shop\\%", "shop%", True),
        ("shop.", "shopx", False),
        ("*", "anything", True),
    ],
)
def test_grants_reach_databases_by_pattern(pattern: str, database: str, reached: bool) -> None:
    assert Grant(frozenset(), pattern, "*").reaches(database) is reached


def test_modes_that_change_how_text_is_read_are_taken_out() -> None:
    assert without_reading_modes("ANSI_QUOTES,STRICT_TRANS_TABLES,ANSI") == "STRICT_TRANS_TABLES"
    assert without_reading_modes("") == ""
