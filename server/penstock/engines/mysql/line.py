"""The line to one target database: a fresh connection for every change, and the lock on it."""

from __future__ import annotations

from contextlib import suppress

import pymysql

from penstock.engines.attempts import describe, is_older_attempt
from penstock.engines.base import Failure, LedgerRow, Session, Target, TargetUnavailable
from penstock.engines.mysql import activity, ledger
from penstock.engines.mysql.codes import DENIED
from penstock.engines.mysql.connect import Link, check_flavour, open_link
from penstock.engines.mysql.driver import BROKEN, code_of, text
from penstock.engines.mysql.failures import busy, of_our_own
from penstock.engines.patience import Interrupted, Patience, backoff


class Line:
    """Belongs to one session, and so to one task at a time."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.database = target.database or ""
        self._link: Link | None = None
        self._abandoned: list[int] = []
        self._used = False

    async def link(self) -> Link:
        """The open connection, as fresh as a new one. Raises `TargetUnavailable`."""
        if self._link is not None and (self._used or self._link.closed):
            await self.close()
        if self._link is None:
            self._link, self._used = await open_link(self.target), False
            check_flavour(self.target, self._link)
        ledger.check_stamp(self._link)
        return self._link

    async def lock(self, patience: Patience) -> Link:
        """A connection that holds the lock on the database, which is polled, so that a cancel is heard.

        Raises:
            TargetUnavailable: no connection.
            Interrupted: the patience ended before the lock was free.
            MySQLError, OSError: as the server and the network do.
        """
        link = await self.link()
        self._used = True
        tries, shown = 0, 0
        while not await link.connection.value(f"SELECT GET_LOCK('{activity.lock_name(self.database)}', 0)"):
            holder = await activity.holder(link.connection, self.database)
            if holder is not None and holder.pid != shown:
                shown = holder.pid
                patience.log("info", f"Waiting for this database: {describe([holder])}")
                patience.waiting_on([holder])
            if holder is not None:
                await self._take_over(link, holder, patience)
            await patience.pause(backoff(tries), [holder] if holder else [])
            tries += 1
        if shown:
            patience.waiting_on([])
        if link.has_ledger:
            mine = f"{link.pid}, {text(self.target.application_name)}, UTC_TIMESTAMP(6)"
            await link.connection.run(
                "INSERT INTO penstock.holder (database_name, connection_id, application_name, since)"
                f" VALUES ({text(self.database)}, {mine}) ON DUPLICATE KEY UPDATE since = VALUES(since),"
                " connection_id = VALUES(connection_id), application_name = VALUES(application_name)"
            )
        return link

    async def roll_back(self) -> bool:
        """Roll back; False when the server could not confirm it, and then the connection is given up."""
        if self._link is None or self._link.closed:
            self.hang_up()
            return False
        try:
            try:
                await self._link.connection.run("ROLLBACK")
            except pymysql.err.OperationalError as error:
                if code_of(error) != 1317:  # the cancel of a statement that had just ended
                    raise
                await self._link.connection.run("ROLLBACK")
        except BROKEN:
            self.hang_up()
            return False
        return True

    def hang_up(self) -> None:
        """Give the connection up without a word; its session on the server may live on and hold the lock."""
        if self._link is not None:
            self._abandoned.append(self._link.pid)
            self._link.connection.close()
            self._link = None

    async def close(self) -> None:
        """Say goodbye to the server."""
        link, self._link = self._link, None
        if link is not None:
            if not link.closed:
                with suppress(*BROKEN):  # it is closed then, which is what was asked for
                    await link.connection.ensure_closed()
            link.connection.close()

    async def create_ledger(self) -> None:
        """Create what is missing of the ledger. Raises as the server does."""
        link = await self.link()
        await ledger.create(link.connection)
        link.has_ledger, link.stamp = True, ledger.STAMP

    async def proven_rows(self, project: str, patience: Patience) -> tuple[Link, dict[str, LedgerRow]]:
        """The ledger's rows of a project, read while nobody can be writing them, and the connection with the lock.

        Raises:
            TargetUnavailable: it was not possible before the patience ended.
        """
        tries = 0
        while True:
            last: Failure
            try:
                link = await self.lock(patience)
                rows = await ledger.read(link.connection, self.database, project) if link.has_ledger else {}
                return link, rows
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

    async def _take_over(self, link: Link, holder: Session, patience: Patience) -> None:
        """End the session of an older attempt of our own task, or one that we have given up."""
        older = is_older_attempt(holder.application_name, self.target.application_name)
        if not older and holder.pid not in self._abandoned:
            return
        try:
            ended = await activity.terminate(link.connection, self.database, holder.pid)
        except pymysql.err.MySQLError as error:
            if code_of(error) not in DENIED | {1095}:  # 1095: not the owner of that thread
                raise
            patience.log("warning", f"May not end the session of an older attempt: {describe([holder])}")
            return
        if ended:
            patience.log("warning", f"Ended the session of an older attempt: {describe([holder])}")
