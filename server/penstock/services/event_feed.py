"""The events and audit rows that a caller may read."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.domain.access.decide import Principal, allowed
from penstock.domain.errors import NotFound
from penstock.store import events, projects, records
from penstock.store.database import Database
from penstock.store.rows import Cut, Record, Slice


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
    ) -> Slice:
        """Audit rows, newest first."""
        async with self._database.connect() as conn:
            return await records.audit_page(conn, cut, actor_id=actor_id, action=action, resource=resource)
