"""A scratch database of ours on a target's server: made for one run, dropped at its end, or by a later run.

It holds definitions and never data, and it is known to be in use by a lock that its maker's session holds.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

import pymysql

from penstock.domain import failpoints
from penstock.engines.base import Target
from penstock.engines.mysql.connect import OWN_SECONDS, open_connection, open_link
from penstock.engines.mysql.driver import BROKEN, Connection, code_of, name, text
from penstock.engines.mysql.points import Point

PREFIX: Final = "penstock_scratch_"
NEUTRAL_MODE: Final = "NO_ENGINE_SUBSTITUTION"
SCRATCH_NAME: Final = "penstock scratch"
_LOCK_WAIT: Final = 2  # seconds
_BINLOG_REFUSALS: Final = frozenset({1227, 1193, 1238, 1694})
# What the same statements may have another result by, beside the definitions that they find.
_SURROUNDINGS: Final = """
    SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME, VERSION(), @@hostname, @@port, @@server_id,
           @@GLOBAL.sql_mode, @@GLOBAL.default_storage_engine, @@GLOBAL.character_set_server, @@GLOBAL.collation_server,
           @@GLOBAL.explicit_defaults_for_timestamp, @@GLOBAL.innodb_strict_mode, @@GLOBAL.innodb_default_row_format,
           @@GLOBAL.innodb_file_per_table, @@lower_case_table_names
    FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {database}
"""


class Scratch:
    """One scratch database. Connects when first needed.

    Args:
        target: the database that it is made like.
    """

    def __init__(self, target: Target) -> None:
        self.place = PREFIX + secrets.token_hex(8)
        self._database = target.database or ""
        self._target = replace(target, database=None, application_name=SCRATCH_NAME)
        self._eyes: Connection | None = None
        self._made = False

    async def eyes(self) -> Connection:
        """A connection with no settings of a script, to read definitions with. Raises as connecting does."""
        if self._eyes is None or self._eyes.closed:
            self._eyes, self._made = await open_connection(self._target), False
            self._eyes.own_seconds = OWN_SECONDS
            # What there is must be copied, whatever a table made today would have to be like.
            await self._prepare(self._eyes, f"SESSION sql_mode = '{NEUTRAL_MODE}'")
        return self._eyes

    async def surroundings(self) -> Sequence[object]:
        """Where the target's definitions are at home: its database's character set and collation, then its server.

        Raises as connecting and the server do.
        """
        eyes = await self.eyes()
        [row] = await eyes.fetch(_SURROUNDINGS.format(database=text(self._database)))
        return row

    async def make(self, surroundings: Sequence[object]) -> Connection:
        """Create the database, after those that nobody uses any more are dropped; answers a connection to it.

        Args:
            surroundings: of the target.

        Raises:
            TargetUnavailable: no connection.
            MySQLError, OSError: as the server and the network do.
        """
        eyes = await self.eyes()
        await eyes.value(f"SELECT GET_LOCK('{self.place}', 0)")
        await self._drop_stale(eyes)
        charset, collation = surroundings[:2]
        await eyes.run(f"CREATE DATABASE {name(self.place)} CHARACTER SET {charset} COLLATE {collation}")
        self._made = True
        await eyes.run(f"USE {name(self.place)}")
        failpoints.reach(Point.SCRATCH_MADE)
        return eyes

    async def actor(self) -> Connection:
        """A fresh connection whose current database it is, to run statements on. The caller closes it."""
        link = await open_link(replace(self._target, database=self.place))
        await self._prepare(link.connection)
        return link.connection

    async def drop(self) -> None:
        """Drop the database. Raises as the server does."""
        if self._made:
            await (await self.eyes()).run(f"DROP DATABASE IF EXISTS {name(self.place)}")
            self._made = False
            failpoints.reach(Point.SCRATCH_DROPPED)

    async def close(self) -> None:
        """Leave nothing behind, as far as that can be done; what is left the next run drops."""
        eyes, self._eyes = self._eyes, None
        if eyes is None:
            return
        if not eyes.closed:
            with suppress(*BROKEN):  # a later run drops what is left
                if self._made:
                    await eyes.run(f"DROP DATABASE IF EXISTS {name(self.place)}")
                await eyes.ensure_closed()
        eyes.close()

    async def _prepare(self, connection: Connection, *more: str) -> None:
        # Tables that foreign keys lead to are not copied.
        settings = [f"SESSION {wait}_timeout = {_LOCK_WAIT}" for wait in ("lock_wait", "innodb_lock_wait")]
        settings = [*settings, "SESSION foreign_key_checks = 0", *more]
        try:
            # Replicas need not see it, where we may say so.
            await connection.run(f"SET {', '.join([*settings, 'SESSION sql_log_bin = 0'])}")
        except pymysql.err.MySQLError as error:
            if code_of(error) not in _BINLOG_REFUSALS:
                raise
            await connection.run(f"SET {', '.join(settings)}")

    async def _drop_stale(self, eyes: Connection) -> None:
        for (stale,) in await eyes.fetch("SHOW DATABASES LIKE 'penstock\\_scratch\\_%'"):
            if await eyes.value(f"SELECT IS_FREE_LOCK({text(stale)})"):
                with suppress(pymysql.err.MySQLError):  # in use after all, or another login's: somebody else's turn
                    await eyes.run(f"DROP DATABASE IF EXISTS {name(stale)}")
