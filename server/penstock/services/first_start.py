"""What every installation begins with: its identity, the built-in tiers and an administrator."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.gates.approval import Filler, Step, TierRules
from penstock.services.accounts import Accounts
from penstock.store.database import Database
from penstock.store.tables.catalog import approval_tier
from penstock.store.tables.records import deployment

OWNER_OR_DBA = Step((Filler(role="project:owner"), Filler(role="workspace:dba")))
OWNER = Step((Filler(role="project:owner"),))
DBA = Step((Filler(role="workspace:dba"),))

BUILT_IN = {
    "open": ("Open", TierRules()),
    "standard": ("Standard", TierRules(steps=(OWNER_OR_DBA,), requires_lower_environments=True)),
    "critical": ("Critical", TierRules(steps=(OWNER, DBA), requires_lower_environments=True)),
}


@dataclass(frozen=True, slots=True)
class FirstAdmin:
    """The login of the first administrator; ``generated`` when nobody chose the password, so that it must be shown."""

    email: str
    password: str
    generated: bool


async def ensure(database: Database) -> str:
    """Give a new installation its identity and the built-in tiers; returns the identity."""

    async def work(conn: AsyncConnection) -> str:
        new = postgresql.insert(deployment).values(id=uuid.uuid4()).on_conflict_do_nothing()
        made = (await conn.execute(new.returning(deployment.c.id))).scalar_one_or_none()
        if made is not None:
            rows = [
                {"slug": slug, "name": name, "rules": msgspec.to_builtins(rules)}
                for slug, (name, rules) in BUILT_IN.items()
            ]
            await conn.execute(sa.insert(approval_tier), rows)
            return str(made)
        return str(await conn.scalar(sa.select(deployment.c.id)))

    return await database.run(work)


async def ensure_admin(accounts: Accounts, email: str | None, password: str | None) -> FirstAdmin | None:
    """Make the first administrator unless somebody can sign in already.

    Args:
        email, password: what the operator chose; a password is made up when there is none.

    Returns:
        The login, when one was made.
    """
    login = FirstAdmin(email or "admin@penstock.local", password or secrets.token_urlsafe(15), password is None)
    made = await accounts.create_first_admin(login.email, "Administrator", login.password)
    return login if made else None
