"""Queries on Git repositories, their pull requests, and what their hosts sent."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.store.rows import Cut, Record, Slice, fetch, fetch_one, page, person
from penstock.store.tables.accounts import account, project
from penstock.store.tables.catalog import environment, instance
from penstock.store.tables.changes import issue
from penstock.store.tables.repositories import git_delivery, pull_request, repository

LEASE: Final = dt.timedelta(minutes=15)  # a preview may take its time; a runner that dies with one is replaced after


def _repositories() -> sa.Select[Any]:
    preview = instance.alias("preview")
    return (
        sa.select(
            repository,
            project.c.slug.label("project"),
            environment.c.slug.label("environment"),
            preview.c.slug.label("preview_instance"),
            person().label("acts_as"),
        )
        .join(project, project.c.id == repository.c.project_id)
        .join(account, account.c.id == repository.c.account_id)
        .outerjoin(environment, environment.c.id == repository.c.environment_id)
        .outerjoin(preview, preview.c.id == repository.c.preview_instance_id)
    )


async def listing(conn: AsyncConnection, cut: Cut, projects: Sequence[int] | None) -> Slice:
    """Repositories by slug; of these projects, or all."""
    query = _repositories()
    if projects is not None:
        query = query.where(repository.c.project_id == sa.any_(sa.cast(list(projects), ARRAY(sa.BigInteger))))
    return await page(conn, query, [repository.c.slug], cut)


async def by_slug(conn: AsyncConnection, slug: str) -> Record | None:
    """One repository."""
    return await fetch_one(conn, _repositories().where(repository.c.slug == slug))


async def by_id(conn: AsyncConnection, repository_id: int) -> Record | None:
    """One repository."""
    return await fetch_one(conn, _repositories().where(repository.c.id == repository_id))


async def lock(conn: AsyncConnection, slug: str) -> Record | None:
    """One repository's own columns, locked."""
    return await fetch_one(conn, sa.select(repository).where(repository.c.slug == slug).with_for_update(key_share=True))


async def insert_repository(conn: AsyncConnection, values: Mapping[str, Any]) -> int:
    """Add one. Raises `IntegrityError` when the slug is taken."""
    return int(await conn.scalar(sa.insert(repository).values(**values).returning(repository.c.id)) or 0)


async def update(conn: AsyncConnection, repository_id: int, values: Mapping[str, Any]) -> None:
    """Change one; its version goes up."""
    changed = {**values, "version": repository.c.version + 1}
    await conn.execute(sa.update(repository).where(repository.c.id == repository_id).values(**changed))


async def delete(conn: AsyncConnection, repository_id: int) -> None:
    """Remove one with its pull requests."""
    await conn.execute(sa.delete(repository).where(repository.c.id == repository_id))


async def scratches(conn: AsyncConnection, repository_id: int) -> list[str]:
    """Databases of previews that are still there."""
    query = sa.select(pull_request.c.scratch).where(
        pull_request.c.repository_id == repository_id, pull_request.c.scratch.is_not(None)
    )
    return list(await conn.scalars(query))


async def remember(conn: AsyncConnection, repository_id: int, delivery: str, body_digest: str) -> bool:
    """Write a delivery down; answers whether it is new, by its id and by what it says."""
    values = {"repository_id": repository_id, "delivery": delivery, "body_digest": body_digest}
    made = await conn.scalar(insert(git_delivery).values(values).on_conflict_do_nothing().returning(git_delivery.c.id))
    return made is not None


async def forget(conn: AsyncConnection, older: dt.timedelta, limit: int) -> int:
    """Delete deliveries of long ago."""
    old = (
        sa.select(git_delivery.c.id)
        .where(git_delivery.c.created_at < sa.func.now() - older)
        .order_by(git_delivery.c.created_at)
        .limit(limit)
    )
    return (await conn.execute(sa.delete(git_delivery).where(git_delivery.c.id.in_(old)))).rowcount


async def look_at(conn: AsyncConnection, repository_id: int, number: int) -> None:
    """Have somebody look at a pull request now; who is at it already looks again."""
    now = {"due_at": sa.func.statement_timestamp(), "lease": None, "failures": 0, "error": None}
    made = insert(pull_request).values(repository_id=repository_id, number=number, **now)
    await conn.execute(made.on_conflict_do_update(constraint="pull_request_repository_id_number_key", set_=now))


async def pull_requests(conn: AsyncConnection, repository_id: int, cut: Cut) -> Slice:
    """A repository's pull requests, newest first."""
    query = sa.select(
        pull_request,
        pull_request.c.release_id.label("release"),
        pull_request.c.issue_id.label("issue"),
        issue.c.status.label("issue_status"),
        pull_request.c.due_at.is_not(None).label("pending"),
    ).outerjoin(issue, issue.c.id == pull_request.c.issue_id)
    query = query.where(pull_request.c.repository_id == repository_id)
    return await page(conn, query, [pull_request.c.id], cut, descending=True)


async def claim(conn: AsyncConnection) -> Record | None:
    """Take one pull request that is to be looked at, under a lease: if we die with it, somebody else looks."""
    chosen = (
        sa.select(pull_request.c.id)
        .join(repository, repository.c.id == pull_request.c.repository_id)
        .where(pull_request.c.due_at <= sa.func.statement_timestamp(), repository.c.enabled)
        .order_by(pull_request.c.due_at)
        .limit(1)
        .with_for_update(skip_locked=True, of=pull_request)
        .scalar_subquery()
    )
    taken = sa.update(pull_request).where(pull_request.c.id == chosen)
    values = {"lease": uuid.uuid4(), "due_at": sa.func.statement_timestamp() + LEASE}
    found = await fetch(conn, taken.values(**values).returning(pull_request))
    return found[0] if found else None


async def write(conn: AsyncConnection, record: Record, values: Mapping[str, Any]) -> bool:
    """Write what came of looking, unless the lease went to somebody else meanwhile."""
    mine = (pull_request.c.id == record["id"]) & (pull_request.c.lease == record["lease"])
    return bool((await conn.execute(sa.update(pull_request).where(mine).values(**values))).rowcount)


_PENDING: Final = sa.text("""
    SELECT i.slug || '/' || d.name AS name,
           coalesce(array_agg(DISTINCT tc.version) FILTER (WHERE tc.version IS NOT NULL), '{}') AS versions
    FROM database d JOIN instance i ON i.id = d.instance_id
    LEFT JOIN task t ON t.database_id = d.id
    LEFT JOIN task_change tc ON tc.task_id = t.id AND tc.state IN ('applied', 'already_applied')
    WHERE d.project_id = :project AND i.environment_id = :environment AND d.vanished_at IS NULL
    GROUP BY 1 ORDER BY 1 LIMIT :most
""").bindparams(sa.bindparam("project", type_=sa.BigInteger), sa.bindparam("environment", type_=sa.BigInteger))


async def applied(conn: AsyncConnection, project_id: int, environment_id: int, most: int) -> dict[str, set[str]]:
    """What each database of a project in an environment has, as recorded: name -> versions."""
    rows = await conn.execute(_PENDING, {"project": project_id, "environment": environment_id, "most": most})
    return {row.name: set(row.versions) for row in rows}


_ANOTHER: Final = sa.text("""
    SELECT DISTINCT c.version FROM unnest(CAST(:versions AS text[]), CAST(:digests AS text[])) AS mine(version, digest)
    JOIN change c ON c.project_id = :project AND c.version = mine.version AND c.digest <> mine.digest
    WHERE NOT starts_with(c.version, 'R__') AND EXISTS (
        SELECT FROM release_change rc JOIN task t ON t.release_id = rc.release_id
        JOIN task_change tc ON tc.task_id = t.id AND tc.version = c.recorded_as
        WHERE rc.change_id = c.id AND tc.state IN ('applied', 'already_applied'))
    ORDER BY 1
""").bindparams(sa.bindparam("project", type_=sa.BigInteger))


async def edited(conn: AsyncConnection, project_id: int, changes: Mapping[str, str]) -> list[str]:
    """Versions that were applied with other contents.

    Args:
        changes: version -> digest, as they are now.
    """
    given = {"project": project_id, "versions": list(changes), "digests": list(changes.values())}
    return list(await conn.scalars(_ANOTHER, given))


async def issue_of(conn: AsyncConnection, project_id: int, account_id: int, label: str, value: str) -> int | None:
    """The issue that an account filed under a label, if it did."""
    return await conn.scalar(
        sa.select(issue.c.id)
        .where(issue.c.project_id == project_id, issue.c.author_id == account_id)
        .where(issue.c.labels.contains({label: value}))
        .order_by(issue.c.id)
        .limit(1)
    )
