"""Makes a database on PostgreSQL, where CREATE DATABASE runs in no transaction: the lock is the maintenance database's,
and the session that holds it makes the new one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

import asyncpg

from penstock.domain.pipeline.creation import NewDatabase
from penstock.engines.base import RunPort, Target, TargetUnavailable
from penstock.engines.creation import LOOK_SECONDS, out_of_time, refused, stopped, waiting
from penstock.engines.patience import Interrupted
from penstock.engines.postgres.connect import OWN_SECONDS, Link
from penstock.engines.postgres.failures import busy, connection_lost, of_our_own
from penstock.engines.postgres.line import BROKEN, Line
from penstock.engines.postgres.sqlstates import INSUFFICIENT_PRIVILEGE, Reaction, reaction
from penstock.engines.postgres.watch import Watch

_DUPLICATE: Final = "42P04"
_IN_USE: Final = "55006"  # somebody is connected to the template
_EXISTS: Final = "SELECT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = $1)"


class PostgresCreation:
    """Implements `penstock.engines.base.Creation`."""

    def __init__(self, target: Target, link: Link, new: NewDatabase, port: RunPort) -> None:
        self._target, self._link, self._new, self._port = target, link, new, port

    async def exists(self) -> bool:
        """Look into the catalog; see the protocol."""
        try:
            return bool(await self._link.connection.fetchval(_EXISTS, self._new.name, timeout=OWN_SECONDS))
        except BROKEN as error:
            raise TargetUnavailable(of_our_own(error)) from error

    async def create(self) -> None:
        """Make it; see the protocol."""
        watch = Watch(self._target, self._link, self._port, LOOK_SECONDS)
        try:
            await watch.run(self._link.connection.execute(_statement(self._new)))
        except Interrupted as error:
            raise TargetUnavailable(stopped()) from error
        except asyncpg.PostgresError as error:
            code = error.sqlstate or "XX000"
            kind = Reaction.AGAIN if code == _IN_USE else reaction(code)
            if self._link.closed or kind is Reaction.UNCERTAIN:
                raise TargetUnavailable(connection_lost(error)) from error
            hint = "Give the instance's login the right CREATEDB." if code == INSUFFICIENT_PRIVILEGE else error.hint
            failure = refused(code, str(error.message or error), kind, there=code == _DUPLICATE, hint=hint)
            raise TargetUnavailable(failure) from error
        except BROKEN as error:
            raise TargetUnavailable(connection_lost(error)) from error
        finally:
            await watch.close()


@asynccontextmanager
async def creation(target: Target, new: NewDatabase, port: RunPort, wait: bool) -> AsyncIterator[PostgresCreation]:
    """See `penstock.engines.base.Engine.creation`."""
    target = replace(target, database=None)
    line = Line(target)
    try:
        try:
            link = await line.lock(waiting(port, wait=wait))
        except Interrupted as error:
            raise TargetUnavailable(busy(error.waited_for) if error.waited_for else out_of_time()) from error
        except BROKEN as error:
            raise TargetUnavailable(of_our_own(error)) from error
        yield PostgresCreation(target, link, new, port)
    finally:
        await line.close()


def _statement(new: NewDatabase) -> str:
    owner = f" OWNER {_quoted(new.owner)}" if new.owner is not None else ""
    # Another encoding than the template's needs one in which no text is stored yet.
    encoding = f" ENCODING '{new.encoding}' TEMPLATE template0" if new.encoding is not None else ""
    return f"CREATE DATABASE {_quoted(new.name)}{owner}{encoding}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
