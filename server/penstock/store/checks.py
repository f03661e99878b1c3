"""Reports of status checks, what is required, and overridden errors."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.store.check_facts import PREVIOUS
from penstock.store.rows import Cut, Record, Slice, fetch, fetch_one, page, person
from penstock.store.tables.accounts import account
from penstock.store.tables.catalog import database, environment, instance
from penstock.store.tables.changes import release
from penstock.store.tables.checks import check_context, check_override, required_check, status_report


async def lock_release(conn: AsyncConnection, release_id: int) -> Record | None:
    """A release, locked so that its reports come one after the other: the larger id is the later word."""
    query = sa.select(release.c.id, release.c.project_id, release.c.commit).where(release.c.id == release_id)
    return await fetch_one(conn, query.with_for_update(key_share=True))


async def insert(conn: AsyncConnection, values: Mapping[str, Any]) -> int:
    """Store a report, and its context if it is the project's first of it."""
    known = {"project_id": values["project_id"], "context": values["context"]}
    await conn.execute(pg.insert(check_context).values(**known).on_conflict_do_nothing())
    return int(await conn.scalar(sa.insert(status_report).values(**values).returning(status_report.c.id)) or 0)


def _reports() -> sa.Select[Any]:
    return (
        sa.select(
            status_report.c.id,
            status_report.c.project_id,
            status_report.c.release_id.label("release"),
            environment.c.slug.label("environment"),
            sa.case(
                (status_report.c.database_id.is_not(None), instance.c.slug + "/" + database.c.name), else_=sa.null()
            ).label("database"),
            status_report.c.context,
            status_report.c.state,
            status_report.c.target_url,
            status_report.c.description,
            status_report.c.commit,
            status_report.c.propagate,
            person().label("reported_by"),
            status_report.c.created_at,
        )
        .join(environment, environment.c.id == status_report.c.environment_id)
        .join(account, account.c.id == status_report.c.account_id)
        .outerjoin(database, database.c.id == status_report.c.database_id)
        .outerjoin(instance, instance.c.id == database.c.instance_id)
    )


async def by_id(conn: AsyncConnection, report_id: int) -> Record | None:
    """One report."""
    return await fetch_one(conn, _reports().where(status_report.c.id == report_id))


async def of_release(
    conn: AsyncConnection,
    cut: Cut,
    release_id: int,
    *,
    environment_slug: str | None,
    context: str | None,
    history: bool,
) -> Slice:
    """What was reported of a release, the newest first.

    Args:
        history: every report; else the latest of each context about each database.
    """
    query = _narrowed(_reports().where(status_report.c.release_id == release_id), environment_slug, context)
    if not history:
        newer = status_report.alias("newer")
        later = sa.exists().where(
            newer.c.release_id == status_report.c.release_id,
            newer.c.environment_id == status_report.c.environment_id,
            newer.c.context == status_report.c.context,
            newer.c.database_id.is_not_distinct_from(status_report.c.database_id),
            newer.c.id > status_report.c.id,
        )
        query = query.where(~later)
    return await page(conn, query, [status_report.c.id], cut, descending=True)


async def of_project(
    conn: AsyncConnection, cut: Cut, project_id: int, *, environment_slug: str | None, context: str | None
) -> Slice:
    """Every report in a project, the newest first."""
    query = _narrowed(_reports().where(status_report.c.project_id == project_id), environment_slug, context)
    return await page(conn, query, [status_report.c.id], cut, descending=True)


def _narrowed(query: sa.Select[Any], environment_slug: str | None, context: str | None) -> sa.Select[Any]:
    if environment_slug is not None:
        query = query.where(environment.c.slug == environment_slug)
    return query.where(status_report.c.context == context) if context is not None else query


async def contexts(conn: AsyncConnection, project_id: int, cut: Cut) -> Slice:
    """The contexts that were ever reported in a project, by name."""
    query = sa.select(check_context.c.context).where(check_context.c.project_id == project_id)
    return await page(conn, query, [check_context.c.context], cut)


async def known_contexts(conn: AsyncConnection, project_id: int, wanted: Collection[str]) -> set[str]:
    """Those of some contexts that were ever reported in a project."""
    query = sa.select(check_context.c.context).where(
        check_context.c.project_id == project_id, check_context.c.context.in_(list(wanted))
    )
    return set(await conn.scalars(query))


# The release that was reported last, by context and environment; one look into an index for each.
_NEWEST: Final = sa.text("""
SELECT newest.id FROM unnest(CAST(:contexts AS text[])) AS wanted(context)
CROSS JOIN environment e
CROSS JOIN LATERAL (
    SELECT s.release_id FROM status_report s
    WHERE s.project_id = :project AND s.environment_id = e.id AND s.context = wanted.context
    ORDER BY s.id DESC LIMIT 1
) last
CROSS JOIN LATERAL (
    SELECT max(s.id) AS id FROM status_report s
    WHERE s.release_id = last.release_id AND s.environment_id = e.id AND s.context = wanted.context
    GROUP BY s.database_id
) newest
""").columns(id=sa.BigInteger)


async def newest(conn: AsyncConnection, project_id: int, wanted: Sequence[str]) -> list[Record]:
    """For each context and environment of a project, the latest words about the release that was reported last."""
    ids = list(await conn.scalars(_NEWEST, {"project": project_id, "contexts": list(wanted)}))
    query = _reports().add_columns(status_report.c.database_id)
    return await fetch(conn, query.where(status_report.c.id.in_(ids)).order_by(status_report.c.id))


async def required(conn: AsyncConnection, project_id: int, environment_id: int | None = None) -> list[Record]:
    """What is required in a project, or in one of its environments."""
    query = (
        sa.select(environment.c.slug.label("environment"), required_check.c.context)
        .join(environment, environment.c.id == required_check.c.environment_id)
        .where(required_check.c.project_id == project_id)
        .order_by(environment.c.position, required_check.c.context)
    )
    if environment_id is not None:
        query = query.where(required_check.c.environment_id == environment_id)
    return await fetch(conn, query)


async def require(
    conn: AsyncConnection, project_id: int, environment_id: int, wanted: Collection[str], account_id: int
) -> None:
    """Replace what is required in an environment of a project; who required what stays where it stays."""
    here = (required_check.c.project_id == project_id) & (required_check.c.environment_id == environment_id)
    await conn.execute(sa.delete(required_check).where(here, required_check.c.context.not_in(list(wanted))))
    place = {"project_id": project_id, "environment_id": environment_id, "account_id": account_id}
    if wanted:
        rows = [{**place, "context": context} for context in sorted(set(wanted))]
        await conn.execute(pg.insert(required_check).values(rows).on_conflict_do_nothing())


async def is_required(conn: AsyncConnection, project_id: int, environment_id: int, context: str) -> bool:
    """Whether a context is required in an environment of a project."""
    query = sa.select(required_check.c.context).where(
        required_check.c.project_id == project_id,
        required_check.c.environment_id == environment_id,
        required_check.c.context == context,
    )
    return await conn.scalar(query) is not None


async def environments(conn: AsyncConnection, project_id: int) -> list[Record]:
    """The environments in which a project has databases, reports or something required, in their order."""
    databases = (
        sa.select(instance.c.environment_id)
        .join(database, database.c.instance_id == instance.c.id)
        .where(database.c.project_id == project_id, database.c.vanished_at.is_(None))
    )
    known = [
        sa.exists().where(table.c.project_id == project_id, table.c.environment_id == environment.c.id)
        for table in (required_check, status_report)
    ]
    query = sa.select(environment.c.slug, environment.c.name).order_by(environment.c.position)
    return await fetch(conn, query.where(sa.or_(environment.c.id.in_(databases), *known)))


_ABOVE: Final = sa.text(
    "SELECT above.id FROM environment above JOIN environment own ON own.id = :environment"
    f" CROSS JOIN LATERAL ({PREVIOUS.format(position='above.position', project=':project')}) source"
    " WHERE above.position > own.position AND source.id = own.id"
)


async def above(conn: AsyncConnection, project_id: int, environment_id: int) -> list[int]:
    """The environments that a project's releases enter from this one."""
    return list(await conn.scalars(_ABOVE, {"project": project_id, "environment": environment_id}))


async def override(conn: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Let errors pass; what was let pass before stays as it is."""
    if rows:
        await conn.execute(pg.insert(check_override).values(list(rows)).on_conflict_do_nothing())


async def find_database(conn: AsyncConnection, ref: int | str) -> Record | None:
    """A database by id or ``instance/name``, with its project and environment."""
    query = sa.select(database.c.id, database.c.project_id, instance.c.environment_id).join(
        instance, instance.c.id == database.c.instance_id
    )
    if isinstance(ref, int):
        return await fetch_one(conn, query.where(database.c.id == ref))
    slug, _, name = ref.partition("/")
    return await fetch_one(conn, query.where(instance.c.slug == slug, database.c.name == name))


async def project_of(conn: AsyncConnection, release_id: int) -> int | None:
    """The project of a release."""
    return await conn.scalar(sa.select(release.c.project_id).where(release.c.id == release_id))
