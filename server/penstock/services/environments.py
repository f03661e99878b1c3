"""Environments: ordered stops on the way to production, each with an approval tier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.access.decide import Principal, require
from penstock.domain.errors import FieldError, NotFound, ValidationFailed
from penstock.services.versions import check_version
from penstock.store import environments, tasks
from penstock.store.database import Database
from penstock.store.records import audit
from penstock.store.rows import Cut, Record, Slice
from penstock.store.tables.catalog import environment


class Environments:
    """Environments; positions are always 0, 1, 2 … without gaps."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def listing(self, cut: Cut) -> Slice:
        """Environments in their order."""
        async with self._database.connect() as conn:
            return await environments.listing(conn, cut)

    async def get(self, slug: str) -> Record:
        """One environment.

        Raises:
            NotFound: there is none.
        """
        async with self._database.connect() as conn:
            return _found(await environments.by_slug(conn, slug), slug)

    async def create(
        self,
        principal: Principal,
        *,
        slug: str,
        name: str,
        tier: str,
        position: int | None,
        max_running_tasks: int | None = None,
    ) -> Record:
        """Add an environment before the one at ``position``, or last.

        Raises:
            ValidationFailed: there is no such tier.
        """
        require(principal, "environment.edit")

        async def work(conn: AsyncConnection) -> Record:
            tier_id = await _tier_id(conn, tier)
            order = [row["id"] for row in await environments.lock_order(conn, moving=position is not None)]
            values = {
                "slug": slug,
                "name": name,
                "tier_id": tier_id,
                "position": len(order),
                "max_running_tasks": max_running_tasks,
            }
            created = await environments.insert(conn, values)
            await tasks.ensure_slots(conn, [tasks.environment_slot(created)])
            order.insert(len(order) if position is None else position, created)
            await environments.renumber(conn, order)
            data = {"name": name, "tier": tier, "position": order.index(created)}
            data |= {"max_running_tasks": max_running_tasks} if max_running_tasks is not None else {}
            await audit(conn, principal.id, "environment.create", f"environment:{slug}", data)
            return _found(await environments.by_slug(conn, slug), slug)

        return await self._database.run(work)

    async def update(self, principal: Principal, slug: str, changes: Mapping[str, Any], expected: int | None) -> Record:
        """Rename, move or give another tier or limit; a new tier makes the permits of the environment void.

        Args:
            changes: any of name, tier, position, max_running_tasks.

        Raises:
            ValidationFailed: there is no such tier.
        """
        require(principal, "environment.edit")

        async def work(conn: AsyncConnection) -> Record:
            _found(await environments.by_slug(conn, slug), slug)
            # A tier comes before its environments, as where a tier is changed.
            values = {"tier_id": await _tier_id(conn, changes["tier"])} if "tier" in changes else {}
            rows = await environments.lock_order(conn, moving="position" in changes)
            locked = _found(next((row for row in rows if row["slug"] == slug), None), slug)
            check_version(locked, expected)
            values |= {key: changes[key] for key in ("name", "max_running_tasks") if key in changes}
            await environments.update(conn, locked["id"], values)
            if "max_running_tasks" in changes:
                there = await environments.instances(conn, locked["id"])
                await tasks.lock_slots(conn, there)
                await tasks.promote(conn, there)
            if values.get("tier_id", locked["tier_id"]) != locked["tier_id"]:
                # After the slots: whoever has these may be waiting for a stage that this wakes.
                await environments.bump_generation(conn, environment.c.id == locked["id"])
            if "position" in changes:
                order = [row["id"] for row in rows if row["id"] != locked["id"]]
                order.insert(changes["position"], locked["id"])
                await environments.renumber(conn, order)
                # What is lower, and where a release comes from, may be another one now.
                await environments.bump_generation(conn, sa.true())
            await audit(conn, principal.id, "environment.update", f"environment:{slug}", changes)
            return _found(await environments.by_slug(conn, slug), slug)

        return await self._database.run(work)

    async def delete(self, principal: Principal, slug: str, expected: int | None) -> None:
        """Remove an environment that nothing uses; foreign keys refuse any other."""
        require(principal, "environment.edit")

        async def work(conn: AsyncConnection) -> None:
            rows = await environments.lock_order(conn, moving=True)
            locked = _found(next((row for row in rows if row["slug"] == slug), None), slug)
            check_version(locked, expected)
            await environments.delete(conn, locked["id"])
            await environments.renumber(conn, [row["id"] for row in rows if row["id"] != locked["id"]])
            await audit(conn, principal.id, "environment.delete", f"environment:{slug}")

        await self._database.run(work)


def _found(record: Record | None, slug: str) -> Record:
    if record is None:
        raise NotFound(f"There is no environment {slug}.")
    return record


async def _tier_id(conn: AsyncConnection, slug: str) -> int:
    # Locked, so that it cannot be deleted before the environment that names it is stored.
    found = await environments.lock_tier(conn, slug)
    if found is None:
        raise ValidationFailed(errors=[FieldError("tier", f"There is no approval tier {slug}.", "unknown_tier")])
    return int(found["id"])
