"""Groups of people, whom approval tiers may ask; they give no permission."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.access.decide import Principal, require
from penstock.domain.errors import Conflict, FieldError, NotFound, ValidationFailed
from penstock.services.versions import check_version
from penstock.store import accounts, pipelines, user_groups
from penstock.store.database import Database
from penstock.store.records import audit
from penstock.store.rows import Cut, Record, Slice


class UserGroups:
    """Groups of people."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def listing(self, cut: Cut) -> Slice:
        """Groups by slug."""
        async with self._database.connect() as conn:
            return await user_groups.listing(conn, cut)

    async def get(self, slug: str) -> Record:
        """One group.

        Raises:
            NotFound: there is none.
        """
        async with self._database.connect() as conn:
            return _found(await user_groups.by_slug(conn, slug), slug)

    async def create(self, principal: Principal, *, slug: str, name: str) -> Record:
        """Add a group without anybody in it. A taken slug is a Conflict."""
        require(principal, "group.edit")

        async def work(conn: AsyncConnection) -> Record:
            await user_groups.insert(conn, {"slug": slug, "name": name})
            await audit(conn, principal.id, "group.create", f"group:{slug}", {"name": name})
            return _found(await user_groups.by_slug(conn, slug), slug)

        return await self._database.run(work)

    async def update(self, principal: Principal, slug: str, changes: Mapping[str, Any], expected: int | None) -> Record:
        """Rename a group; its slug, by which tiers name it, stays."""
        require(principal, "group.edit")

        async def work(conn: AsyncConnection) -> Record:
            locked = _found(await user_groups.lock(conn, slug), slug)
            check_version(locked, expected)
            await user_groups.update(conn, locked["id"], changes)
            await audit(conn, principal.id, "group.update", f"group:{slug}", changes)
            return _found(await user_groups.by_slug(conn, slug), slug)

        return await self._database.run(work)

    async def delete(self, principal: Principal, slug: str, expected: int | None) -> None:
        """Remove a group that no approval tier asks.

        Raises:
            Conflict: a tier asks it: its step could never be filled.
        """
        require(principal, "group.edit")

        async def work(conn: AsyncConnection) -> None:
            locked = _found(await user_groups.lock(conn, slug), slug)
            check_version(locked, expected)
            if tiers := await user_groups.tiers_naming(conn, slug):
                raise Conflict(f"The approval tier {', '.join(tiers)} asks this group: change its steps first.")
            await user_groups.delete(conn, locked["id"])
            await audit(conn, principal.id, "group.delete", f"group:{slug}")

        await self._database.run(work)

    async def members(self, slug: str) -> tuple[list[Record], int]:
        """The people of a group, and the group's version."""
        async with self._database.connect() as conn:
            found = _found(await user_groups.by_slug(conn, slug), slug)
            return await user_groups.members(conn, found["id"]), found["version"]

    async def put_members(
        self, principal: Principal, slug: str, wanted: Sequence[str], expected: int | None
    ) -> tuple[list[Record], int]:
        """Replace the people of a group; approvals of those who leave no longer count.

        Args:
            wanted: e-mails.

        Raises:
            ValidationFailed: somebody is unknown or named twice.
        """
        require(principal, "group.edit")

        async def work(conn: AsyncConnection) -> tuple[list[Record], int]:
            locked = _found(await user_groups.lock(conn, slug), slug)
            check_version(locked, expected)
            before = {m["account_id"] for m in await user_groups.members(conn, locked["id"])}
            after = await _resolve(conn, wanted)
            await user_groups.put_members(conn, locked["id"], after)
            await user_groups.update(conn, locked["id"], {})
            if changed := before ^ after:
                await pipelines.accounts_changed(conn, changed)
            await audit(conn, principal.id, "group.members", f"group:{slug}", {"members": list(wanted)})
            return await user_groups.members(conn, locked["id"]), locked["version"] + 1

        return await self._database.run(work)


def _found(record: Record | None, slug: str) -> Record:
    if record is None:
        raise NotFound(f"There is no group {slug}.")
    return record


async def _resolve(conn: AsyncConnection, wanted: Sequence[str]) -> set[int]:
    ids = await accounts.people_by_email(conn, wanted)
    errors: list[FieldError] = []
    seen: set[str] = set()
    for n, email in enumerate(wanted):
        if email.lower() not in ids:
            errors.append(FieldError(f"[{n}]", f"There is no user {email}.", "unknown_user"))
        elif email.lower() in seen:
            errors.append(FieldError(f"[{n}]", f"{email} is named twice.", "duplicate_principal"))
        seen.add(email.lower())
    if errors:
        raise ValidationFailed(errors=errors)
    return set(ids.values())
