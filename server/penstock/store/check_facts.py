"""What the gate status-check looks at: required contexts of the environment that a release comes from, and how they
stand there for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.checks import Check, Report, stand
from penstock.store.tables.checks import check_override, required_check
from penstock.store.tables.pipelines import pipeline, stage

# The nearest lower environment in which a project has databases; for a query that knows both.
PREVIOUS: Final = """
    SELECT e.id, e.slug FROM environment e
    WHERE e.position < {position} AND EXISTS (
        SELECT FROM instance i JOIN database d ON d.instance_id = i.id
        WHERE i.environment_id = e.id AND d.project_id = {project} AND d.vanished_at IS NULL
    )
    ORDER BY e.position DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A release in an environment."""

    release: int
    environment_id: int


def has_required() -> sa.ColumnElement[bool]:
    """Whether anything at all is required in a pipeline's project, to spare the others the question; for a query over
    stages and pipelines."""
    own = sa.select(required_check.c.context).where(required_check.c.project_id == pipeline.c.project_id)
    return sa.exists(own.correlate(stage, pipeline))


# Releases of stages, and where each comes from.
_MOVING: Final = sa.text(f"""
WITH asking AS (
    SELECT s.id AS stage_id, source.id AS environment_id
    FROM stage s
    JOIN pipeline p ON p.id = s.pipeline_id
    JOIN environment own ON own.id = s.environment_id
    CROSS JOIN LATERAL ({PREVIOUS.format(position="own.position", project="p.project_id")}) source
    WHERE s.id = ANY(:stages) AND EXISTS (
        SELECT FROM required_check r WHERE r.project_id = p.project_id AND r.environment_id = source.id
    )
)
SELECT DISTINCT a.stage_id, a.environment_id, t.release_id
FROM asking a JOIN task t ON t.stage_id = a.stage_id AND t.type = 'database.change'
ORDER BY a.stage_id, t.release_id
""").columns(stage_id=sa.BigInteger, environment_id=sa.BigInteger, release_id=sa.BigInteger)

_ASKED: Final = """
asked AS (
    SELECT a.release_id, a.environment_id, r.project_id, e.slug
    FROM unnest(CAST(:releases AS bigint[]), CAST(:environments AS bigint[])) AS a(release_id, environment_id)
    JOIN release r ON r.id = a.release_id
    JOIN environment e ON e.id = a.environment_id
), needed AS (
    SELECT a.release_id, a.environment_id, a.project_id, c.recorded_as
    FROM asked a
    JOIN release_change rc ON rc.release_id = a.release_id
    JOIN change c ON c.id = rc.change_id AND (c.environments IS NULL OR a.slug = ANY(c.environments))
)
"""
# What is required of them; nothing where the release has nothing to do in the environment.
_REQUIRED: Final = sa.text(f"""
WITH {_ASKED}
SELECT a.release_id, a.environment_id, a.slug, r.context
FROM asked a JOIN required_check r ON r.project_id = a.project_id AND r.environment_id = a.environment_id
WHERE EXISTS (SELECT FROM needed n WHERE n.release_id = a.release_id AND n.environment_id = a.environment_id)
ORDER BY a.release_id, a.environment_id, r.context
""").columns(release_id=sa.BigInteger, environment_id=sa.BigInteger, slug=sa.Text, context=sa.Text)
# The databases that have all of a release, whichever issue applied it.
_HOLDERS: Final = sa.text(f"""
WITH {_ASKED}, wanted AS (
    SELECT release_id, environment_id, project_id, count(DISTINCT recorded_as) AS n FROM needed
    GROUP BY release_id, environment_id, project_id
), place AS (
    SELECT w.release_id, w.environment_id, w.n, d.id AS database_id, i.slug || '/' || d.name AS name
    FROM wanted w
    JOIN instance i ON i.environment_id = w.environment_id
    JOIN database d ON d.instance_id = i.id AND d.project_id = w.project_id AND d.vanished_at IS NULL
)
SELECT p.release_id, p.environment_id, p.database_id, p.name
FROM place p
JOIN task t ON t.database_id = p.database_id
JOIN task_change tc ON tc.task_id = t.id AND tc.state IN ('applied', 'already_applied')
JOIN needed n ON n.release_id = p.release_id AND n.environment_id = p.environment_id AND n.recorded_as = tc.version
GROUP BY p.release_id, p.environment_id, p.database_id, p.name, p.n
HAVING count(DISTINCT tc.version) = p.n
ORDER BY p.name
""").columns(release_id=sa.BigInteger, environment_id=sa.BigInteger, database_id=sa.BigInteger, name=sa.Text)
# The latest word of every required context about each database, and about all.
_LATEST: Final = sa.text("""
SELECT DISTINCT ON (s.release_id, s.environment_id, s.context, s.database_id)
    s.id, s.release_id, s.environment_id, s.context, s.database_id, s.state, i.slug || '/' || d.name AS name
FROM unnest(CAST(:releases AS bigint[]), CAST(:environments AS bigint[])) AS a(release_id, environment_id)
JOIN status_report s ON s.release_id = a.release_id AND s.environment_id = a.environment_id
JOIN required_check r
    ON r.project_id = s.project_id AND r.environment_id = s.environment_id AND r.context = s.context
LEFT JOIN database d ON d.id = s.database_id
LEFT JOIN instance i ON i.id = d.instance_id
ORDER BY s.release_id, s.environment_id, s.context, s.database_id, s.id DESC
""")


async def of_places(conn: AsyncConnection, places: Collection[Place]) -> Mapping[Place, Sequence[Check]]:
    """How everything that is required stands for releases in environments; nobody's overrides are looked at."""
    given = {"releases": [p.release for p in places], "environments": [p.environment_id for p in places]}
    required: dict[Place, list[tuple[str, str]]] = defaultdict(list)
    if places:
        for row in await conn.execute(_REQUIRED, given):
            required[Place(row.release_id, row.environment_id)].append((row.slug, row.context))
    if not required:
        return {}
    given = {"releases": [p.release for p in required], "environments": [p.environment_id for p in required]}
    holders: dict[Place, list[int]] = defaultdict(list)
    names: dict[int, str] = {}
    for row in await conn.execute(_HOLDERS, given):
        holders[Place(row.release_id, row.environment_id)].append(row.database_id)
        names[row.database_id] = row.name
    latest: dict[Place, list[Report]] = defaultdict(list)
    for row in await conn.execute(_LATEST, given):
        where = Place(row.release_id, row.environment_id)
        latest[where].append(Report(row.id, row.context, row.database_id, row.state))
        if row.database_id is not None:
            names[row.database_id] = row.name
    found: dict[Place, list[Check]] = {}
    for where, contexts in required.items():
        found[where] = []
        for slug, context in contexts:
            state, database, revision = stand(context, holders[where], latest[where])
            name = names[database] if database is not None else None
            found[where].append(Check(where.release, slug, context, state, revision, name))
    return found


async def of_stages(conn: AsyncConnection, stages: Sequence[int]) -> Mapping[int, Sequence[Check]]:
    """What is required of the releases of stages in the environments that they come from, with overrides.

    Args:
        stages: ids; those whose projects require anything.
    """
    if not stages:
        return {}
    moving = (await conn.execute(_MOVING, {"stages": list(stages)})).all()
    checks = await of_places(conn, {Place(row.release_id, row.environment_id) for row in moving})
    if not checks:
        return {}
    let_pass = await _overrides(conn, stages)
    found: dict[int, list[Check]] = defaultdict(list)
    for row in moving:
        for check in checks.get(Place(row.release_id, row.environment_id), ()):
            known = (row.stage_id, row.release_id, row.environment_id, check.context, check.revision)
            found[row.stage_id].append(replace(check, overridden=known in let_pass))
    return dict(found)


async def _overrides(conn: AsyncConnection, stages: Sequence[int]) -> set[tuple[Any, ...]]:
    o = check_override.c
    query = sa.select(o.stage_id, o.release_id, o.environment_id, o.context, o.revision)
    rows = await conn.execute(query.where(o.stage_id == sa.any_(sa.cast(list(stages), pg.ARRAY(sa.BigInteger)))))
    return {tuple(row) for row in rows}
