"""Drifts: what databases were, where they are not as expected, and what people say of it."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from typing import Final

import msgspec
import zstandard
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import clock, events
from penstock.domain.access.decide import Principal, require
from penstock.domain.drift import STANDING
from penstock.domain.errors import FieldError, InvalidTransition, NotFound, StaleDrift, ValidationFailed
from penstock.schema import diff, fingerprint
from penstock.schema.changes import Change
from penstock.schema.model import DatabaseSchema
from penstock.store import databases, drifts, snapshots
from penstock.store.database import Database
from penstock.store.records import audit
from penstock.store.rows import Cut, Record, Slice

PAIRS: Final = 20  # of schemas, whose differences are counted before others are read
BATCH: Final = 900


class Drifts:
    """Drifts and past snapshots; syncs find them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def listing(
        self,
        principal: Principal,
        cut: Cut,
        *,
        project: str | None = None,
        status: str | None = None,
        database: int | tuple[str, str] | None = None,
    ) -> Slice:
        """The drifts that the caller may see, newest first.

        Raises:
            NotFound: there is no such database that the caller may see.
        """
        async with self._database.connect() as conn:
            of = None if database is None else (await _database(conn, principal, database))["id"]
            statuses = () if status is None else (status,)
            return await drifts.listing(conn, principal, cut, project_slug=project, database_id=of, statuses=statuses)

    async def get(self, principal: Principal, drift_id: int) -> tuple[Record, tuple[Change, ...]]:
        """One drift, and what has to change in the database as it is expected to be, for it to be as it was found."""
        async with self._database.connect() as conn:
            found = await _get(conn, principal, drift_id)
            stored = await drifts.contents(conn, [found["expected"], found["found"]])
        name = found["database_name"]
        return found, await asyncio.to_thread(_changes, stored[found["expected"]], stored[found["found"]], name)

    async def accept(self, principal: Principal, drift_id: int, comment: str, seen: str | None) -> Record:
        """What was found is expected from now on.

        Args:
            seen: what the caller knows to have been found.

        Raises:
            NotFound: there is none, or the caller may not see it.
            InvalidTransition: it is over.
            StaleDrift: something else has been found meanwhile.
        """

        async def work(conn: AsyncConnection) -> Record:
            locked = await self._locked(conn, principal, drift_id, seen)
            await drifts.accept(conn, locked, principal.id, comment)
            await drifts.announce(conn, events.DRIFT_ENDED, drift_id, principal.id, how="accepted")
            said = {"expected": locked["expected"], "found": locked["found"], "comment": comment}
            return await _said(conn, principal, drift_id, "drift.accept", said)

        return await self._database.run(work)

    async def ignore(
        self, principal: Principal, drift_id: int, comment: str, seen: str | None, until: dt.datetime | None
    ) -> Record:
        """Leave a drift as it is, until the database changes again, or until a time.

        Raises:
            NotFound: there is none, or the caller may not see it.
            InvalidTransition: it is ignored already, or over.
            StaleDrift: something else has been found meanwhile.
            ValidationFailed: the time is over.
        """
        if until is not None and until <= clock.now():
            raise ValidationFailed(errors=[FieldError("until", "Name a time that is still to come.", "in_the_past")])

        async def work(conn: AsyncConnection) -> Record:
            locked = await self._locked(conn, principal, drift_id, seen)
            if locked["status"] == "ignored":
                raise InvalidTransition("This drift is ignored already.")
            await drifts.ignore(conn, drift_id, principal.id, comment, until)
            told = None if until is None else until.isoformat()
            await drifts.announce(conn, events.DRIFT_IGNORED, drift_id, principal.id, until=told)
            said = {"found": locked["found"], "until": told, "comment": comment}
            return await _said(conn, principal, drift_id, "drift.ignore", said)

        return await self._database.run(work)

    async def snapshots(self, principal: Principal, ref: int | tuple[str, str], cut: Cut) -> Slice:
        """What a database was, newest first.

        Raises:
            NotFound: there is none, or the caller may not see it.
        """
        async with self._database.connect() as conn:
            found = await _database(conn, principal, ref)
            return await snapshots.listing(conn, found["id"], cut)

    async def snapshot(self, principal: Principal, snapshot_id: int) -> tuple[Record, DatabaseSchema]:
        """One of the snapshots of a database.

        Raises:
            NotFound: there is none, or the caller may not see it.
        """
        async with self._database.connect() as conn:
            found = await snapshots.find(conn, principal, snapshot_id)
        if found is None:
            raise NotFound(f"There is no snapshot {snapshot_id} that you may see.")
        return found, _schema(bytes(found["content"]), found["database_name"])

    async def _locked(self, conn: AsyncConnection, principal: Principal, drift_id: int, seen: str | None) -> Record:
        await _get(conn, principal, drift_id)
        locked = await drifts.lock(conn, drift_id)
        if locked is None:
            raise NotFound(f"There is no drift {drift_id} that you may see.")
        require(principal, "drift.accept", locked["project_id"])
        if locked["status"] not in STANDING:
            over = "accepted" if locked["status"] == "accepted" else "over"
            raise InvalidTransition(f"This drift is {over} already.")
        if seen is not None and seen != locked["found"]:
            raise StaleDrift(found=locked["found"])
        return locked


async def count_changes(database: Database, instance_id: int) -> None:
    """Count the changes of the drifts of an instance where that is still to be done, for lists.

    Many databases with one schema have one and the same drift, which is looked at once.
    """
    while True:
        async with database.connect() as conn:
            pairs = await drifts.uncounted(conn, instance_id, PAIRS)
        for expected, found in pairs:
            async with database.connect() as conn:
                stored = await drifts.contents(conn, [expected, found])
            if len(stored) < 2:  # somebody has ended these drifts, and they are forgotten
                continue
            changes = await asyncio.to_thread(_changes, stored[expected], stored[found], "")
            kinds = Counter(change.kind for change in changes)
            counted = msgspec.json.encode({k: kinds[k] for k in ("added", "removed", "changed")}).decode()

            async def write(
                conn: AsyncConnection, expected: str = expected, found: str = found, counted: str = counted
            ) -> int:
                return await drifts.set_changes(conn, expected, found, counted, BATCH)

            while await database.run(write) == BATCH:
                pass
        if len(pairs) < PAIRS:
            return


def _changes(expected: bytes, found: bytes, name: str) -> tuple[Change, ...]:
    return diff.compare(_schema(expected, name), _schema(found, name)).changes


def _schema(content: bytes, name: str) -> DatabaseSchema:
    return fingerprint.restore(zstandard.decompress(content), name)


async def _database(conn: AsyncConnection, principal: Principal, ref: int | tuple[str, str]) -> Record:
    found = await databases.find(conn, principal, ref)
    if found is None:
        name = str(ref) if isinstance(ref, int) else "/".join(ref)
        raise NotFound(f"There is no database {name} that you may see.")
    return found


async def _get(conn: AsyncConnection, principal: Principal, drift_id: int) -> Record:
    found = await drifts.find(conn, principal, drift_id)
    if found is None:
        raise NotFound(f"There is no drift {drift_id} that you may see.")
    return found


async def _said(
    conn: AsyncConnection, principal: Principal, drift_id: int, action: str, about: dict[str, str | None]
) -> Record:
    found = await _get(conn, principal, drift_id)
    where = f"database:{found['instance']}/{found['database_name']}"
    await audit(conn, principal.id, action, where, {"drift": drift_id, **about})
    return found
