"""MariaDB from end to end: an issue filed over HTTP is applied once, or says why not."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.builders import PROJECT, Json, World
from tests.mariadb_server import MariaDbServer
from tests.mariadb_server import mariadb_database as mariadb_database
from tests.mariadb_server import mariadb_server as mariadb_server

INSTANCE = "maria-dev"
SCRIPT = """
SET @saved = 7; # a session statement
DELIMITER //
CREATE PROCEDURE fill() BEGIN INSERT INTO `thing` VALUES (1, 'a;b'); INSERT INTO `thing` VALUES (2, "c\\";d"); END//
DELIMITER ;
CREATE TABLE `thing` (id int PRIMARY KEY, name varchar(20)) ENGINE = InnoDB;
CALL fill();
INSERT INTO `thing` VALUES (@saved, 'seven');
"""


@dataclass(frozen=True)
class Place:
    """A MariaDB database that the project has."""

    id: int
    name: str
    server: MariaDbServer

    async def rows(self, query: str) -> list[tuple]:
        """What the database answers."""
        return await self.server.execute(query, self.name)


@pytest.fixture
async def place(world: World, mariadb_server: MariaDbServer, mariadb_database: str) -> Place:
    """A MariaDB instance with one database of the project's."""
    where = {"host": mariadb_server.host, "port": mariadb_server.port, "username": mariadb_server.user}
    password = {"password": mariadb_server.password} if mariadb_server.password else {}
    body = {"slug": INSTANCE, "engine": "mariadb", "environment": "dev", "tls": "disable", **where, **password}
    await world.ada.ok("POST", "/instances", **body)
    [(made,)] = await world.sql(
        "INSERT INTO database (instance_id, name, project_id) SELECT i.id, :name, p.id FROM instance i, project p"
        " WHERE i.slug = :instance AND p.slug = :project RETURNING id",
        name=mariadb_database,
        instance=INSTANCE,
        project=PROJECT,
    )
    return Place(made, mariadb_database, mariadb_server)


async def file(world: World, place: Place, statement: str) -> Json:
    """File an issue for the database."""
    filed: Json = await world.ana.ok(
        "POST",
        "/issues",
        project=PROJECT,
        title="A change",
        statement=statement,
        targets={"databases": [f"{INSTANCE}/{place.name}"]},
    )
    return filed


async def test_an_issue_is_applied_to_mariadb_once(world: World, place: Place) -> None:
    issue = await file(world, place, SCRIPT)
    await world.until(issue, "succeeded")
    assert await place.rows("SELECT id, name FROM thing ORDER BY id") == [(1, "a;b"), (2, 'c";d'), (7, "seven")]
    [(version, actor)] = await place.rows(
        f"SELECT version, actor FROM penstock.ledger WHERE database_name = '{place.name}'"
    )
    assert version and actor


async def test_a_script_is_read_by_the_rules_of_its_target(world: World, place: Place) -> None:
    body = {"project": PROJECT, "title": "x", "targets": {"databases": [f"{INSTANCE}/{place.name}"]}}
    for statement, code in (
        ("SET autocommit = 0", "transaction_control"),
        ("CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END", "unclosed_compound"),
        ("SELECT $$ it's $$", "unclosed_quote"),
    ):
        status, _, problem = await world.ana.refused("POST", "/issues", statement=statement, **body)
        assert (status, problem["errors"][0]["code"]) == (422, code), problem
    status, _, problem = await world.ana.refused(
        "POST",
        "/issues",
        project=PROJECT,
        title="x",
        pipeline={"tasks": [{"instance": INSTANCE, "database": place.name, "statement": "LOCK TABLES t WRITE"}]},
    )
    assert (status, problem["errors"][0]["code"]) == (422, "transaction_control"), problem


async def test_what_nobody_can_know_ends_as_such(world: World, place: Place) -> None:
    await place.rows("CREATE TABLE thing (id int)")
    issue = await file(world, place, "DROP TABLE thing, nowhere")
    await world.until(issue, "error")
    [task] = await world.tasks(issue)
    assert task["failure"]["kind"] == "outcome_unknown", task
