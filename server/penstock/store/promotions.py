"""Who has a release, who is about to get it, and what a database had: what promotions look at and leave behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.store.rows import Cut, Record, Slice, fetch, fetch_one, page
from penstock.store.tables.catalog import database, environment, instance
from penstock.store.tables.changes import promotion, release


def _id(name: str) -> sa.BindParameter[int]:
    return sa.bindparam(name, type_=sa.BigInteger)


# A release that came a second time and found everything there is no news: it does not count.
COUNTS: Final = """
    t.status = 'succeeded' AND t.release_id IS NOT NULL AND t.type IN ('database.change', 'schema.baseline') AND (
        EXISTS (SELECT FROM task_change tc WHERE tc.task_id = t.id AND tc.state = 'applied')
        OR NOT EXISTS (
            SELECT FROM task e WHERE e.database_id = t.database_id AND e.release_id = t.release_id
            AND e.status = 'succeeded' AND (e.ended_at, e.id) < (t.ended_at, t.id)))
"""

# Every database of a project beside what it has of a release: as that release, or change by change in others.
_STANDING: Final = sa.text("""
    WITH carried AS (
        SELECT DISTINCT t.database_id FROM task t JOIN pipeline p ON p.id = t.pipeline_id AND p.project_id = :project
        WHERE t.release_id = :release AND t.status = 'succeeded'
    ), planned AS (
        SELECT DISTINCT t.database_id FROM task t JOIN pipeline p ON p.id = t.pipeline_id AND p.status = 'open'
        WHERE t.release_id = :release AND t.type = 'database.change' AND t.status <> 'succeeded'
        AND NOT (t.status = 'skipped' AND t.skip_reason = 'manual')
    )
    SELECT d.id, i.slug || '/' || d.name AS name, e.id AS environment_id, e.slug AS environment, e.position,
           planned.database_id IS NOT NULL AS planned,
           carried.database_id IS NOT NULL OR NOT EXISTS (
               SELECT FROM release_change rc JOIN change c ON c.id = rc.change_id
               WHERE rc.release_id = :release AND (c.environments IS NULL OR e.slug = ANY(c.environments))
               AND NOT EXISTS (
                   SELECT FROM task t JOIN task_change tc ON tc.task_id = t.id
                   JOIN pipeline p ON p.id = t.pipeline_id AND p.project_id = :project
                   WHERE t.database_id = d.id AND tc.version = c.recorded_as
                   AND tc.state IN ('applied', 'already_applied'))) AS has
    FROM database d JOIN instance i ON i.id = d.instance_id JOIN environment e ON e.id = i.environment_id
    LEFT JOIN carried ON carried.database_id = d.id LEFT JOIN planned ON planned.database_id = d.id
    WHERE d.project_id = :project AND d.vanished_at IS NULL
    ORDER BY e.position, i.slug, d.name
""").bindparams(_id("project"), _id("release"))

_PLANNED: Final = sa.text("""
    SELECT i.id AS issue, s.name AS stage, i.title
    FROM task t JOIN pipeline p ON p.id = t.pipeline_id AND p.status = 'open'
    JOIN issue i ON i.pipeline_id = p.id JOIN stage s ON s.id = t.stage_id
    WHERE t.release_id = :release AND t.type = 'database.change' AND t.database_id = ANY(:targets)
    UNION ALL
    SELECT i.id, s.name, i.title FROM promotion m JOIN issue i ON i.id = m.issue_id AND i.status = 'open'
    JOIN stage s ON s.pipeline_id = i.pipeline_id
    WHERE m.release_id = :release AND m.targets && :targets
    ORDER BY issue, stage LIMIT 1
""").bindparams(_id("release"), sa.bindparam("targets", type_=ARRAY(sa.BigInteger)))

_CURRENT: Final = sa.text(f"""
    SELECT d.id, i.slug || '/' || d.name AS name, e.slug AS environment, current.release_id, current.ended_at
    FROM database d JOIN instance i ON i.id = d.instance_id JOIN environment e ON e.id = i.environment_id
    LEFT JOIN LATERAL (
        SELECT t.release_id, t.ended_at FROM task t
        JOIN pipeline p ON p.id = t.pipeline_id AND p.project_id = d.project_id
        WHERE t.database_id = d.id AND {COUNTS}
        ORDER BY t.ended_at DESC, t.id DESC LIMIT 1
    ) current ON true
    WHERE d.project_id = :project AND d.vanished_at IS NULL AND (e.slug = :environment OR d.id = :database)
    ORDER BY current.ended_at DESC NULLS LAST, d.id
""").bindparams(_id("project"), _id("database"), sa.bindparam("environment", type_=sa.Text))

_PENDING: Final = sa.text("""
    SELECT d.id AS database_id, c.id AS change_id, count(*) AS n
    FROM database d JOIN instance i ON i.id = d.instance_id JOIN environment e ON e.id = i.environment_id
    JOIN release_change rc ON rc.release_id = :release JOIN change c ON c.id = rc.change_id
    WHERE d.id = ANY(:targets) AND (c.environments IS NULL OR e.slug = ANY(c.environments))
    AND NOT EXISTS (
        SELECT FROM task t JOIN task_change tc ON tc.task_id = t.id
        JOIN pipeline p ON p.id = t.pipeline_id AND p.project_id = d.project_id
        WHERE t.database_id = d.id AND tc.version = c.recorded_as AND tc.state IN ('applied', 'already_applied'))
    GROUP BY GROUPING SETS ((d.id), (c.id))
""").bindparams(_id("release"), sa.bindparam("targets", type_=ARRAY(sa.BigInteger)))

_RELEASES: Final = (
    sa.text(f"""
    SELECT t.id AS task, row_number() OVER (ORDER BY t.ended_at, t.id) AS number,
           lead(t.id) OVER (ORDER BY t.ended_at, t.id) IS NULL AS current,
           t.ended_at AS applied_at, t.type, r.id AS release, r.digest, r.change_count,
           i.id AS issue, i.title, i.reverts_id AS reverts, source.slug AS source_environment,
           (SELECT array_agg(sd.name ORDER BY sd.name) FROM database sd WHERE sd.id = ANY(m.sources)) AS sources,
           (SELECT count(*) FROM task_change tc WHERE tc.task_id = t.id AND tc.state = 'applied') AS applied
    FROM task t JOIN release r ON r.id = t.release_id
    JOIN pipeline p ON p.id = t.pipeline_id AND p.project_id = :project
    LEFT JOIN issue i ON i.pipeline_id = t.pipeline_id
    LEFT JOIN promotion m ON m.issue_id = i.id AND m.release_id = r.id
    LEFT JOIN environment source ON source.id = m.source_environment_id
    WHERE t.database_id = :database AND {COUNTS}
""")
    .bindparams(_id("project"), _id("database"))
    .columns(
        task=sa.BigInteger,
        number=sa.BigInteger,
        current=sa.Boolean,
        applied_at=sa.DateTime(timezone=True),
        type=sa.Text,
        release=sa.BigInteger,
        digest=sa.Text,
        change_count=sa.Integer,
        issue=sa.BigInteger,
        title=sa.Text,
        reverts=sa.BigInteger,
        source_environment=sa.Text,
        sources=ARRAY(sa.Text),
        applied=sa.BigInteger,
    )
)


async def lock(conn: AsyncConnection, release_id: int) -> Record | None:
    """Reserve a release for this transaction: no other promotion of it is filed meanwhile.

    Rows that name the release do not wait for it; two that had written one each, and then asked for a lock that made
    such rows wait, would wait for one another.
    """
    columns = (release.c.id, release.c.project_id, release.c.digest, release.c.change_count)
    return await fetch_one(conn, sa.select(*columns).where(release.c.id == release_id).with_for_update(key_share=True))


async def standing(conn: AsyncConnection, project_id: int, release_id: int) -> list[Record]:
    """Every database of a project: whether it has a release, and whether an open issue is about to apply it there."""
    return await fetch(conn, _STANDING.bindparams(project=project_id, release=release_id))


async def planned(conn: AsyncConnection, release_id: int, targets: Sequence[int]) -> Record | None:
    """An open issue, with its stage, that holds a release for one of some databases."""
    return await fetch_one(conn, _PLANNED.bindparams(release=release_id, targets=list(targets)))


async def current(
    conn: AsyncConnection, project_id: int, *, environment_slug: str | None = None, database_id: int | None = None
) -> list[Record]:
    """The current release of the databases of an environment, or of one database; newest first."""
    given = {"project": project_id, "environment": environment_slug, "database": database_id}
    return await fetch(conn, _CURRENT.bindparams(**given))


async def pending(
    conn: AsyncConnection, release_id: int, targets: Sequence[int]
) -> tuple[dict[int, int], dict[int, int]]:
    """How much of a release databases do not have yet, as far as we applied it: by database, and by change."""
    by_database, by_change = {}, {}
    for row in await conn.execute(_PENDING.bindparams(release=release_id, targets=list(targets))):
        if row.database_id is not None:
            by_database[row.database_id] = row.n
        else:
            by_change[row.change_id] = row.n
    return by_database, by_change


async def releases_of(conn: AsyncConnection, database_id: int, project_id: int, cut: Cut) -> Slice:
    """The releases that a database had, newest first, numbered from its first."""
    found = _RELEASES.bindparams(database=database_id, project=project_id).subquery("found")
    return await page(conn, sa.select(found), [found.c.number], cut, descending=True)


async def record(
    conn: AsyncConnection,
    *,
    issue_id: int,
    release_id: int,
    source_environment_id: int,
    sources: Sequence[int],
    targets: Sequence[int],
) -> None:
    """Keep from where to where an issue moves a release."""
    values: dict[str, Any] = {
        "issue_id": issue_id,
        "release_id": release_id,
        "source_environment_id": source_environment_id,
        "sources": sorted(sources),
        "targets": sorted(targets),
    }
    await conn.execute(sa.insert(promotion).values(values))


async def uses(conn: AsyncConnection, project_id: int, slug: str) -> bool:
    """Whether a project has a database in an environment."""
    there = database.join(instance, instance.c.id == database.c.instance_id).join(
        environment, environment.c.id == instance.c.environment_id
    )
    mine = (database.c.project_id == project_id, database.c.vanished_at.is_(None), environment.c.slug == slug)
    return bool(await conn.scalar(sa.select(sa.exists(sa.select(database.c.id).select_from(there).where(*mine)))))


async def without_databases(conn: AsyncConnection, having: Sequence[int]) -> list[tuple[int, str]]:
    """Position and slug of the environments other than some, in order."""
    rows = await conn.execute(
        sa.select(environment.c.position, environment.c.slug)
        .where(environment.c.id.not_in(having))
        .order_by(environment.c.position)
    )
    return [(r.position, r.slug) for r in rows]
