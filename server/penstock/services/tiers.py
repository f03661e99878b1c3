"""Approval tiers: who must approve what runs in an environment, and whether its rollout starts by itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import schedule
from penstock.domain.access.decide import Principal, require
from penstock.domain.errors import FieldError, NotFound, ValidationFailed
from penstock.domain.gates import window as windowing
from penstock.domain.gates.approval import TierRules
from penstock.services.versions import check_version
from penstock.store import accounts, environments, user_groups
from penstock.store.database import Database
from penstock.store.records import audit
from penstock.store.rows import Cut, Record, Slice

FILLER_ROLES: Final = frozenset(
    {"project:owner", "project:releaser", "project:developer", "workspace:dba", "workspace:admin"}
)
_DEFAULTS: Final = msgspec.to_builtins(TierRules())
_RULES: Final = tuple(_DEFAULTS)
SHOWN_WINDOWS: Final = 3


class Tiers:
    """Approval tiers; their rules are read live, so every edit asks the gates of their environments again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def listing(self, cut: Cut) -> Slice:
        """Tiers by slug."""
        async with self._database.connect() as conn:
            found = await environments.tiers(conn, cut)
            now = await clock(conn)
            return Slice([_flat(record, now) for record in found.records], found.next_key)

    async def get(self, slug: str) -> Record:
        """One tier.

        Raises:
            NotFound: there is none.
        """
        async with self._database.connect() as conn:
            return await _get(conn, slug)

    async def openings(self, windows: Sequence[Mapping[str, Any]]) -> list[windowing.Span]:
        """When windows that nobody has saved yet would be open next.

        Raises:
            ValidationFailed: one of them would never be.
        """
        async with self._database.connect() as conn:
            await _check_times(conn, {"windows": windows})
            wanted = msgspec.convert(windows, list[windowing.Window])
            return windowing.upcoming(wanted, await clock(conn), SHOWN_WINDOWS)

    async def create(self, principal: Principal, *, slug: str, name: str, rules: Mapping[str, Any]) -> Record:
        """Add a tier.

        Args:
            rules: any of the fields of ``TierRules``.

        Raises:
            ValidationFailed: a step names an unknown role or user.
        """
        require(principal, "tier.edit")

        async def work(conn: AsyncConnection) -> Record:
            await _check_steps(conn, rules)
            await _check_times(conn, rules)
            await environments.insert_tier(conn, {"slug": slug, "name": name, "rules": dict(rules)})
            await audit(conn, principal.id, "tier.create", f"tier:{slug}", {"name": name, **rules})
            return await _get(conn, slug)

        return await self._database.run(work)

    async def update(self, principal: Principal, slug: str, changes: Mapping[str, Any], expected: int | None) -> Record:
        """Change a tier's name or rules.

        Args:
            changes: any of name and the fields of ``TierRules``.

        Raises:
            ValidationFailed: a step names an unknown role or user.
        """
        require(principal, "tier.edit")

        async def work(conn: AsyncConnection) -> Record:
            locked = _found(await environments.lock_tier(conn, slug), slug)
            check_version(locked, expected)
            await _check_steps(conn, changes)
            rules = locked["rules"] | {key: changes[key] for key in _RULES if key in changes}
            await _check_times(conn, rules)
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


async def clock(conn: AsyncConnection) -> dt.datetime:
    """The metadata database's time."""
    now: dt.datetime = (await conn.execute(sa.select(sa.func.statement_timestamp()))).scalar_one()
    return now


def _found(record: Record | None, slug: str) -> Record:
    if record is None:
        raise NotFound(f"There is no approval tier {slug}.")
    return record


async def _get(conn: AsyncConnection, slug: str) -> Record:
    return _flat(_found(await environments.tier_by_slug(conn, slug), slug), await clock(conn))


def _flat(record: Record, now: dt.datetime) -> Record:
    rules = record.pop("rules")
    flat: Record = record | _DEFAULTS | {key: rules[key] for key in _RULES if key in rules}
    windows = msgspec.convert(flat["windows"], tuple[windowing.Window, ...])
    return flat | {"next_windows": [opening.starts for opening in windowing.upcoming(windows, now, SHOWN_WINDOWS)]}


async def _check_steps(conn: AsyncConnection, rules: Mapping[str, Any]) -> None:
    """Refuse fillers that nobody could ever be: a step like that would close the gate for good."""
    errors: list[FieldError] = []
    placed = [(f"steps[{i}]", step) for i, step in enumerate(rules.get("steps", ()))]
    for n, escalation in enumerate(rules.get("escalations", ())):
        if all(value is None for value in escalation["when"].values()):
            message = "Say when: at least one of finding_severity, destructive, rows_over and table_bytes_over."
            errors.append(FieldError(f"escalations[{n}].when", message, "no_condition"))
        placed += [(f"escalations[{n}].add_steps[{i}]", step) for i, step in enumerate(escalation["add_steps"])]
    fillers = [(f"{where}.any_of[{j}]", filler) for where, step in placed for j, filler in enumerate(step["any_of"])]
    people = await accounts.active_emails(conn, {f["user"] for _, f in fillers if f.get("user")})
    groups = await user_groups.known(conn, {f["group"] for _, f in fillers if f.get("group")})
    for field, filler in fillers:
        role, user, group = filler.get("role"), filler.get("user"), filler.get("group")
        if sum(x is not None for x in (role, user, group)) != 1:
            errors.append(FieldError(field, "Give exactly one of role, group and user.", "filler"))
        elif role is not None and role not in FILLER_ROLES:
            choices = ", ".join(sorted(FILLER_ROLES))
            errors.append(FieldError(f"{field}.role", f"Not one of {choices}.", "unknown_role"))
        elif group is not None and group not in groups:
            errors.append(FieldError(f"{field}.group", f"There is no group {group}.", "unknown_group"))
        elif user is not None and user.lower() not in people:
            errors.append(FieldError(f"{field}.user", f"There is no user {user}.", "unknown_user"))
    if errors:
        raise ValidationFailed(errors=errors)


async def _check_times(conn: AsyncConnection, rules: Mapping[str, Any]) -> None:
    """Refuse windows that never open, and a soak time with nothing to count it from."""
    if rules.get("soak") and not rules.get("requires_lower_environments"):
        message = "A soak time counts from the lower environments: set requires_lower_environments too."
        raise ValidationFailed(errors=[FieldError("soak", message, "soak_needs_lower_environments")])
    windows = rules.get("windows", ())
    now = await clock(conn) if windows else None
    errors: list[FieldError] = []
    for n, window in enumerate(windows):
        assert now is not None
        try:
            schedule.check(window["cron"], window["time_zone"], now)
        except ValidationFailed as error:
            errors += [FieldError(f"windows[{n}].{e.field}", e.message, e.code) for e in error.errors]
    if errors:
        raise ValidationFailed(errors=errors)
