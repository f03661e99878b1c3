"""The line to one target database: one connection, replaced when it is lost, and transactions that hold the
lock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

from penstock.domain import failpoints
from penstock.engines.base import Failure, LedgerRow, Target, TargetUnavailable
from penstock.engines.patience import Interrupted, Patience, backoff
from penstock.engines.postgres import journal, ledger
from penstock.engines.postgres.connect import GONE, OWN_SECONDS, STAMP, Familiar, Link, look, open_familiar, open_link
from penstock.engines.postgres.failures import busy, of_our_own
from penstock.engines.postgres.lock import begin_locked, lock_session
from penstock.engines.postgres.points import Point
from penstock.engines.postgres.sqlstates import ALREADY_THERE

BROKEN = (asyncpg.PostgresError, *GONE, TimeoutError)

T = TypeVar("T")
_STAMP = """
    SELECT pg_catalog.obj_description(pg_catalog.to_regclass('penstock.ledger')::oid, 'pg_class') AS stamp
    WHERE pg_catalog.to_regclass('penstock.ledger') IS NOT NULL
"""
_UNLOCK = "SELECT pg_catalog.pg_advisory_unlock_all()"


class Line:
    """Belongs to one session, and so to one task at a time.

    Args:
        familiar: databases that were looked at before.

    ``trusting`` may be set by a caller that can do with a link that is `Link.assumed`.
    """

    def __init__(self, target: Target, familiar: Familiar | None = None) -> None:
        self.target = target
        self.trusting = False
        self._familiar = familiar if familiar is not None else Familiar()
        self._link: Link | None = None
        self._abandoned: list[Link] = []

    async def link(self) -> Link:
        """The open connection, as fresh as a new one. Raises `TargetUnavailable`."""
        if self._link is not None and self._link.used:
            await self._reset(self._link)
        if self._link is None or self._link.closed:
            if self.trusting and self.target in self._familiar:
                self._link = await open_familiar(self.target)
            else:
                self._link = await open_link(self.target)
                self._familiar.note(self.target, self._link)
        elif self._link.assumed and not self.trusting:
            connection, self._link = self._link.connection, None
            self._link = await look(self.target, connection)
            self._familiar.note(self.target, self._link)
        ledger.check_stamp(self._link)
        return self._link

    async def begin(self, patience: Patience, *, settings: str = "") -> Link:
        """Begin a transaction that holds the lock on the database.

        Raises:
            TargetUnavailable: no connection.
            Interrupted: the patience ended before the lock was free.
            asyncpg.PostgresError, OSError: as the server and the network do.
        """
        link = await self.link()
        await begin_locked(link, patience, self.target.application_name, tuple(self._abandoned), settings=settings)
        return link

    async def lock(self, patience: Patience) -> Link:
        """Take the lock for the session, for a change that needs more than one transaction. Raises as `begin` does."""
        link = await self.link()
        link.used = True
        await lock_session(link, patience, self.target.application_name, tuple(self._abandoned))
        return link

    async def unlock(self) -> None:
        """Let the session's lock go; when the server does not answer, with the connection."""
        if self._link is None or self._link.closed:
            return
        try:
            await self._link.connection.execute(_UNLOCK, timeout=OWN_SECONDS)
        except BROKEN:
            self.hang_up()

    async def roll_back(self) -> bool:
        """Roll back; False when the server could not confirm it, and then the connection is given up."""
        if self._link is None or self._link.closed:
            self.hang_up()
            return False
        try:
            try:
                await self._link.connection.execute("ROLLBACK", timeout=OWN_SECONDS)
            except asyncpg.QueryCanceledError:  # the cancel of a statement that had just ended
                await self._link.connection.execute("ROLLBACK", timeout=OWN_SECONDS)
        except BROKEN:
            self.hang_up()
            return False
        return True

    def hang_up(self) -> None:
        """Give the connection up without a word; its session on the server may live on and hold the lock."""
        self._familiar.forget(self.target)
        if self._link is not None:
            self._abandoned.append(self._link)
            self._link.connection.terminate()
            self._link = None

    async def close(self) -> None:
        """Say goodbye to the server."""
        link, self._link = self._link, None
        if link is not None and not link.closed:
            try:
                await link.connection.close(timeout=5)
            except BROKEN:
                link.connection.terminate()

    async def create_ledger(self, patience: Patience) -> None:
        """Create the ledger in a transaction of its own, unless somebody else has; give an older one its journal.

        Raises as `begin` does.
        """
        link = await self.begin(patience)
        try:
            there = await link.connection.fetchrow(_STAMP, timeout=OWN_SECONDS)
            if there is None:
                await ledger.create(link.connection)
            elif there["stamp"] == ledger.WITHOUT_JOURNAL:
                await ledger.add_journal(link.connection)
            await link.connection.execute("COMMIT", timeout=OWN_SECONDS)
        except asyncpg.PostgresError as error:
            await self.roll_back()
            if error.sqlstate not in ALREADY_THERE:
                raise
            there = None
        known = there is None or there["stamp"] == ledger.WITHOUT_JOURNAL
        link.has_ledger, link.stamp = True, STAMP if known else there["stamp"]
        self._familiar.note(self.target, link)
        failpoints.reach(Point.LEDGER_CREATED if there is None else Point.JOURNAL_ADDED)

    async def standing(
        self, project: str, version: str, patience: Patience
    ) -> tuple[LedgerRow | None, list[journal.Entry]]:
        """What ledger and journal say of a change. Raises as `proven` does."""

        async def read(link: Link) -> tuple[LedgerRow | None, list[journal.Entry]]:
            row = await ledger.read_row(link.connection, project, version) if link.has_ledger else None
            return row, await journal.read(link.connection, project, version) if link.has_journal else []

        return await self.proven(read, patience)

    async def proven(self, read: Callable[[Link], Awaitable[T]], patience: Patience) -> T:
        """What ``read`` finds while nobody can be writing it.

        Raises:
            TargetUnavailable: it was not possible before the patience ended.
        """
        last: Failure | None = None
        tries = 0
        while True:
            try:
                return await self._read_locked(read, patience)
            except TargetUnavailable as error:
                last = error.failure
                if last.retry == "no":
                    raise
            except Interrupted as error:
                raise TargetUnavailable(busy(error.waited_for)) from error
            except BROKEN as error:
                self.hang_up()
                last = of_our_own(error)
            try:
                await patience.pause(backoff(tries))
            except Interrupted as error:
                raise TargetUnavailable(last) from error
            tries += 1

    async def _read_locked(self, read: Callable[[Link], Awaitable[T]], patience: Patience) -> T:
        link = await self.begin(patience)
        found = await read(link)
        await self.roll_back()
        return found

    async def _reset(self, link: Link) -> None:
        """Undo what a change did to its session: settings, roles, temporary tables, prepared statements."""
        try:
            await link.connection.execute("DISCARD ALL", timeout=OWN_SECONDS)
            link.used = False
        except BROKEN:
            self.hang_up()
