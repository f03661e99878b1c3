"""The line to one target database: one connection, replaced when it is lost, and transactions that hold the
lock."""

from __future__ import annotations

import asyncpg

from penstock.engines.base import Failure, LedgerRow, Target, TargetUnavailable
from penstock.engines.patience import Interrupted, Patience, backoff
from penstock.engines.postgres import ledger
from penstock.engines.postgres.connect import GONE, OWN_SECONDS, Link, open_link
from penstock.engines.postgres.failures import busy, of_our_own
from penstock.engines.postgres.lock import begin_locked
from penstock.engines.postgres.sqlstates import ALREADY_THERE

BROKEN = (asyncpg.PostgresError, *GONE, TimeoutError)


class Line:
    """Belongs to one session, and so to one task at a time."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._link: Link | None = None
        self._abandoned: list[tuple[int, object]] = []

    async def link(self) -> Link:
        """The open connection, as fresh as a new one. Raises `TargetUnavailable`."""
        if self._link is not None and self._link.used:
            await self._reset(self._link)
        if self._link is None or self._link.closed:
            self._link = await open_link(self.target)
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
        if self._link is not None:
            self._abandoned.append((self._link.pid, self._link.started_at))
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
        """Create the ledger in a transaction of its own, unless somebody else has. Raises as `begin` does."""
        link = await self.begin(patience)
        try:
            if await link.connection.fetchval("SELECT pg_catalog.to_regclass('penstock.ledger') IS NULL"):
                await ledger.create(link.connection)
            await link.connection.execute("COMMIT", timeout=OWN_SECONDS)
        except asyncpg.PostgresError as error:
            await self.roll_back()
            if error.sqlstate not in ALREADY_THERE:
                raise
        link.has_ledger, link.stamp = True, ledger.STAMP

    async def proven_rows(self, project: str, patience: Patience) -> dict[str, LedgerRow]:
        """The ledger's rows of a project, read while nobody can be writing them.

        Raises:
            TargetUnavailable: it was not possible before the patience ended.
        """
        last: Failure | None = None
        tries = 0
        while True:
            try:
                return await self._read_locked(project, patience)
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

    async def _read_locked(self, project: str, patience: Patience) -> dict[str, LedgerRow]:
        link = await self.begin(patience)
        rows = await ledger.read(link.connection, project) if link.has_ledger else {}
        await self.roll_back()
        return rows

    async def _reset(self, link: Link) -> None:
        """Undo what a change did to its session: settings, roles, temporary tables, prepared statements."""
        try:
            await link.connection.execute("DISCARD ALL", timeout=OWN_SECONDS)
            link.used = False
        except BROKEN:
            self.hang_up()
