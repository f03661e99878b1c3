"""Makes a database on MySQL and MariaDB, where CREATE DATABASE commits by itself: the lock is the new database's own,
and the session that holds it makes it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from penstock.domain.pipeline.creation import NewDatabase
from penstock.engines.base import Failure, RunPort, Target, TargetUnavailable
from penstock.engines.creation import LOOK_SECONDS, out_of_time, refused, stopped, waiting
from penstock.engines.mysql.codes import DENIED, reaction
from penstock.engines.mysql.connect import Link
from penstock.engines.mysql.driver import BROKEN, code_of, is_answer, message_of, text
from penstock.engines.mysql.driver import name as quoted
from penstock.engines.mysql.failures import busy, connection_lost, of_our_own
from penstock.engines.mysql.line import Line
from penstock.engines.mysql.watch import Watch
from penstock.engines.patience import Interrupted

_DUPLICATE: Final = 1007


class MySqlCreation:
    """Implements `penstock.engines.base.Creation`."""

    def __init__(self, target: Target, link: Link, new: NewDatabase, port: RunPort) -> None:
        self._target, self._link, self._new, self._port = target, link, new, port

    async def exists(self) -> bool:
        """Look into the catalog; see the protocol."""
        query = "SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE BINARY SCHEMA_NAME = "
        return bool(await self._count(query))

    async def create(self) -> None:
        """Make it; see the protocol."""
        await self._refuse_remains()
        watch = Watch(self._target, self._link, self._port, LOOK_SECONDS)
        try:
            await watch.run(self._link.connection.run(_statement(self._new)))
        except Interrupted as error:
            raise TargetUnavailable(stopped()) from error
        except BROKEN as error:
            code = code_of(error)
            if not is_answer(error):
                raise TargetUnavailable(connection_lost(error)) from error
            hint = "Give the instance's login the privilege CREATE on that database." if code in DENIED else None
            there = code == _DUPLICATE
            failure = refused(str(code), message_of(error), reaction(code), there=there, hint=hint)
            raise TargetUnavailable(failure) from error
        finally:
            await watch.close()

    async def _refuse_remains(self) -> None:
        """One ledger serves the whole server: what it has of a dropped database would count for the new one, too.

        Raises:
            TargetUnavailable: it has something.
        """
        if not self._link.has_ledger:
            return
        for table in ("ledger", "journal"):
            found = await self._count(f"SELECT COUNT(*) FROM penstock.{table} WHERE database_name = ")
            if found:
                message = (
                    f"penstock.{table} still has {found} rows of a database of this name, which was dropped: the new"
                    " one would count as having its changes."
                )
                hint = "Choose another name, or have an administrator of the server delete these rows."
                raise TargetUnavailable(Failure("check", "ledger_remains", message, hint=hint))

    async def _count(self, query: str) -> int:
        try:
            return int(await self._link.connection.value(query + text(self._new.name)))
        except BROKEN as error:
            raise TargetUnavailable(of_our_own(error)) from error


@asynccontextmanager
async def creation(target: Target, new: NewDatabase, port: RunPort, wait: bool) -> AsyncIterator[MySqlCreation]:
    """See `penstock.engines.base.Engine.creation`."""
    target = replace(target, database=None)
    line = Line(target)
    line.database = new.name  # it cannot be entered yet
    try:
        try:
            link = await line.lock(waiting(port, wait=wait))
        except Interrupted as error:
            raise TargetUnavailable(busy(error.waited_for) if error.waited_for else out_of_time()) from error
        except BROKEN as error:
            raise TargetUnavailable(of_our_own(error)) from error
        yield MySqlCreation(target, link, new, port)
    finally:
        await line.close()


def _statement(new: NewDatabase) -> str:
    encoding = f" CHARACTER SET '{new.encoding}'" if new.encoding is not None else ""
    return f"CREATE DATABASE {quoted(new.name)}{encoding}"
