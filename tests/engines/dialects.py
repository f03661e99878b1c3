"""What the tests that every engine must pass say to it, in its own words, and how they look inside."""

from __future__ import annotations

import abc
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import asyncpg

from penstock.engines.base import ApplyResult, Engine, Target, application_name
from penstock.engines.mysql.activity import lock_name
from penstock.engines.mysql.driver import Connection, name, text
from penstock.engines.postgres.activity import LOCK_CLASS, LOCK_OBJECT
from penstock.engines.registry import engine_for
from penstock.schema.model import DatabaseSchema
from tests.engines.conftest import DEPLOYMENT, change
from tests.engines.recorder import Recorder
from tests.mariadb_server import MariaDbServer
from tests.postgres_server import PostgresServer
from tests.waiting import eventually

Rows = list[tuple[Any, ...]]
OURS: Final = application_name(DEPLOYMENT, 1, 1)  # the name of the sessions of `change`'s task


class Bystander(abc.ABC):
    """Somebody else's connection to the target.

    Args:
        pid: the server's id of its session.
    """

    pid: int

    @abc.abstractmethod
    async def run(self, statement: str) -> Rows:
        """Run one statement, and answer its rows."""


@dataclass(frozen=True)
class Words:
    """Statements and codes that mean the same to each engine. ``t`` is a table with one column, ``a int``.

    Args:
        flavour: what servers of this kind say that they are.
        here: the schema that new tables come to.
        longest_name: bytes that a database's name may have, when its characters have two.
        commit: what our COMMIT looks like on the network.
        sleep: a statement that writes a row of ``t`` and takes a minute.
        alone: a statement that cannot share a transaction: it makes an index of ``t``.
        refused: what no change may contain, and the code of the refusal.
        unlimited: takes away the server's own limit on the time of a statement.
        impatient: a script that limits its own time, and is stopped by that.
        many_rows: a query with 50,000 rows.
        reads_otherwise: makes the server read the strings of new sessions in another way; and what takes that back.
        string: a string that it would then read differently, and its value.
        conflicts: statements after which every INSERT into ``t`` ends like a deadlock.
        leak: statements that change their session as much as they may.
        look: a query with one true value in a session where nothing of that is left.
        encrypted: a query with one true value in a session that is encrypted.
        attacks: what would rewrite the ledger.
        newer_ledger: what makes the ledger one of a later Penstock.
        codes: what the server calls what happened.
    """

    flavour: str
    here: str
    longest_name: int
    commit: bytes
    sleep: str
    alone: str
    refused: Mapping[str, str]
    unlimited: str
    impatient: str
    many_rows: str
    reads_otherwise: tuple[str, str]
    string: tuple[str, str]
    conflicts: Sequence[str]
    leak: str
    look: str
    encrypted: str
    attacks: Sequence[str]
    newer_ledger: str
    codes: Mapping[str, str]


class Dialect(abc.ABC):
    """One engine under test, with an empty database."""

    words: Words
    engine: Engine
    target: Target

    @abc.abstractmethod
    def on(self, target: Target) -> Dialect:
        """The same engine with another target."""

    @abc.abstractmethod
    def connection(self) -> AbstractAsyncContextManager[Bystander]:
        """A connection of somebody else's to the target."""

    @abc.abstractmethod
    def quoted(self, identifier: str) -> str:
        """A name as a statement spells it."""

    @abc.abstractmethod
    def take_lock(self) -> str:
        """A query that takes our lock on the database."""

    @abc.abstractmethod
    def lock_holder(self) -> str:
        """A query for the session that holds it."""

    @abc.abstractmethod
    def sleeping(self) -> str:
        """A query for the session that runs `Words.sleep`."""

    @abc.abstractmethod
    def only_ours(self) -> str:
        """The part of a WHERE that finds our rows in the ledger."""

    @abc.abstractmethod
    async def end_session(self, pid: int) -> None:
        """End somebody's session."""

    @abc.abstractmethod
    async def create_database(self, database: str) -> None:
        """Create a database of that name."""

    @abc.abstractmethod
    async def drop_database(self, database: str) -> None:
        """Drop it, with what the ledger knows of it."""

    @abc.abstractmethod
    def login(self, password: str) -> AbstractAsyncContextManager[Target]:
        """A login that may do what it likes in the target database, and nothing else."""

    @abc.abstractmethod
    async def run_as_owner(self, script: str) -> None:
        """Run what `Engine.grants` answers."""

    async def query(self, statement: str) -> Rows:
        """Run one statement on a connection of its own, and answer its rows."""
        async with self.connection() as somebody:
            return await somebody.run(statement)

    async def apply(self, statement: str | bytes, port: Recorder | None = None, **other: Any) -> ApplyResult:
        """Apply a change to the target in a session of its own."""
        return await self.engine.apply(self.target, change(statement, **other), port or Recorder())

    async def versions(self) -> list[str]:
        """Versions in the ledger."""
        rows = await self.query(f"SELECT version FROM penstock.ledger WHERE {self.only_ours()} ORDER BY version")
        return [row[0] for row in rows]

    async def count(self, table: str = "t") -> int:
        """Rows of a table."""
        return int((await self.query(f"SELECT count(*) FROM {table}"))[0][0])

    async def has(self, table: str) -> bool:
        """Whether a table is in the target database."""
        where = f"table_schema = {self.words.here} AND table_name = '{table}'"
        return bool(await self.query(f"SELECT 1 FROM information_schema.tables WHERE {where}"))

    async def schema(self) -> DatabaseSchema:
        """The target database as introspection finds it."""
        return next(s for s in await self.engine.introspect(self.target) if s.name == self.target.database)

    async def sleeping_pid(self) -> int:
        """The session that runs `Words.sleep`, as soon as it does."""
        rows = await eventually(lambda: self.query(self.sleeping()), message="our statement to sleep")
        return int(rows[0][0])


class _Asyncpg(Bystander):
    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self.pid = connection.get_server_pid()

    async def run(self, statement: str) -> Rows:
        return [tuple(row) for row in await self._connection.fetch(statement)]


class PostgresDialect(Dialect):
    """PostgreSQL."""

    engine = engine_for("postgres")
    words = Words(
        flavour="postgresql",
        here="current_schema()",
        longest_name=63,
        commit=b"COMMIT\0",
        sleep="INSERT INTO t SELECT 1 FROM pg_sleep(60)",
        alone="CREATE INDEX CONCURRENTLY i ON t (a)",
        refused={
            "BEGIN": "transaction_control",
            "SET standard_conforming_strings = off": "session_tampering",
            "SET ROLE postgres": "session_tampering",
            "\\connect elsewhere": "client_metacommand",
        },
        unlimited="SET statement_timeout = 0",
        impatient="SET LOCAL statement_timeout = 50; SELECT pg_sleep(60)",
        many_rows="SELECT generate_series(1, 50000)",
        reads_otherwise=(
            "ALTER ROLE postgres SET standard_conforming_strings = off",
            "ALTER ROLE postgres RESET standard_conforming_strings",
        ),
        string=("'a\\nb'", "a\\nb"),
        conflicts=(
            """CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE 'fake' USING ERRCODE = '40P01'; END $$""",
            "CREATE TRIGGER refuse BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION refuse()",
        ),
        leak="SET lock_timeout = '1h'; SET search_path = pg_catalog, public; CREATE TEMP TABLE left_over (a int);"
        " PREPARE left_over AS SELECT 1",
        look="SELECT current_setting('lock_timeout') <> '1h' AND current_setting('search_path') NOT LIKE 'pg_catalog%'"
        " AND to_regclass('left_over') IS NULL",
        encrypted="SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
        attacks=("DELETE FROM penstock.ledger", "UPDATE penstock.ledger SET run = ''", "DROP SCHEMA penstock CASCADE"),
        newer_ledger="COMMENT ON TABLE penstock.ledger IS 'penstock ledger 99'",
        codes={
            "no_column": "42703",
            "denied": "42501",
            "lock_timeout": "55P03",
            "deadlock": "40P01",
            "canceled": "57014",
            "time_limit": "57014",
        },
    )

    def __init__(self, server: PostgresServer, target: Target) -> None:
        self._server = server
        self.target = target

    def on(self, target: Target) -> Dialect:
        return PostgresDialect(self._server, target)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Bystander]:
        server = self._server
        where = {"host": server.host, "port": server.port, "user": server.user, "password": server.password or None}
        connection = await asyncpg.connect(**where, database=self.target.database, ssl=False)
        try:
            yield _Asyncpg(connection)
        finally:
            await connection.close()

    def quoted(self, identifier: str) -> str:
        return '"' + identifier.replace('"', '""') + '"'

    def take_lock(self) -> str:
        return f"SELECT pg_advisory_lock({LOCK_CLASS}, {LOCK_OBJECT})"

    def lock_holder(self) -> str:
        return (
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND database ="
            " (SELECT oid FROM pg_database WHERE datname = current_database())"
            f" AND (classid, objid) = ({LOCK_CLASS}, {LOCK_OBJECT})"
        )

    def sleeping(self) -> str:
        return "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"

    def only_ours(self) -> str:
        return "true"

    async def end_session(self, pid: int) -> None:
        await self.query(f"SELECT pg_terminate_backend({pid})")

    async def create_database(self, database: str) -> None:
        await self._server.execute(f"CREATE DATABASE {self.quoted(database)}")

    async def drop_database(self, database: str) -> None:
        await self._server.execute(f"DROP DATABASE IF EXISTS {self.quoted(database)} WITH (FORCE)")

    @asynccontextmanager
    async def login(self, password: str) -> AsyncIterator[Target]:
        login = "weak_" + (self.target.database or "")[-12:]
        await self.query(f"CREATE ROLE {login} LOGIN PASSWORD '{password}'")
        await self.query(f"GRANT ALL ON SCHEMA public TO {login}")
        try:
            yield replace(self.target, username=login, password=password)
        finally:
            await self.query(f"DROP OWNED BY {login} CASCADE")
            await self.query(f"DROP ROLE {login}")

    async def run_as_owner(self, script: str) -> None:
        await self._server.execute(script, self.target.database or "")


class _Aiomysql(Bystander):
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.pid = connection.thread_id()

    async def run(self, statement: str) -> Rows:
        return await self._connection.fetch(statement)


class MariaDbDialect(Dialect):
    """MariaDB."""

    engine = engine_for("mariadb")
    words = Words(
        flavour="mariadb",
        here="DATABASE()",
        longest_name=128,
        commit=b"\x03COMMIT",
        sleep="INSERT INTO t SELECT SLEEP(60)",
        alone="CREATE INDEX i ON t (a)",
        refused={
            "START TRANSACTION": "transaction_control",
            "SET sql_mode = 'NO_BACKSLASH_ESCAPES'": "session_tampering",
            "SET ROLE admin": "session_tampering",
            "source elsewhere.sql": "client_metacommand",
        },
        unlimited="SET max_statement_time = 0",
        impatient="SET max_statement_time = 0.05; INSERT INTO t SELECT SLEEP(60)",
        many_rows="SELECT seq FROM seq_1_to_50000",
        reads_otherwise=(
            "SET GLOBAL sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'",
            "SET GLOBAL sql_mode = DEFAULT",
        ),
        string=('"a\\"b"', 'a"b'),
        conflicts=(
            """CREATE TRIGGER refuse BEFORE INSERT ON t FOR EACH ROW
                SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'fake'""",
        ),
        leak="SET @leak = 1, SESSION sql_mode = '', foreign_key_checks = 0; CREATE TEMPORARY TABLE left_over (a int)",
        look="SELECT @leak IS NULL AND @@sql_mode LIKE '%STRICT_TRANS_TABLES%' AND @@foreign_key_checks",
        encrypted="SELECT VARIABLE_VALUE <> '' FROM information_schema.SESSION_STATUS"
        " WHERE VARIABLE_NAME = 'SSL_CIPHER'",
        attacks=(
            "DELETE FROM penstock.ledger",
            "UPDATE penstock.ledger SET run = ''",
            "DROP TABLE penstock.ledger",
            "DROP DATABASE penstock",
        ),
        newer_ledger="ALTER TABLE penstock.ledger COMMENT = 'penstock ledger 99'",
        codes={
            "no_column": "1054",
            "denied": "1142",
            "lock_timeout": "1205",
            "deadlock": "1213",
            "canceled": "1317",
            "time_limit": "1969",
        },
    )

    def __init__(self, server: MariaDbServer, target: Target) -> None:
        self._server = server
        self.target = target

    def on(self, target: Target) -> Dialect:
        return MariaDbDialect(self._server, target)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Bystander]:
        connection = await self._server.open(self.target.database)
        try:
            yield _Aiomysql(connection)
        finally:
            connection.close()

    def quoted(self, identifier: str) -> str:
        return name(identifier)

    def take_lock(self) -> str:
        return f"SELECT GET_LOCK('{lock_name(self.target.database or '')}', 0)"

    def lock_holder(self) -> str:
        return f"SELECT IS_USED_LOCK('{lock_name(self.target.database or '')}')"

    def sleeping(self) -> str:
        return (
            "SELECT ID FROM information_schema.PROCESSLIST"
            f" WHERE DB = {text(self.target.database or '')} AND STATE = 'User sleep'"
        )

    def only_ours(self) -> str:
        return f"database_name = {text(self.target.database or '')}"

    async def end_session(self, pid: int) -> None:
        await self.query(f"KILL CONNECTION {pid}")

    async def create_database(self, database: str) -> None:
        await self._server.execute(f"CREATE DATABASE {name(database)} CHARACTER SET utf8mb4")

    async def drop_database(self, database: str) -> None:
        await self._server.drop_database(database)

    @asynccontextmanager
    async def login(self, password: str) -> AsyncIterator[Target]:
        login = "weak_" + (self.target.database or "")[-12:]
        await self.query(f"CREATE USER '{login}'@'%' IDENTIFIED BY '{password}'")
        pattern = (self.target.database or "").replace("_", "\\_")
        await self.query(f"GRANT ALL ON {name(pattern)}.* TO '{login}'@'%'")
        try:
            yield replace(self.target, username=login, password=password)
        finally:
            await self.query(f"DROP USER '{login}'@'%'")

    async def run_as_owner(self, script: str) -> None:
        for statement in script.split(";\n")[:-1]:
            await self._server.execute(statement)


def postgres(server: PostgresServer, database: str) -> Dialect:
    """PostgreSQL with a database of that name."""
    target = Target("postgres", server.host, server.port, server.user, server.password, "disable", database)
    return PostgresDialect(server, target)


def mariadb(server: MariaDbServer, database: str) -> Dialect:
    """MariaDB with a database of that name."""
    target = Target("mariadb", server.host, server.port, server.user, server.password, "disable", database)
    return MariaDbDialect(server, target)
