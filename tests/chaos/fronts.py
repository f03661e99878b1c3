"""What the chaos does to the databases of each engine, what it can see there, and what it counts afterwards.

Effects are rows in a table without any unique constraint: nothing but Penstock keeps them from being there twice.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final, Protocol

import asyncpg

from penstock.engines.mysql.activity import lock_name
from penstock.engines.mysql.driver import BROKEN, Connection
from tests.builders import PROJECT, World
from tests.chaos.middle import Middle
from tests.own_servers import OwnMariaDb, OwnPostgres, OwnServer

DSN: Final = "PENSTOCK_DSN_CHAOS"
AWAY: Final = (*BROKEN, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)  # what is raised while it restarts


@dataclass(frozen=True)
class Place:
    """One target database."""

    id: int
    name: str


@dataclass(frozen=True)
class Change:
    """What is filed for a version.

    Args:
        effects: how often its version must be in the table of effects in the end.
    """

    statement: str
    effects: int


@dataclass(frozen=True)
class Session:
    """What an attempt is at in the target.

    Args:
        port: that its connection comes from, as the server sees it.
    """

    phase: str
    port: int


class Front(Protocol):
    """One engine.

    Args:
        phases: what a task that is held can be at, as far as can be seen from outside.
        environ: what runners need to know to sign in.
        own: the server, which may be restarted.
        middle: what stands between the server and everybody but the tests.
    """

    engine: str
    phases: tuple[str, ...]
    environ: dict[str, str]
    own: OwnServer[Any]
    middle: Middle

    async def open(self, world: World, count: int) -> list[Place]:
        """Make the instance, and databases with a table of effects on it."""

    def change(self, number: int) -> Change:
        """The n-th change, of version ``c<n>``."""

    async def sessions(self) -> dict[str, Session]:
        """What attempts are at right now: by ``<task>:a<attempt>``; of none while the server is away."""

    async def effects(self, place: Place) -> Counter[str]:
        """How often each version is in the table of effects."""

    async def ledger(self, place: Place) -> Counter[str]:
        """How often each version is in the ledger."""

    async def stray(self, place: Place) -> list[str]:
        """What should not be there when nothing runs any more."""

    async def close(self) -> None:
        """Leave nothing behind."""


class Postgres:
    """PostgreSQL: the commit takes its time too, so that faults land in it; now and then a change of steps."""

    engine = "postgres"
    phases: tuple[str, ...] = ("claimed", "script", "index", "commit")
    every: Final = 4  # every so many changes one runs in steps
    schema: Final = """
        CREATE TABLE effect (change text);
        CREATE TABLE stock AS SELECT a FROM generate_series(1, 10) a;
        CREATE FUNCTION slowly(a int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
            'BEGIN PERFORM pg_sleep(0.02); RETURN a; END';
        CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.15); RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT ON effect DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION dawdle();
    """

    def __init__(self, own: OwnPostgres) -> None:
        self.own: OwnServer[Any] = own
        self.middle = Middle("127.0.0.1", own.port, b"COMMIT\0")
        self.environ: dict[str, str] = {}
        self._looks: asyncpg.Connection | None = None
        self._places: list[Place] = []

    async def open(self, world: World, count: int) -> list[Place]:
        """See `Front`."""
        self.environ[DSN] = f"postgresql://postgres@127.0.0.1:{self.middle.port}"
        await _add_instance(world, "pg-chaos", "postgres", self.middle.port, count)
        for _ in range(count):
            name = await self.own.server.create_database()
            self._places.append(Place(await _adopt(world, "pg-chaos", name), name))
            await self.own.server.execute(self.schema, name)
        return self._places

    def change(self, number: int) -> Change:
        """See `Front`."""
        version = f"c{number}"
        if number % self.every == 1:
            return Change(
                f"""
                INSERT INTO effect VALUES ('{version}');
                CREATE INDEX CONCURRENTLY stock_{version} ON stock (slowly(a));
                INSERT INTO effect VALUES ('{version}');
                DROP INDEX CONCURRENTLY stock_{version};
                INSERT INTO effect VALUES ('{version}')
                """,
                3,
            )
        return Change(f"INSERT INTO effect VALUES ('{version}'); SELECT pg_sleep(0.15)", 1)

    async def sessions(self) -> dict[str, Session]:
        """See `Front`."""
        try:
            if self._looks is None or self._looks.is_closed():
                self._looks = await asyncpg.connect(self.own.server.url())
            rows = await self._looks.fetch(
                "SELECT application_name, state, query, client_port FROM pg_stat_activity"
                " WHERE application_name LIKE 'penstock:%'"
            )
        except AWAY:
            return {}
        return {
            ":".join(row["application_name"].rsplit(":", 2)[1:]): Session(_phase(row), row["client_port"])
            for row in rows
        }

    async def effects(self, place: Place) -> Counter[str]:
        """See `Front`."""
        return Counter(row[0] for row in await self._fetch(place, "SELECT change FROM effect"))

    async def ledger(self, place: Place) -> Counter[str]:
        """See `Front`."""
        query = f"SELECT version FROM penstock.ledger WHERE project = '{PROJECT}'"
        return Counter(row[0] for row in await self._fetch(place, query))

    async def stray(self, place: Place) -> list[str]:
        """See `Front`."""
        rows = await self._fetch(
            place,
            "SELECT application_name, state FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'penstock:%' AND xact_start IS NOT NULL",
        )
        indexes = await self._fetch(
            place, "SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'stock'::regclass"
        )
        return [f"session {row}" for row in rows] + [f"index {row[0]}" for row in indexes]

    async def close(self) -> None:
        """See `Front`."""
        if self._looks is not None:
            self._looks.terminate()
        for place in self._places:
            await self.own.server.drop_database(place.name)

    async def _fetch(self, place: Place, query: str) -> list[Any]:
        connection = await asyncpg.connect(self.own.server.url(place.name))
        try:
            return list(await connection.fetch(query))
        finally:
            await connection.close()


def _phase(session: Any) -> str:
    if session["state"] == "idle":
        return "claimed"
    if "INDEX CONCURRENTLY" in session["query"]:
        return "index"
    return "commit" if session["query"] == "COMMIT" and session["state"] == "active" else "script"


class MariaDb:
    """MariaDB: rows and definitions by turns, and now and then a call, which no engine can take back or look at."""

    engine = "mariadb"
    phases: tuple[str, ...] = ("claimed", "rows", "definition")
    every: Final = 5  # every so many changes one is undecidable
    schema: Final = (
        "CREATE TABLE effect (version varchar(20))",
        "CREATE TABLE stock (a int)",
        "INSERT INTO stock SELECT seq FROM seq_1_to_30000",
        """CREATE PROCEDURE stamp(v varchar(20))
           BEGIN DO SLEEP(0.1); INSERT INTO effect VALUES (v); COMMIT; DO SLEEP(0.1); END""",
    )

    def __init__(self, own: OwnMariaDb) -> None:
        self.own: OwnServer[Any] = own
        self.middle = Middle("127.0.0.1", own.port, b"\x03COMMIT")
        self.environ: dict[str, str] = {}
        self._server = own.server
        self._looks: Connection | None = None
        self._places: list[Place] = []

    async def open(self, world: World, count: int) -> list[Place]:
        """See `Front`."""
        self.environ[DSN] = f"mariadb://root@127.0.0.1:{self.middle.port}"
        await _add_instance(world, "maria-chaos", "mariadb", self.middle.port, count)
        for _ in range(count):
            name = await self._server.create_database()
            self._places.append(Place(await _adopt(world, "maria-chaos", name), name))
            for statement in self.schema:
                await self._server.execute(statement, name)
        return self._places

    def change(self, number: int) -> Change:
        """See `Front`."""
        version = f"c{number}"
        if number % self.every == 1:
            return Change(f"CALL stamp('{version}')", 1)
        return Change(
            f"""
            SET @v = '{version}';
            INSERT INTO effect VALUES (@v); DO SLEEP(0.05);
            CREATE TABLE made_{version} (a int);
            ALTER TABLE stock ADD COLUMN {version} int, ALGORITHM = COPY;
            INSERT INTO effect SELECT @v FROM (SELECT SLEEP(0.05)) nap;
            ALTER TABLE stock DROP COLUMN {version}, ALGORITHM = COPY;
            RENAME TABLE made_{version} TO kept_{version};
            DROP TABLE kept_{version};
            INSERT INTO effect VALUES (@v); DO SLEEP(0.05)
            """,
            3,
        )

    async def sessions(self) -> dict[str, Session]:
        """See `Front`."""
        try:
            if self._looks is None:
                self._looks = await self._server.open()
            rows = await self._looks.fetch(
                "SELECT h.application_name, p.COMMAND, p.INFO, p.HOST FROM penstock.holder h"
                " JOIN information_schema.PROCESSLIST p ON p.ID = h.connection_id"
            )
        except AWAY:  # or there is no ledger yet
            if self._looks is not None:
                self._looks.close()
                self._looks = None
            return {}
        return {
            ":".join(name.rsplit(":", 2)[1:]): Session(self._phase(command, info), int(host.rpartition(":")[2]))
            for name, command, info, host in rows
        }

    def _phase(self, command: str, statement: str | None) -> str:
        if command == "Sleep" or not statement:
            return "claimed"
        first = statement.split(None, 1)[0].upper()
        return "definition" if first in ("CREATE", "ALTER", "RENAME", "DROP") else "rows"

    async def effects(self, place: Place) -> Counter[str]:
        """See `Front`."""
        return Counter(row[0] for row in await self._server.execute("SELECT version FROM effect", place.name))

    async def ledger(self, place: Place) -> Counter[str]:
        """See `Front`."""
        rows = await self._server.execute(
            f"SELECT version FROM penstock.ledger WHERE database_name = '{place.name}' AND project = '{PROJECT}'"
        )
        return Counter(row[0] for row in rows)

    async def stray(self, place: Place) -> list[str]:
        """See `Front`."""
        sessions = await self._server.execute(
            "SELECT p.ID, p.COMMAND FROM information_schema.PROCESSLIST p"
            " JOIN information_schema.INNODB_TRX t ON t.trx_mysql_thread_id = p.ID"
            f" WHERE p.DB = '{place.name}' OR IS_USED_LOCK('{lock_name(place.name)}') = p.ID"
        )
        tables = [row[0] for row in await self._server.execute("SHOW TABLES", place.name)]
        found = [f"session {row}" for row in sessions]
        return found + [f"table {table}" for table in tables if table not in ("effect", "stock")]

    async def close(self) -> None:
        """See `Front`."""
        if self._looks is not None:
            self._looks.close()
        for place in self._places:
            await self._server.drop_database(place.name)


async def _add_instance(world: World, slug: str, engine: str, port: int, limit: int) -> None:
    body = {"slug": slug, "engine": engine, "environment": "dev", "tls": "disable", "host": "127.0.0.1", "port": port}
    await world.ada.ok("POST", "/instances", **body, dsn_env=DSN, options={"max_running_tasks": limit})


async def _adopt(world: World, instance: str, name: str) -> int:
    rows = await world.sql(
        "INSERT INTO database (instance_id, name, project_id) SELECT i.id, :name, p.id"
        " FROM instance i, project p WHERE i.slug = :instance AND p.slug = :project RETURNING id",
        name=name,
        instance=instance,
        project=PROJECT,
    )
    found: int = rows[0][0]
    return found
