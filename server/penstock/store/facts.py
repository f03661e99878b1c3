"""What gates of place and time look at: freezes, bypasses, and where a stage's release is applied already."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.gates.lower import Lower
from penstock.store.tables.gates import freeze, gate_bypass
from penstock.store.tables.pipelines import UNKNOWN, pipeline, stage, task


def freezes() -> sa.ScalarSelect[Any]:
    """The freezes that bear on a stage, as JSON that ``Freeze`` is read from; for a query over stage and pipeline."""
    scope = sa.case(
        (freeze.c.environment_id.is_not(None), "environment"),
        (freeze.c.project_id.is_not(None), "project"),
        else_="workspace",
    )
    one = sa.func.jsonb_build_object("scope", scope, "reason", freeze.c.reason, "until", freeze.c.until)
    return (
        sa.select(sa.func.coalesce(sa.func.jsonb_agg(one), sa.text("'[]'::jsonb"), type_=pg.JSONB))
        .where(
            sa.or_(
                freeze.c.environment_id == stage.c.environment_id,
                freeze.c.project_id == pipeline.c.project_id,
                freeze.c.environment_id.is_(None) & freeze.c.project_id.is_(None),
            )
        )
        .correlate(stage, pipeline)
        .scalar_subquery()
    )


def bypassed() -> sa.ScalarSelect[Any]:
    """The gates that are passed over for what a stage does now; for a query over stages."""
    return (
        sa.select(
            sa.func.coalesce(sa.func.array_agg(gate_bypass.c.gate), sa.text("'{}'::text[]"), type_=pg.ARRAY(sa.Text))
        )
        .where(gate_bypass.c.stage_id == stage.c.id, gate_bypass.c.digest == stage.c.digest)
        .correlate(stage)
        .scalar_subquery()
    )


def unsettled() -> sa.ColumnElement[Any]:
    """How many tasks of a stage a person has to settle; for a query over stages.  Nothing is looked up where nothing
    ended in an error."""
    unknown = sa.select(sa.func.count()).where(task.c.stage_id == stage.c.id, sa.text(UNKNOWN)).correlate(stage)
    return sa.case((stage.c.n_error == 0, 0), else_=unknown.scalar_subquery())


# Where are the pipeline's databases in a lower environment?  If it has none there, the project's are looked at.
_LOWER: Final = sa.text("""
WITH asking AS (
    SELECT s.id AS stage_id, s.pipeline_id, p.project_id, own.position
    FROM stage s JOIN pipeline p ON p.id = s.pipeline_id JOIN environment own ON own.id = s.environment_id
    WHERE s.id = ANY(:stages)
), place AS (
    SELECT a.stage_id, a.pipeline_id, e.id AS environment_id, e.slug, e.position, d.id AS database_id
    FROM asking a
    JOIN environment e ON e.position < a.position
    JOIN instance i ON i.environment_id = e.id
    JOIN database d ON d.instance_id = i.id AND d.project_id = a.project_id AND d.vanished_at IS NULL
), candidate AS (
    SELECT p.*, EXISTS (
        SELECT FROM task t WHERE t.pipeline_id = p.pipeline_id AND t.database_id = p.database_id
        AND t.type = 'database.change'
    ) AS own
    FROM place p
), needed AS (
    SELECT DISTINCT a.stage_id, e.id AS environment_id, c.recorded_as AS version
    FROM asking a
    JOIN task t ON t.stage_id = a.stage_id AND t.release_id IS NOT NULL
    JOIN release_change rc ON rc.release_id = t.release_id
    JOIN change c ON c.id = rc.change_id
    JOIN environment e ON e.position < a.position AND (c.environments IS NULL OR e.slug = ANY(c.environments))
), has AS (
    SELECT t.database_id, tc.version, min(coalesce(r.ended_at, statement_timestamp())) AS applied_at
    FROM task t JOIN task_change tc ON tc.task_id = t.id LEFT JOIN task_run r ON r.id = tc.run_id
    WHERE t.database_id IN (SELECT database_id FROM candidate) AND tc.state IN ('applied', 'already_applied')
    GROUP BY t.database_id, tc.version
), reached AS (
    SELECT c.stage_id, c.slug, c.position, c.database_id, c.own,
        coalesce(bool_and(n.version IS NULL OR h.version IS NOT NULL), true) AS applied,
        coalesce(max(h.applied_at), 'epoch'::timestamptz) AS applied_at
    FROM candidate c
    LEFT JOIN needed n ON n.stage_id = c.stage_id AND n.environment_id = c.environment_id
    LEFT JOIN has h ON h.database_id = c.database_id AND h.version = n.version
    GROUP BY c.stage_id, c.slug, c.position, c.database_id, c.own
)
SELECT stage_id, slug,
    CASE WHEN bool_or(own)
        THEN CASE WHEN bool_and(applied) FILTER (WHERE own) THEN max(applied_at) FILTER (WHERE own) END
        ELSE min(applied_at) FILTER (WHERE applied)
    END AS applied_at
FROM reached GROUP BY stage_id, slug, position ORDER BY stage_id, position
""").columns(stage_id=sa.BigInteger, slug=sa.Text, applied_at=sa.DateTime(timezone=True))


async def lower(conn: AsyncConnection, stages: Sequence[int]) -> Mapping[int, Sequence[Lower]]:
    """Since when the releases of these stages are applied in their lower environments."""
    if not stages:
        return {}
    found: dict[int, list[Lower]] = defaultdict(list)
    for row in await conn.execute(_LOWER, {"stages": list(stages)}):
        found[row.stage_id].append(Lower(row.slug, row.applied_at))
    return dict(found)
