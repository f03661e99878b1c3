"""Where the releases of a project are: one statement for its environments, one for a page of its databases."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.store.promotions import COUNTS
from penstock.store.rows import Cut, Record, Slice, fetch, page
from penstock.store.tables.catalog import database, environment, instance

_CURRENT: Final = f"""
    LEFT JOIN LATERAL (
        SELECT t.id, t.release_id, t.ended_at FROM task t
        JOIN pipeline p ON p.id = t.pipeline_id AND p.project_id = d.project_id
        WHERE t.database_id = d.id AND {COUNTS}
        ORDER BY t.ended_at DESC, t.id DESC LIMIT 1
    ) current ON true
"""
# All databases are looked at here, each for its newest task alone.
_ENVIRONMENTS: Final = sa.text(f"""
    WITH own AS (
        SELECT d.id, e.id AS environment_id, current.release_id, current.ended_at
        FROM database d JOIN instance i ON i.id = d.instance_id JOIN environment e ON e.id = i.environment_id
        {_CURRENT}
        WHERE d.project_id = :project AND d.vanished_at IS NULL
    ), place AS (
        SELECT e.id, e.slug, e.name, e.position, t.slug AS tier, count(own.id) AS databases,
               lead(e.id) OVER upwards AS next_id, lead(e.slug) OVER upwards AS next
        FROM own JOIN environment e ON e.id = own.environment_id JOIN approval_tier t ON t.id = e.tier_id
        GROUP BY e.id, t.slug WINDOW upwards AS (ORDER BY e.position)
    ), here AS (
        SELECT environment_id, release_id, count(*) AS databases, max(ended_at) AS applied_at
        FROM own WHERE release_id IS NOT NULL GROUP BY environment_id, release_id
    ), ahead AS (
        SELECT place.id AS environment_id, here.release_id, here.databases, here.applied_at, lacking.missing
        FROM place JOIN here ON here.environment_id = place.id
        CROSS JOIN LATERAL (
            SELECT count(*) AS missing FROM own o WHERE o.environment_id = place.next_id
            AND NOT EXISTS (SELECT FROM task t WHERE t.database_id = o.id AND t.release_id = here.release_id
                            AND t.status = 'succeeded')
        ) lacking
        WHERE lacking.missing > 0
    ), ranked AS (
        SELECT ahead.*,
               row_number() OVER (PARTITION BY environment_id ORDER BY applied_at DESC, release_id DESC) AS rank
        FROM ahead
    )
    SELECT place.slug, place.name, place.position, place.tier, place.databases, place.next,
           coalesce((
               SELECT jsonb_agg(jsonb_build_object(
                   'release', r.id, 'digest', r.digest, 'changes', r.change_count, 'applied_at', ranked.applied_at,
                   'databases', ranked.databases, 'missing', ranked.missing, 'issue', (
                       SELECT min(i.id) FROM task t JOIN pipeline p ON p.id = t.pipeline_id AND p.status = 'open'
                       JOIN issue i ON i.pipeline_id = p.id
                       JOIN own o ON o.id = t.database_id AND o.environment_id = place.next_id
                       WHERE t.release_id = r.id AND t.type = 'database.change')
               ) ORDER BY ranked.rank)
               FROM ranked JOIN release r ON r.id = ranked.release_id
               WHERE ranked.environment_id = place.id AND ranked.rank <= 5
           ), '[]'::jsonb) AS promotable
    FROM place ORDER BY place.position
""").bindparams(sa.bindparam("project", type_=sa.BigInteger))
_CARDS: Final = sa.text(f"""
    SELECT d.id, current.release_id AS release, current.ended_at AS applied_at, r.digest,
           (SELECT count(*) FROM task t JOIN pipeline p ON p.id = t.pipeline_id AND p.project_id = d.project_id
            WHERE t.database_id = d.id AND {COUNTS}) AS number,
           coming.issue, coming.release_id AS coming_release, coming.status AS coming_status
    FROM database d
    {_CURRENT}
    LEFT JOIN release r ON r.id = current.release_id
    LEFT JOIN LATERAL (
        SELECT n.id AS issue, t.release_id, t.status FROM task t
        JOIN pipeline p ON p.id = t.pipeline_id AND p.status = 'open' AND p.project_id = d.project_id
        JOIN issue n ON n.pipeline_id = p.id
        WHERE t.database_id = d.id AND t.type = 'database.change' AND t.release_id IS NOT NULL
        AND t.status NOT IN ('succeeded', 'skipped')
        ORDER BY t.id DESC LIMIT 1
    ) coming ON true
    WHERE d.id = ANY(:databases)
""").bindparams(sa.bindparam("databases", type_=sa.ARRAY(sa.BigInteger)))
# What the environment below has applied of each of these databases' project, and they have not.
_BEHIND: Final = sa.text("""
    WITH asked AS (
        SELECT d.id, d.project_id, e.position
        FROM database d JOIN instance i ON i.id = d.instance_id JOIN environment e ON e.id = i.environment_id
        WHERE d.id = ANY(:databases)
    ), below AS (
        SELECT a.position, (
            SELECT e.id FROM environment e JOIN instance i ON i.environment_id = e.id
            JOIN database d ON d.instance_id = i.id AND d.vanished_at IS NULL AND d.project_id = :project
            WHERE e.position < a.position ORDER BY e.position DESC LIMIT 1) AS environment_id
        FROM (SELECT DISTINCT position FROM asked) a
    ), there AS (
        SELECT DISTINCT b.position, t.release_id
        FROM below b JOIN instance i ON i.environment_id = b.environment_id
        JOIN database d ON d.instance_id = i.id AND d.project_id = :project AND d.vanished_at IS NULL
        JOIN task t ON t.database_id = d.id AND t.status = 'succeeded' AND t.type = 'database.change'
        JOIN pipeline p ON p.id = t.pipeline_id AND p.project_id = :project
    )
    SELECT a.id, count(*) AS behind FROM asked a JOIN there ON there.position = a.position
    WHERE NOT EXISTS (SELECT FROM task t WHERE t.database_id = a.id AND t.release_id = there.release_id
                      AND t.status = 'succeeded')
    GROUP BY a.id
""").bindparams(sa.bindparam("project", type_=sa.BigInteger), sa.bindparam("databases", type_=sa.ARRAY(sa.BigInteger)))


async def environments(conn: AsyncConnection, project_id: int) -> list[Record]:
    """The environments in which a project has databases, in order, with what could go on from each."""
    return await fetch(conn, _ENVIRONMENTS.bindparams(project=project_id))


async def databases(conn: AsyncConnection, project_id: int, cut: Cut) -> Slice:
    """A page of a project's databases, by environment, instance and name."""
    query = (
        sa.select(
            database.c.id,
            database.c.name,
            instance.c.slug.label("instance"),
            instance.c.engine,
            environment.c.slug.label("environment"),
        )
        .join(instance, instance.c.id == database.c.instance_id)
        .join(environment, environment.c.id == instance.c.environment_id)
        .where(database.c.project_id == project_id, database.c.vanished_at.is_(None))
    )
    keys = [environment.c.position, instance.c.slug, database.c.name, database.c.id]
    return await page(conn, query, keys, cut)


async def cards(conn: AsyncConnection, database_ids: list[int]) -> dict[int, Record]:
    """By database, the release that it has and what is still to come."""
    return {row["id"]: row for row in await fetch(conn, _CARDS.bindparams(databases=database_ids))}


async def behind(conn: AsyncConnection, project_id: int, database_ids: list[int]) -> dict[int, int]:
    """How many releases each of some databases lacks that the environment below it has; none where it lacks none."""
    rows = await conn.execute(_BEHIND.bindparams(project=project_id, databases=database_ids))
    return {row.id: row.behind for row in rows}
