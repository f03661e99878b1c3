"""Freezing an environment or a project, and stopping everything: what runs goes on, nothing further starts."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import events
from penstock.domain.access.decide import Principal, allowed, require
from penstock.domain.errors import FieldError, InvalidTransition, NotFound, ValidationFailed
from penstock.store import environments, freezes, outbox, projects
from penstock.store.database import Database
from penstock.store.freezes import Place
from penstock.store.records import audit
from penstock.store.rows import Record
from penstock.store.tables.catalog import environment

_THAWED: Record = {"frozen": False, "reason": None, "until": None, "by": None, "created_at": None}


class Freezes:
    """Freezes by place: ``environment:prod``, ``project:shop``, ``workspace``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def listing(self, principal: Principal) -> list[Record]:
        """Every freeze in force that the caller may know of, the stop of everything first."""
        async with self._database.connect() as conn:
            return await freezes.listing(conn, principal)

    async def get(self, principal: Principal, *, environment: str | None = None, project: str | None = None) -> Record:
        """Whether a place is frozen, by whom, why and until when.

        Raises:
            NotFound: there is no such environment or project that the caller may see.
        """
        async with self._database.connect() as conn:
            place = await _place(conn, principal, environment, project)
            return await _state(conn, place)

    async def put(
        self,
        principal: Principal,
        reason: str,
        until: dt.datetime | None = None,
        *,
        environment: str | None = None,
        project: str | None = None,
    ) -> Record:
        """Freeze a place, or say anew why and until when.

        Raises:
            NotFound: there is no such environment or project that the caller may see.
            ValidationFailed: ``until`` has passed.
        """

        async def work(conn: AsyncConnection) -> Record:
            place = await _place(conn, principal, environment, project)
            _require(principal, place)
            now = await conn.scalar(sa.select(sa.func.statement_timestamp()))
            if until is not None and now is not None and until <= now:
                raise ValidationFailed(errors=[FieldError("until", "This time has passed.", "in_the_past")])
            await freezes.put(conn, place, principal.id, reason, until)
            await _changed(conn, place)
            about = {"reason": reason, "until": until.isoformat() if until is not None else None}
            await audit(conn, principal.id, "freeze.put", _name(environment, project), about)
            await _tell(conn, events.FROZEN, principal, place, environment, project)
            return await _state(conn, place)

        return await self._database.run(work)

    async def delete(self, principal: Principal, *, environment: str | None = None, project: str | None = None) -> None:
        """End a freeze.

        Raises:
            NotFound: there is no such environment or project that the caller may see.
            InvalidTransition: it is not frozen.
        """

        async def work(conn: AsyncConnection) -> None:
            place = await _place(conn, principal, environment, project)
            _require(principal, place)
            if not await freezes.delete(conn, place):
                raise InvalidTransition(f"{_name(environment, project)} is not frozen.")
            await _changed(conn, place)
            await audit(conn, principal.id, "freeze.delete", _name(environment, project))
            await _tell(conn, events.THAWED, principal, place, environment, project)

        await self._database.run(work)


def _name(environment: str | None, project: str | None) -> str:
    if environment is not None:
        return f"environment:{environment}"
    return f"project:{project}" if project is not None else "workspace"


async def _tell(
    conn: AsyncConnection, type_: str, principal: Principal, place: Place, environment: str | None, project: str | None
) -> None:
    where = {"environment": environment, "project": project}
    event = outbox.NewEvent(type_, project_id=place.project_id, actor_id=principal.id, data=where)
    await outbox.append(conn, [event])


async def _place(conn: AsyncConnection, principal: Principal, environment: str | None, project: str | None) -> Place:
    if environment is not None:
        found = await environments.id_of(conn, environment)
        if found is None:
            raise NotFound(f"There is no environment {environment}.")
        return Place(environment_id=found)
    if project is not None:
        record = await projects.by_slug(conn, principal, project)
        if record is None or not allowed(principal, "project.read", record["id"]):
            raise NotFound(f"There is no project {project} that you may see.")
        return Place(project_id=record["id"])
    return Place()


def _require(principal: Principal, place: Place) -> None:
    if place.project_id is not None:
        require(principal, "project.freeze", place.project_id)
    else:
        require(principal, "environment.freeze" if place.environment_id is not None else "workspace.stop")


async def _state(conn: AsyncConnection, place: Place) -> Record:
    found = await freezes.get(conn, place)
    return _THAWED if found is None else {"frozen": True, **found}


async def _changed(conn: AsyncConnection, place: Place) -> None:
    """Void every permit that the freeze may concern: generations belong to environments, so a project's freeze asks
    all of them again."""
    of = place.environment_id
    await environments.bump_generation(conn, sa.true() if of is None else environment.c.id == of)
