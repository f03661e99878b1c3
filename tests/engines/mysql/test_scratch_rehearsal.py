"""What a change will leave is worked out on an empty copy: it is what it does leave, and nothing else is touched."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from penstock.domain import failpoints
from penstock.engines.base import Engine, Target
from penstock.engines.mysql.driver import Connection
from penstock.engines.mysql.fingerprint import describe
from penstock.engines.mysql.plan import Part, make_plan
from penstock.engines.mysql.points import Point
from penstock.engines.mysql.portable import moved, role
from penstock.engines.mysql.rehearsal import Rehearsal
from penstock.engines.mysql.scratch import PREFIX
from penstock.sql.mysql.classify import classify
from penstock.sql.splitter import split
from penstock.sql.splitter.mysql_tokens import Dialect
from tests.engines.conftest import Apply, change
from tests.engines.recorder import Recorder
from tests.mariadb_server import MariaDbServer

BEFORE = (
    "CREATE TABLE parent (id int AUTO_INCREMENT PRIMARY KEY, name varchar(20) DEFAULT 'x' COMMENT 'AUTO_INCREMENT=7')",
    "INSERT INTO parent (name) VALUES ('a'), ('b')",
    "CREATE TABLE child (id int PRIMARY KEY, parent int, FOREIGN KEY (parent) REFERENCES parent (id))",
    "CREATE TABLE parted (a int) PARTITION BY RANGE (a) (PARTITION p0 VALUES LESS THAN (10))",
    "CREATE TABLE latin (t text) CHARSET latin1",
    "CREATE SEQUENCE numbers START WITH 5",
    "CREATE VIEW plain AS SELECT name FROM parent",
    "CREATE PROCEDURE p() SQL SECURITY INVOKER SELECT 1",
    "CREATE TRIGGER stamp BEFORE INSERT ON parent FOR EACH ROW SET NEW.name = 'y'",
)


async def expected_and_found(
    text: str, target: Target, inside: Connection, run: Connection | None = None
) -> list[tuple[str, str | None, str]]:
    """(statement, what was foreseen, what came) of every definition of a script, run statement by statement."""
    plan = await make_plan(change(text), "mariadb", target.database or "")
    assert plan.refusal is None, plan.refusal
    port = Recorder()
    rehearsal = Rehearsal(target, plan.steps, port)
    found = []
    try:
        for step in plan.steps:
            expected = await rehearsal.expected(step) if not step.transactional else None
            for part in step.parts:
                await (run or inside).run(part.statement.text)
            if not step.transactional and step.parts[0].found.resume == "compare":
                now = await describe(inside, target.database or "", step.parts[0].found.defines)
                found.append((step.parts[0].statement.text, expected, now))
    finally:
        await rehearsal.close()
    return found


@pytest.fixture
async def furnished(inside: Connection) -> None:
    """Tables that lead to each other, and what hangs on them."""
    for statement in BEFORE:
        await inside.run(statement)


@pytest.mark.parametrize(
    "text",
    [
        "CREATE TABLE t (a int, b timestamp, c datetime DEFAULT now() ON UPDATE now(), CHECK (a > 0), d json, e uuid)",
        "CREATE TABLE t LIKE child; ALTER TABLE t ADD x int",
        "CREATE TABLE t (p int, FOREIGN KEY (p) REFERENCES parent (id)); ALTER TABLE t DROP FOREIGN KEY t_ibfk_1",
        "CREATE TABLE t (a int DEFAULT nextval(numbers)); ALTER TABLE t ALTER a SET DEFAULT (NEXT VALUE FOR numbers)",
        "ALTER TABLE child ADD other int, ADD CONSTRAINT o FOREIGN KEY (other) REFERENCES parent (id), ADD KEY (id)",
        "ALTER TABLE child DROP FOREIGN KEY child_ibfk_1, DROP KEY parent; DROP TABLE parent",
        "ALTER TABLE parent MODIFY name varchar(40) NOT NULL, COMMENT 'ü \\' `x`.', AUTO_INCREMENT = 99",
        "ALTER TABLE parent RENAME TO p2; ALTER TABLE p2 RENAME COLUMN name TO label; RENAME TABLE p2 TO folk",
        "ALTER TABLE parted ADD PARTITION (PARTITION p1 VALUES LESS THAN (20)); ALTER TABLE parted DROP PARTITION p0",
        "ALTER TABLE latin CONVERT TO CHARACTER SET utf8mb4; ALTER TABLE latin ENGINE = MyISAM",
        "ALTER TABLE parent ADD low varchar(20) AS (lower(name)) STORED, ADD UNIQUE KEY u (low(5), id DESC)",
        "CREATE INDEX i ON parent (name); DROP INDEX i ON parent",
        "CREATE VIEW v AS SELECT p.name, n.name AS other FROM parent p JOIN plain n ON n.name = p.name",
        "CREATE OR REPLACE VIEW plain AS SELECT id FROM parent; ALTER VIEW plain AS SELECT name, id FROM parent",
        "DROP VIEW plain; CREATE VIEW plain AS SELECT 1 AS one",
        "ALTER PROCEDURE p COMMENT 'new'; DROP PROCEDURE p; CREATE PROCEDURE p() SELECT 'shop.x'",
        "CREATE FUNCTION f(a int) RETURNS int DETERMINISTIC RETURN a + 1",
        "DELIMITER //\nCREATE TRIGGER more AFTER INSERT ON parent FOR EACH ROW BEGIN SET @a = NEW.id; END//",
        "DROP TRIGGER stamp; CREATE TRIGGER stamp BEFORE UPDATE ON parent FOR EACH ROW SET NEW.name = OLD.name",
        "ALTER SEQUENCE numbers INCREMENT BY 3; CREATE SEQUENCE s2 CACHE 10; DROP SEQUENCE numbers",
        "SET SESSION default_storage_engine = 'Aria'; CREATE TABLE t (a int)",
        "SET sql_mode = ''; CREATE TABLE u (d date DEFAULT '0000-00-00', s varchar(70000))",
        "SET foreign_key_checks = 1; CREATE TABLE t (p int, FOREIGN KEY (p) REFERENCES parent (id))",
        "/*!40101 ALTER TABLE parent ADD x int */; ALTER TABLE parent /*M! DROP */ COLUMN x",
        "CREATE TABLE `odd ``name``` (`b ``a` int); ALTER TABLE `odd ``name``` ADD `ü` int",
        "INSERT INTO latin VALUES ('x'); ALTER TABLE latin ADD a int; DELETE FROM latin; ALTER TABLE latin DROP a",
        "CREATE TABLE s (a int) WITH SYSTEM VERSIONING; ALTER TABLE s DROP SYSTEM VERSIONING",
    ],
)
async def test_what_comes_was_foreseen(text: str, furnished: None, target: Target, inside: Connection) -> None:
    found = await expected_and_found(text, target, inside)
    assert found
    for statement, expected, now in found:
        assert expected == now, statement


async def test_names_that_bear_their_database_are_foreseen_too(
    furnished: None, target: Target, inside: Connection
) -> None:
    here = target.database
    found = await expected_and_found(
        f"ALTER TABLE {here}.parent ADD a int;"
        f" ALTER TABLE `{here}`.`child` ADD FOREIGN KEY (id) REFERENCES {here}.parent (id);"
        f" CREATE VIEW {here}.v AS SELECT {here}.parent.a FROM {here} . parent;"
        f" RENAME TABLE parent TO {here}.p",
        target,
        inside,
    )
    assert [expected == now for _, expected, now in found] == [True] * 4, found


async def test_no_other_database_is_touched_by_a_rehearsal(
    furnished: None, target: Target, inside: Connection, mariadb_server: MariaDbServer
) -> None:
    """The statement itself does what was approved; its rehearsal must not do it in advance."""
    other = await mariadb_server.create_database()
    await mariadb_server.execute("CREATE TABLE t (a int)", other)
    try:
        for text in (
            f"ALTER TABLE {other}.t ADD b int",
            f"ALTER TABLE parent RENAME TO {other}.parent",
            f"RENAME TABLE {other}.t TO parent2",
            f"CREATE TABLE u LIKE {other}.t",
            f"CREATE TABLE {other}.u (a int)",
            f"CREATE INDEX i ON {other}.t (a)",
            f"CREATE VIEW {other}.v AS SELECT 1",
            f"CREATE TRIGGER {other}.tr BEFORE INSERT ON {other}.t FOR EACH ROW SET @a = 1",
            f"CREATE TABLE f (a int) ENGINE=FEDERATED CONNECTION='mysql://root@127.0.0.1/{other}/t'",
            "CREATE FUNCTION f RETURNS string SONAME 'no.so'",
            "ALTER TABLE parent DATA DIRECTORY = '/tmp'",
            f"CREATE TABLE f AS SELECT * FROM {other}.t",
            f"DROP DATABASE {other}",
        ):
            plan = await make_plan(change(text), "mariadb", target.database or "")
            rehearsal = Rehearsal(target, plan.steps, Recorder())
            assert await rehearsal.expected(plan.steps[0]) is None, text
            await rehearsal.close()
        assert await mariadb_server.execute("SHOW TABLES", other) == [("t",)]
        assert len(await mariadb_server.execute("SHOW COLUMNS FROM t", other)) == 1
    finally:
        await mariadb_server.drop_database(other)


async def test_after_what_cannot_be_foreseen_a_new_rehearsal_begins(
    furnished: None, target: Target, inside: Connection
) -> None:
    text = (
        "SET @s = 'ALTER TABLE parent ADD a int'; PREPARE s FROM @s; EXECUTE s; ALTER TABLE parent ADD b int;"
        " CREATE TABLE made AS SELECT id FROM parent; ALTER TABLE made ADD c int"
    )
    found = await expected_and_found(text, target, inside)
    assert [expected == now for _, expected, now in found] == [True, True], found


async def test_nothing_is_left_behind(
    furnished: None, apply: Apply, target: Target, mariadb_server: MariaDbServer
) -> None:
    assert (await apply("ALTER TABLE parent ADD a int; DROP TABLE child")).state == "applied"
    query = f"SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE '{PREFIX}%'"
    names = [row[0] for row in await mariadb_server.execute(f"{query} AND IS_FREE_LOCK(SCHEMA_NAME)")]
    assert names == []


async def test_a_drop_needs_no_rehearsal(furnished: None, target: Target) -> None:
    plan = await make_plan(change("DROP TABLE child"), "mariadb", target.database or "")
    rehearsal = Rehearsal(replace(target, port=1), plan.steps, Recorder())  # it would not get through
    expected = await rehearsal.expected(plan.steps[0])
    assert expected is not None and "does not exist" in expected


@pytest.fixture
async def weak(inside: Connection, target: Target) -> AsyncIterator[Target]:
    """A login that may do everything in its own database, and use the ledger."""
    name = "weak_" + (target.database or "")[-12:]
    await inside.run(f"CREATE USER '{name}'@'%' IDENTIFIED BY 'secret'")
    await inside.run(f"GRANT ALL ON `{target.database}`.* TO '{name}'@'%'")
    yield replace(target, username=name, password="secret")
    await inside.run(f"DROP USER '{name}'@'%'")


async def test_without_the_right_to_it_a_change_runs_and_says_what_that_means(
    weak: Target, engine: Engine, inside: Connection, apply: Apply
) -> None:
    await apply("CREATE TABLE t (a int)", version="0")
    owner = engine.grants(weak.username).split(";\n")
    for statement in owner[: -2 if "penstock\\_scratch" in owner[-2] else None]:
        await inside.run(statement)
    report = await engine.test(weak)
    assert "scratch" not in report.privileges and "undecidable" in report.steps[-1].detail, report.steps[-1]
    port = Recorder()
    result = await engine.apply(weak, change("ALTER TABLE t ADD b int"), port)
    assert result.state == "applied", result.failure
    assert "Not rehearsed" in port.text and "nobody can tell" in port.text
    await inside.run(owner[-2])
    assert "scratch" in (await engine.test(weak)).privileges
    port = Recorder()
    text = "ALTER TABLE t ADD c int; CREATE VIEW v AS SELECT c FROM t; CREATE PROCEDURE p() SELECT 1"
    assert (await engine.apply(weak, change(text, "2"), port)).state == "applied"
    assert "ehears" not in port.text, port.text


async def test_what_differs_is_shown(apply: Apply, inside: Connection, target: Target, kill_after_intent: Any) -> None:
    await apply("CREATE TABLE t (a int)", version="0")
    await kill_after_intent("ALTER TABLE t ADD b int")
    await inside.run("ALTER TABLE t ADD c int")
    result = await apply("ALTER TABLE t ADD b int")
    assert result.state == "unknown" and result.failure is not None and result.failure.data is not None
    data = result.failure.data
    assert "`b`" not in data["before"] and "`b`" in data["expected"] and "`c`" in data["now"]
    assert "-  `b` int(11) DEFAULT NULL" in data["diff"] and "+  `c` int(11) DEFAULT NULL" in data["diff"]


@pytest.fixture
def kill_after_intent(engine: Engine, target: Target) -> Any:
    """Have an attempt end right after it has announced its statement."""

    class Crash(BaseException):
        pass

    def hook(point: Any) -> None:
        if point == Point.INTENT_WRITTEN:
            raise Crash

    async def crash(text: str) -> None:
        with failpoints.armed(hook), pytest.raises(Crash):
            await engine.apply(target, change(text), Recorder())

    return crash


def part(text: str) -> Part:
    [statement] = split(text.encode(), "mariadb")
    return Part(statement, classify(statement, Dialect()))


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("ALTER TABLE shop.t ADD a int", "ALTER TABLE `x`.t ADD a int"),
        ("ALTER TABLE `shop` . t COMMENT 'shop.t'", "ALTER TABLE `x` . t COMMENT 'shop.t'"),
        ("ALTER TABLE shop ADD a int -- shop.t", "ALTER TABLE shop ADD a int"),
        (
            "CREATE VIEW v AS SELECT shop.t.a, b.shop.c FROM shop.t",
            "CREATE VIEW v AS SELECT `x`.t.a, b.shop.c FROM `x`.t",
        ),
        ("ALTER TABLE t ADD a int /*! REFERENCES shop.u (a) */", "ALTER TABLE t ADD a int /*! REFERENCES `x`.u (a) */"),
    ],
)
def test_only_qualifiers_are_moved(text: str, there: str) -> None:
    assert moved(part(text).statement.text, "shop", "x", Dialect()) == there


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ALTER TABLE t ADD a int", "run"),
        ("ALTER TABLE t ADD engine varchar(20), ADD connection int, ADD directory int", "run"),
        ("ALTER TABLE t ENGINE InnoDB", "run"),
        ("ALTER TABLE t ENGINE=CONNECT", "lose"),
        ("ALTER TABLE t ENGINE S3", "lose"),
        ("TRUNCATE t", "skip"),
        ("GRANT SELECT ON t TO u", "skip"),
        ("CALL p()", "lose"),
        ("CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1", "skip"),
        ("ALTER TABLE t EXCHANGE PARTITION p WITH TABLE u", "lose"),
        ("CREATE USER u", "skip"),
        ("CREATE DATABASE d", "lose"),
    ],
)
def test_only_what_stays_at_home_is_rehearsed(text: str, expected: str) -> None:
    assert role(part(text), "shop", Dialect()) == expected
