"""The events and audit rows that a caller may read."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

from penstock.domain.access.decide import Principal, allowed
from penstock.domain.errors import NotFound
from penstock.store import events, outbox, projects, records
from penstock.store.database import Database
from penstock.store.rows import Cut, Record, Slice

VERIFY_BATCH: Final = 1_000


class EventFeed:
    """Events as pages; the live stream is the hub's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self,
        principal: Principal,
        *,
        after: int,
        limit: int,
        project: str | None = None,
        types: Sequence[str] = (),
    ) -> tuple[list[Record], int]:
        """Events after a position, oldest first, and the position to go on from.

        Raises:
            NotFound: the project does not exist or the caller may not see it.
        """
        async with self._database.connect() as conn:
            project_id = None
            if project is not None:
                project_id = await projects.id_of(conn, project)
                if project_id is None or not allowed(principal, "project.read", project_id):
                    raise NotFound(f"There is no project {project} that you may see.")
            # Read first: positions are stamped in order, so everything up to here is visible to the query
            # below.
            last = await events.last_position(conn)
            found = await events.page(conn, principal, after=after, limit=limit, project_id=project_id, types=types)
        if len(found) == limit:
            return found, int(found[-1]["position"])
        return found, max(after, last, *(record["position"] for record in found[-1:]))


class AuditFeed:
    """The audit log, for those who may read it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self,
        cut: Cut,
        *,
        actor_id: int | None = None,
        action: str | None = None,
        resource: str | None = None,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
    ) -> Slice:
        """Audit rows, newest first."""
        async with self._database.connect() as conn:
            return await records.audit_page(
                conn, cut, actor_id=actor_id, action=action, resource=resource, since=since, until=until
            )

    async def verify(self) -> Record:
        """Compute every seal again: whoever changed, removed or moved a row broke the chain there."""
        number, previous, broken = 0, b"", None
        async with self._database.connect() as conn:
            entries, sealed = await records.audit_counts(conn)
            while broken is None and (rows := await records.audit_sealed(conn, number, VERIFY_BATCH)):
                number, previous, broken = await asyncio.to_thread(_follow, rows, number, previous)
        if broken is not None:
            message = f"Entry {broken} is not what was sealed: it, or the entry before it, was changed or removed."
        else:
            message = f"{number} sealed entries are as they were written; {max(0, entries - sealed)} await their seal."
        return {
            "ok": broken is None,
            "entries": entries,
            "sealed": sealed,
            "first_bad": broken,
            "message": message,
        }


def _follow(rows: Sequence[Any], number: int, previous: bytes) -> tuple[int, bytes, int | None]:
    """Follow the chain; the third is the id of the first row that does not fit."""
    for row in rows:
        seal = outbox.seal_of(previous, dict(row._mapping))
        if row.sealed_as != number + 1 or bytes(row.seal) != seal:
            return number, previous, row.id
        number, previous = number + 1, seal
    return number, previous, None
