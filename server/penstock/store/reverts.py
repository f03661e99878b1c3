"""What an issue applied, and to which databases: what another one would take back."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.store.rows import Record, fetch, fetch_one
from penstock.store.tables.changes import change, issue

# By database the changes in the order in which they were applied, and then the databases that had the same.  What was
# there before, by the word of another pipeline, is not this one's to take back.
_APPLIED: Final = sa.text("""
    WITH applied AS (
        SELECT t.database_id, c.id AS change_id, t.ended_at, t.id AS task_id, rc.position
        FROM task t JOIN release_change rc ON rc.release_id = t.release_id JOIN change c ON c.id = rc.change_id
        JOIN task_change tc ON tc.task_id = t.id AND tc.version = c.recorded_as
        WHERE t.pipeline_id = :pipeline AND t.type = 'database.change' AND (tc.state = 'applied' OR (
            tc.state = 'already_applied' AND NOT EXISTS (
                SELECT FROM task e JOIN task_change ec ON ec.task_id = e.id AND ec.version = tc.version
                WHERE e.database_id = t.database_id AND e.pipeline_id <> t.pipeline_id
                AND ec.state IN ('applied', 'already_applied'))))
    ), history AS (
        SELECT database_id, array_agg(change_id ORDER BY ended_at NULLS LAST, task_id, position) AS changes
        FROM applied GROUP BY database_id
    )
    SELECT changes, array_agg(database_id ORDER BY database_id) AS databases FROM history
    GROUP BY changes ORDER BY min(database_id)
""").bindparams(sa.bindparam("pipeline", type_=sa.BigInteger))
_UNCERTAIN: Final = sa.text("""
    SELECT t.name, t.status FROM task t WHERE t.pipeline_id = :pipeline AND t.type = 'database.change'
    AND (t.status IN ('scheduled', 'running', 'canceling')
         OR EXISTS (SELECT FROM task_change tc WHERE tc.task_id = t.id AND tc.state = 'unknown'))
    ORDER BY t.id LIMIT 5
""").bindparams(sa.bindparam("pipeline", type_=sa.BigInteger))


async def applied(conn: AsyncConnection, pipeline_id: int) -> list[Record]:
    """Groups of databases with the changes, by id and in order, that a pipeline applied to each of them."""
    return await fetch(conn, _APPLIED.bindparams(pipeline=pipeline_id))


async def uncertain(conn: AsyncConnection, pipeline_id: int) -> list[Record]:
    """Tasks of which it is not known yet what they have applied."""
    return await fetch(conn, _UNCERTAIN.bindparams(pipeline=pipeline_id))


async def texts(conn: AsyncConnection, ids: Collection[int]) -> dict[int, Record]:
    """What takes changes back, by their ids."""
    columns = (change.c.id, change.c.version, change.c.name, change.c.engine, change.c.revert)
    return {row["id"]: row for row in await fetch(conn, sa.select(*columns).where(change.c.id.in_(ids)))}


async def by_another(conn: AsyncConnection, issue_id: int) -> Record | None:
    """The newest issue that takes this one back, unless it was canceled."""
    return await fetch_one(
        conn,
        sa.select(issue.c.id, issue.c.status)
        .where(issue.c.reverts_id == issue_id, issue.c.status != "canceled")
        .order_by(issue.c.id.desc())
        .limit(1),
    )
