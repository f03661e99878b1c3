"""Approval tiers: who must approve what runs in an environment, and whether its rollout starts by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.access.decide import Principal, require
from penstock.domain.errors import FieldError, NotFound, ValidationFailed
from penstock.domain.gates.approval import TierRules
from penstock.services.versions import check_version
from penstock.store import accounts, environments
from penstock.store.database import Database
from penstock.store.records import audit
from penstock.store.rows import Cut, Record, Slice

FILLER_ROLES: Final = frozenset(
    {"project:owner", "project:releaser", "project:developer", "workspace:dba", "workspace:admin"}
)
_DEFAULTS: Final = msgspec.to_builtins(TierRules())
_RULES: Final = tuple(_DEFAULTS)


class Tiers:
    """Approval tiers; their rules are read live, so every edit asks the gates of their environments again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def listing(self, cut: Cut) -> Slice:
        """Tiers by slug."""
        async with self._database.connect() as conn:
            found = await environments.tiers(conn, cut)
            return Slice([_flat(record) for record in found.records], found.next_key)

    async def get(self, slug: str) -> Record:
        """One tier.

        Raises:
            NotFound: there is none.
        """
        async with self._database.connect() as conn:
            return await _get(conn, slug)

    async def create(self, principal: Principal, *, slug: str, name: str, rules: Mapping[str, Any]) -> Record:
        """Add a tier.

        Args:
            rules: steps, self_approval and rollout.

        Raises:
            ValidationFailed: a step names an unknown role or user.
        """
        require(principal, "tier.edit")

        async def work(conn: AsyncConnection) -> Record:
            await _check_steps(conn, rules["steps"])
            await environments.insert_tier(conn, {"slug": slug, "name": name, "rules": dict(rules)})
            await audit(conn, principal.id, "tier.create", f"tier:{slug}", {"name": name, **rules})
            return await _get(conn, slug)

        return await self._database.run(work)

    async def update(self, principal: Principal, slug: str, changes: Mapping[str, Any], expected: int | None) -> Record:
        """Change a tier's name or rules.

        Args:
            changes: any of name, steps, self_approval, rollout.

        Raises:
            ValidationFailed: a step names an unknown role or user.
        """
        require(principal, "tier.edit")

        async def work(conn: AsyncConnection) -> Record:
            locked = _found(await environments.lock_tier(conn, slug), slug)
            check_version(locked, expected)
            if "steps" in changes:
                await _check_steps(conn, changes["steps"])
            rules = locked["rules"] | {key: changes[key] for key in _RULES if key in changes}
            values = {"rules": rules} | ({"name": changes["name"]} if "name" in changes else {})
            await environments.update_tier(conn, locked["id"], values)
            await audit(conn, principal.id, "tier.update", f"tier:{slug}", changes)
            return await _get(conn, slug)

        return await self._database.run(work)

    async def delete(self, principal: Principal, slug: str, expected: int | None) -> None:
        """Remove a tier that no environment uses; foreign keys refuse any other."""
        require(principal, "tier.edit")

        async def work(conn: AsyncConnection) -> None:
            locked = _found(await environments.lock_tier(conn, slug), slug)
            check_version(locked, expected)
            await environments.delete_tier(conn, locked["id"])
            await audit(conn, principal.id, "tier.delete", f"tier:{slug}")

        await self._database.run(work)


def _found(record: Record | None, slug: str) -> Record:
    if record is None:
        raise NotFound(f"There is no approval tier {slug}.")
    return record


async def _get(conn: AsyncConnection, slug: str) -> Record:
    return _flat(_found(await environments.tier_by_slug(conn, slug), slug))


def _flat(record: Record) -> Record:
    rules = record.pop("rules")
    flat: Record = record | _DEFAULTS | {key: rules[key] for key in _RULES if key in rules}
    return flat


async def _check_steps(conn: AsyncConnection, steps: Sequence[Mapping[str, Any]]) -> None:
    """Refuse fillers that nobody could ever be: a step like that would close the gate for good."""
    errors: list[FieldError] = []
    for i, step in enumerate(steps):
        for j, filler in enumerate(step["any_of"]):
            field, role, user = f"steps[{i}].any_of[{j}]", filler.get("role"), filler.get("user")
            if (role is None) == (user is None):
                errors.append(FieldError(field, "Give exactly one of role and user.", "filler"))
            elif role is not None and role not in FILLER_ROLES:
                choices = ", ".join(sorted(FILLER_ROLES))
                errors.append(FieldError(f"{field}.role", f"Not one of {choices}.", "unknown_role"))
            elif user is not None and not _person(await accounts.by_email(conn, user)):
                errors.append(FieldError(f"{field}.user", f"There is no user {user}.", "unknown_user"))
    if errors:
        raise ValidationFailed(errors=errors)


def _person(record: Record | None) -> bool:
    return record is not None and not record["disabled"]
