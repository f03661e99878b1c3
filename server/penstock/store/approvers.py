"""Who could fill a step of an approval tier: people by project role, workspace role, group, or e-mail."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.gates.approval import Approver
from penstock.domain.gates.step import Filler
from penstock.store import accounts
from penstock.store.tables.accounts import account, member, user_group, user_group_member

MOST: Final = 500


async def possible(conn: AsyncConnection, project_id: int, fillers: Iterable[Filler]) -> Sequence[Approver]:
    """People who are one of the fillers in a project, by name, at most `MOST`: one query, however many stages ask."""
    conditions = _conditions(set(fillers))
    if not conditions:
        return []
    rows = await conn.execute(
        sa.select(
            account.c.id,
            account.c.kind,
            account.c.name,
            account.c.email,
            account.c.workspace_role,
            member.c.role.label("project_role"),
            accounts.groups_of(account.c.id).label("groups"),
        )
        .outerjoin(member, (member.c.account_id == account.c.id) & (member.c.project_id == project_id))
        .where(account.c.kind == "person", account.c.disabled_at.is_(None), sa.or_(*conditions))
        .order_by(account.c.name, account.c.id)
        .limit(MOST)
    )
    return [
        Approver(r.id, r.kind, r.name, r.email, r.workspace_role, r.project_role, groups=frozenset(r.groups))
        for r in rows
    ]


def _conditions(fillers: Iterable[Filler]) -> list[sa.ColumnElement[bool]]:
    project_roles, workspace_roles, emails, groups = set(), set(), set(), set()
    for filler in fillers:
        scope, _, role = (filler.role or "").partition(":")
        if filler.user is not None:
            emails.add(filler.user.lower())
        elif filler.group is not None:
            groups.add(filler.group)
        elif scope == "project":
            project_roles.add(role)
        elif scope == "workspace":
            workspace_roles |= {role, "admin"} if role == "dba" else {role}
    found: list[sa.ColumnElement[bool]] = []
    if project_roles:
        found.append(member.c.role.in_(sorted(project_roles)))
    if workspace_roles:
        found.append(account.c.workspace_role.in_(sorted(workspace_roles)))
    if emails:
        found.append(sa.func.lower(account.c.email).in_(sorted(emails)))
    if groups:
        inside = (
            sa.select(user_group_member.c.account_id)
            .join(user_group, user_group.c.id == user_group_member.c.group_id)
            .where(user_group.c.slug.in_(sorted(groups)))
        )
        found.append(account.c.id.in_(inside))
    return found
