"""Projects and who belongs to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.access.decide import Principal, allowed, require
from penstock.domain.errors import FieldError, NotFound, ValidationFailed
from penstock.domain.events import ACCESS_CHANGED
from penstock.services.versions import check_version
from penstock.store import accounts, pipelines, projects
from penstock.store.database import Database
from penstock.store.records import audit, emit
from penstock.store.rows import Cut, Record, Slice


class Projects:
    """Projects; each method asks for the permission that it needs in the project."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def listing(self, principal: Principal, cut: Cut) -> Slice:
        """The projects that the caller may see, by slug."""
        async with self._database.connect() as conn:
            return await projects.listing(conn, principal, cut)

    async def get(self, principal: Principal, slug: str) -> Record:
        """One project.

        Raises:
            NotFound: there is none, or the caller may not see it.
        """
        async with self._database.connect() as conn:
            return await self._get(conn, principal, slug)

    async def create(self, principal: Principal, *, slug: str, name: str, description: str) -> Record:
        """Add a project, with a person who makes it as its owner. A taken slug is a Conflict."""

        async def work(conn: AsyncConnection) -> Record:
            values = {"slug": slug, "name": name, "description": description}
            project_id = await projects.insert(conn, values)
            if principal.is_person:
                await projects.put_members(conn, project_id, {principal.id: "owner"})
                await _access_changed(conn, principal, slug, {principal.id})
            await audit(conn, principal.id, "project.create", f"project:{slug}", values)
            return _found(await projects.by_slug(conn, principal, slug), slug)

        return await self._database.run(work)

    async def update(self, principal: Principal, slug: str, changes: Mapping[str, Any], expected: int | None) -> Record:
        """Rename or describe a project."""

        async def work(conn: AsyncConnection) -> Record:
            locked = await self._lock(conn, principal, slug, "project.edit", expected)
            await projects.update(conn, locked["id"], changes)
            await audit(conn, principal.id, "project.update", f"project:{slug}", changes)
            return _found(await projects.by_slug(conn, principal, slug), slug)

        return await self._database.run(work)

    async def delete(self, principal: Principal, slug: str, expected: int | None) -> None:
        """Remove a project that holds nothing; foreign keys refuse it while databases or issues belong to
        it."""

        async def work(conn: AsyncConnection) -> None:
            locked = await self._lock(conn, principal, slug, "project.delete", expected)
            await projects.delete(conn, locked["id"])
            await audit(conn, principal.id, "project.delete", f"project:{slug}")

        await self._database.run(work)

    async def slugs(self, ids: Iterable[int]) -> dict[int, str]:
        """The slugs of projects by id."""
        async with self._database.connect() as conn:
            return await projects.slugs_of(conn, ids)

    async def members(self, principal: Principal, slug: str) -> tuple[list[Record], int]:
        """The members of a project, and the project's version.

        Raises:
            NotFound: there is no such project, or the caller may not see it.
        """
        async with self._database.connect() as conn:
            found = await self._get(conn, principal, slug)
            return await projects.members(conn, found["id"]), found["version"]

    async def put_members(
        self, principal: Principal, slug: str, wanted: Sequence[tuple[str, str]], expected: int | None
    ) -> tuple[list[Record], int]:
        """Replace the members of a project.

        Args:
            wanted: pairs of ``user:<email>`` or ``service:<id>``, and a role.

        Raises:
            ValidationFailed: somebody is unknown or named twice.
        """

        async def work(conn: AsyncConnection) -> tuple[list[Record], int]:
            locked = await self._lock(conn, principal, slug, "member.edit", expected)
            before = {row["account_id"]: row["role"] for row in await projects.members(conn, locked["id"])}
            roles = await _resolve(conn, wanted)
            await projects.put_members(conn, locked["id"], roles)
            await projects.update(conn, locked["id"], {})
            changed = {a for a in before.keys() | roles.keys() if before.get(a) != roles.get(a)}
            if changed:
                await _access_changed(conn, principal, slug, changed)
            data = {"members": [{"principal": who, "role": role} for who, role in wanted]}
            await audit(conn, principal.id, "project.members", f"project:{slug}", data)
            return await projects.members(conn, locked["id"]), locked["version"] + 1

        return await self._database.run(work)

    async def _get(self, conn: AsyncConnection, principal: Principal, slug: str) -> Record:
        return seen(await projects.by_slug(conn, principal, slug), principal, slug)

    async def _lock(
        self, conn: AsyncConnection, principal: Principal, slug: str, verb: str, expected: int | None
    ) -> Record:
        locked = seen(await projects.lock(conn, slug), principal, slug)
        require(principal, verb, locked["id"])
        check_version(locked, expected)
        return locked


def _found(record: Record | None, slug: str) -> Record:
    if record is None:
        raise NotFound(f"There is no project {slug} that you may see.")
    return record


def seen(record: Record | None, principal: Principal, slug: str) -> Record:
    """A project as the caller sees it: the same words for what is not there and for what is not theirs to see.

    Raises:
        NotFound: there is none, or the caller may not see it.
    """
    visible = record is not None and allowed(principal, "project.read", record["id"])
    return _found(record if visible else None, slug)


async def _access_changed(conn: AsyncConnection, principal: Principal, slug: str, changed: set[int]) -> None:
    # Not an event of the project: whoever lost access must hear of it too.
    data = {"project": slug, "accounts": sorted(changed)}
    await emit(conn, ACCESS_CHANGED, actor_id=principal.id, data=data)
    await pipelines.accounts_changed(conn, changed)


async def _resolve(conn: AsyncConnection, wanted: Sequence[tuple[str, str]]) -> dict[int, str]:
    roles: dict[int, str] = {}
    errors: list[FieldError] = []
    for index, (who, role) in enumerate(wanted):
        kind, _, name = who.partition(":")
        found: Record | None = None
        if kind == "user":
            found = await accounts.by_email(conn, name)
        elif kind == "service" and name.isascii() and name.isdigit() and len(name) <= 18:
            found = await accounts.by_id(conn, int(name))
            found = found if found and found["kind"] == "service_account" else None
        if found is None:
            message = f"There is no account {who}; write user:<e-mail> or service:<id>."
            errors.append(FieldError(f"[{index}].principal", message, "unknown_principal"))
        elif found["id"] in roles:
            errors.append(FieldError(f"[{index}].principal", f"{who} is named twice.", "duplicate_principal"))
        else:
            roles[found["id"]] = role
    if errors:
        raise ValidationFailed(errors=errors)
    return roles
