"""Queries on plugins and their deliveries."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.plugins import COMMIT_STATUS, UNTOLD
from penstock.store.rows import Cut, Record, Slice, fetch, fetch_one, page, person
from penstock.store.tables.accounts import account, project
from penstock.store.tables.changes import issue
from penstock.store.tables.plugins import delivery, plugin
from penstock.store.tables.records import event

BATCH: Final = 900
LEASE_SECONDS: Final = 60.0


def _plugins() -> sa.Select[Any]:
    def count(status: str) -> sa.ScalarSelect[Any]:
        own = (delivery.c.plugin_id == plugin.c.id) & (delivery.c.status == status)
        return sa.select(sa.func.count()).where(own).scalar_subquery()

    return sa.select(
        plugin,
        project.c.slug.label("project"),
        count("pending").label("pending"),
        count("dead").label("dead"),
    ).outerjoin(project, project.c.id == plugin.c.project_id)


async def listing(conn: AsyncConnection, cut: Cut, projects: Sequence[int] | None) -> Slice:
    """Plugins, oldest first.

    Args:
        projects: only those of these projects; None: all.
    """
    query = _plugins()
    if projects is not None:
        query = query.where(plugin.c.project_id.in_(list(projects)))
    return await page(conn, query, [plugin.c.id], cut)


async def get(conn: AsyncConnection, plugin_id: int) -> Record | None:
    """One plugin."""
    return await fetch_one(conn, _plugins().where(plugin.c.id == plugin_id))


async def lock(conn: AsyncConnection, plugin_id: int) -> Record | None:
    """One plugin's own columns, locked."""
    return await fetch_one(conn, sa.select(plugin).where(plugin.c.id == plugin_id).with_for_update(key_share=True))


async def insert(conn: AsyncConnection, values: Mapping[str, Any]) -> int:
    """Add one, which hears of what happens from now on."""
    now = sa.select(sa.func.coalesce(sa.func.max(event.c.position), 0)).scalar_subquery()
    query = sa.insert(plugin).values(**values, position=now).returning(plugin.c.id)
    return int(await conn.scalar(query) or 0)


async def update(conn: AsyncConnection, plugin_id: int, values: Mapping[str, Any]) -> None:
    """Change one; its version goes up."""
    await conn.execute(sa.update(plugin).where(plugin.c.id == plugin_id).values(**values, version=plugin.c.version + 1))


async def delete(conn: AsyncConnection, plugin_id: int) -> None:
    """Remove one with its deliveries."""
    await conn.execute(sa.delete(plugin).where(plugin.c.id == plugin_id))


async def delete_deliveries(conn: AsyncConnection, plugin_id: int, limit: int) -> int:
    """Remove some of a plugin's deliveries; answers how many."""
    some = sa.select(delivery.c.id).where(delivery.c.plugin_id == plugin_id).limit(limit)
    return (await conn.execute(sa.delete(delivery).where(delivery.c.id.in_(some)))).rowcount


def _deliveries() -> sa.Select[Any]:
    return sa.select(
        delivery,
        event.c.type,
        event.c.issue_id.label("issue"),
        event.c.pipeline_id.label("pipeline"),
    ).join(event, event.c.position == delivery.c.position)


async def deliveries(conn: AsyncConnection, plugin_id: int, cut: Cut, status: str | None) -> Slice:
    """Messages of a plugin, newest first."""
    query = _deliveries().where(delivery.c.plugin_id == plugin_id)
    if status is not None:
        query = query.where(delivery.c.status == status)
    return await page(conn, query, [delivery.c.id], cut, descending=True)


async def delivery_by_id(conn: AsyncConnection, delivery_id: int) -> Record | None:
    """One message."""
    return await fetch_one(conn, _deliveries().where(delivery.c.id == delivery_id))


async def replay(conn: AsyncConnection, delivery_id: int) -> bool:
    """Have a message that ended sent again; answers whether it had ended."""
    result = await conn.execute(
        sa.update(delivery)
        .where(delivery.c.id == delivery_id, delivery.c.status != "pending")
        .values(status="pending", attempts=0, next_at=sa.func.now(), lease=None, ended_at=None)
    )
    return bool(result.rowcount)


async def spread(conn: AsyncConnection) -> bool:
    """Make deliveries of new events for one plugin that is behind; answers whether there may be more to do.

    Positions are stamped in order, so whatever is up to the newest one that is visible is visible too.
    """
    last = await conn.scalar(sa.select(sa.func.coalesce(sa.func.max(event.c.position), 0)))
    behind = await fetch_one(
        conn,
        sa.select(plugin)
        .where(plugin.c.enabled, plugin.c.position < last)
        .order_by(plugin.c.position, plugin.c.id)
        .limit(1)
        .with_for_update(skip_locked=True, key_share=True),
    )
    if behind is None or last is None:
        return False
    to = min(last, behind["position"] + BATCH)
    news = sa.select(sa.literal(behind["id"]), event.c.position, sa.func.now()).where(
        event.c.position > behind["position"], event.c.position <= to, event.c.type.not_in(sorted(UNTOLD))
    )
    if behind["project_id"] is not None:
        news = news.where(event.c.project_id == behind["project_id"])
    if behind["kind"] == COMMIT_STATUS:
        # Only reports that whoever made them wants to have sent on.
        news = news.where(event.c.data.contains({"propagate": True}))
    if behind["types"]:
        news = news.where(event.c.type.in_(behind["types"]))
    await conn.execute(sa.insert(delivery).from_select(["plugin_id", "position", "next_at"], news))
    await conn.execute(sa.update(plugin).where(plugin.c.id == behind["id"]).values(position=to))
    return True


@dataclass(frozen=True, slots=True)
class Due:
    """A message to be sent now, by whoever holds the lease.

    Args:
        attempts: this one included.
        plugin: its own columns.
        event: as the API shows it, with the issue's title.
    """

    id: int
    message_id: uuid.UUID
    lease: uuid.UUID
    attempts: int
    plugin: Record
    event: Record


def _another_first() -> sa.ColumnElement[bool]:
    """Whether another message to the same plugin is under way or comes before this one: of statuses the last one that
    arrives counts, so they go one by one."""
    other = delivery.alias("other")
    due = other.c.next_at <= sa.func.statement_timestamp()
    return sa.exists().where(
        other.c.plugin_id == delivery.c.plugin_id,
        other.c.status == "pending",
        sa.or_(due & (other.c.id < delivery.c.id), ~due & other.c.lease.is_not(None) & (other.c.id != delivery.c.id)),
    )


async def is_outdated(conn: AsyncConnection, due: Due) -> bool:
    """Whether the plugin has a later message of the same check: context, release, environment and database."""
    same = {key: due.event["data"][key] for key in ("release", "environment", "database", "context")}
    later = (
        sa.select(delivery.c.id)
        .join(event, event.c.position == delivery.c.position)
        .where(delivery.c.plugin_id == due.plugin["id"], delivery.c.id > due.id, event.c.data.contains(same))
        .limit(1)
    )
    return await conn.scalar(later) is not None


async def claim(conn: AsyncConnection, limit: int) -> list[Due]:
    """Take messages that are due, under a lease: if we die with them, somebody else sends them again."""
    lease = uuid.uuid4()
    chosen = (
        sa.select(delivery.c.id)
        .join(plugin, plugin.c.id == delivery.c.plugin_id)
        .where(delivery.c.status == "pending", delivery.c.next_at <= sa.func.statement_timestamp(), plugin.c.enabled)
        .where(sa.or_(plugin.c.kind != COMMIT_STATUS, ~_another_first()))
        .order_by(delivery.c.next_at, delivery.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=delivery)
        .cte("chosen")
    )
    until = sa.func.statement_timestamp() + dt.timedelta(seconds=LEASE_SECONDS)
    taken = await fetch(
        conn,
        sa.update(delivery)
        .where(delivery.c.id == chosen.c.id)
        .values(attempts=delivery.c.attempts + 1, next_at=until, lease=lease)
        .returning(delivery),
    )
    plugins = {
        row["id"]: row
        for row in await fetch(conn, sa.select(plugin).where(plugin.c.id.in_({t["plugin_id"] for t in taken})))
    }
    events = {
        row["position"]: row
        for row in await fetch(
            conn,
            sa.select(
                event.c.position,
                event.c.type,
                event.c.created_at.label("at"),
                person().label("actor"),
                project.c.slug.label("project"),
                event.c.issue_id.label("issue"),
                issue.c.title,
                event.c.pipeline_id.label("pipeline"),
                event.c.version,
                event.c.data,
            )
            .outerjoin(account, account.c.id == event.c.actor_id)
            .outerjoin(project, project.c.id == event.c.project_id)
            .outerjoin(issue, issue.c.id == event.c.issue_id)
            .where(event.c.position.in_({t["position"] for t in taken})),
        )
    }
    return [
        Due(t["id"], t["message_id"], lease, t["attempts"], plugins[t["plugin_id"]], events[t["position"]])
        for t in sorted(taken, key=lambda t: t["id"])
    ]


async def settle(conn: AsyncConnection, due: Due, values: Mapping[str, Any]) -> bool:
    """Write what came of a try, unless the lease went to somebody else meanwhile."""
    result = await conn.execute(
        sa.update(delivery)
        .where(delivery.c.id == due.id, delivery.c.lease == due.lease, delivery.c.status == "pending")
        .values(lease=None, **values)
    )
    return bool(result.rowcount)


async def forget(conn: AsyncConnection, older: dt.timedelta, limit: int) -> int:
    """Delete messages that ended long ago."""
    old = (
        sa.select(delivery.c.id)
        .where(delivery.c.ended_at < sa.func.now() - older)
        .order_by(delivery.c.ended_at)
        .limit(limit)
    )
    return (await conn.execute(sa.delete(delivery).where(delivery.c.id.in_(old)))).rowcount
