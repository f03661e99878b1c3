"""Database groups: databases of a project by their labels, resolved when an issue is filed for one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import selector
from penstock.domain.access.decide import Principal, allowed, require
from penstock.domain.errors import NotFound
from penstock.services.versions import check_version
from penstock.store import database_groups, projects
from penstock.store.database import Database
from penstock.store.records import audit
from penstock.store.rows import Cut, Record, Slice


class DatabaseGroups:
    """Groups of a project that the caller may see."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def listing(self, principal: Principal, project: str, cut: Cut) -> Slice:
        """A project's groups by slug, each with how many databases it selects now.

        Raises:
            NotFound: there is no such project that the caller may see.
        """
        async with self._database.connect() as conn:
            project_id = await _project(conn, principal, project)
            found = await database_groups.listing(conn, project_id, cut)
            selectors = [selector.parse(r["selector"]) for r in found.records]
            counted = await database_groups.counts(conn, project_id, selectors)
        return Slice([r | {"databases": n} for r, n in zip(found.records, counted, strict=True)], found.next_key)

    async def get(self, principal: Principal, project: str, slug: str) -> Record:
        """One group, with how many databases it selects now."""
        async with self._database.connect() as conn:
            return await _shown(conn, await _project(conn, principal, project), slug)

    async def members(self, principal: Principal, project: str, slug: str, cut: Cut) -> Slice:
        """The databases that a group selects now, by instance and name."""
        async with self._database.connect() as conn:
            project_id = await _project(conn, principal, project)
            found = _found(await database_groups.by_slug(conn, project_id, slug), slug)
            return await database_groups.members(conn, project_id, selector.parse(found["selector"]), cut)

    async def preview(self, principal: Principal, project: str, text: str, cut: Cut) -> Slice:
        """The databases that a selector would choose, before a group of it is made.

        Raises:
            ValidationFailed: it cannot be read.
        """
        async with self._database.connect() as conn:
            project_id = await _project(conn, principal, project)
            return await database_groups.members(conn, project_id, selector.parse(text), cut)

    async def create(self, principal: Principal, project: str, *, slug: str, text: str) -> Record:
        """Add a group. A taken slug is a Conflict.

        Raises:
            ValidationFailed: the selector cannot be read.
        """

        async def work(conn: AsyncConnection) -> Record:
            project_id = await _project(conn, principal, project)
            require(principal, "database.edit", project_id)
            values = {"slug": slug, "selector": str(selector.parse(text))}
            await database_groups.insert(conn, {"project_id": project_id, **values})
            await audit(conn, principal.id, "database_group.create", _name(project, slug), values)
            return await _shown(conn, project_id, slug)

        return await self._database.run(work)

    async def update(
        self, principal: Principal, project: str, slug: str, changes: Mapping[str, Any], expected: int | None
    ) -> Record:
        """Give a group another selector; issues that were filed for it keep their databases until somebody resolves
        the group again.

        Raises:
            ValidationFailed: the selector cannot be read.
        """

        async def work(conn: AsyncConnection) -> Record:
            project_id = await _project(conn, principal, project)
            require(principal, "database.edit", project_id)
            locked = _found(await database_groups.lock(conn, project_id, slug), slug)
            check_version(locked, expected)
            values = {"selector": str(selector.parse(changes["selector"]))} if "selector" in changes else {}
            await database_groups.update(conn, locked["id"], values)
            await audit(conn, principal.id, "database_group.update", _name(project, slug), values)
            return await _shown(conn, project_id, slug)

        return await self._database.run(work)

    async def delete(self, principal: Principal, project: str, slug: str, expected: int | None) -> None:
        """Remove a group; issues that were filed for it keep their databases."""

        async def work(conn: AsyncConnection) -> None:
            project_id = await _project(conn, principal, project)
            require(principal, "database.edit", project_id)
            locked = _found(await database_groups.lock(conn, project_id, slug), slug)
            check_version(locked, expected)
            await database_groups.delete(conn, locked["id"])
            await audit(conn, principal.id, "database_group.delete", _name(project, slug))

        await self._database.run(work)


def _name(project: str, slug: str) -> str:
    return f"project:{project}/database-group:{slug}"


async def _project(conn: AsyncConnection, principal: Principal, slug: str) -> int:
    project_id = await projects.id_of(conn, slug)
    if project_id is None or not allowed(principal, "project.read", project_id):
        raise NotFound(f"There is no project {slug} that you may see.")
    return project_id


def _found(record: Record | None, slug: str) -> Record:
    if record is None:
        raise NotFound(f"The project has no database group {slug}.")
    return record


async def _shown(conn: AsyncConnection, project_id: int, slug: str) -> Record:
    found = _found(await database_groups.by_slug(conn, project_id, slug), slug)
    [counted] = await database_groups.counts(conn, project_id, [selector.parse(found["selector"])])
    return found | {"databases": counted}
