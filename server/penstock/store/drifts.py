"""Databases that are not as they are expected to be: finding out with each sync, and what people say of it."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import events
from penstock.domain.access.decide import Principal
from penstock.domain.drift import STANDING, Seen, Standing, Verdict, judge
from penstock.store import databases, outbox
from penstock.store.projects import visible
from penstock.store.rows import Cut, Record, Slice, fetch, fetch_one, page, person
from penstock.store.tables.accounts import account, project
from penstock.store.tables.catalog import database, drift, environment, instance, schema_snapshot
from penstock.store.tables.pipelines import UNKNOWN

# Of databases whose rows are locked, and whose newest reading is stored.  Every attempt of a change counts as one of
# ours, whatever came of it.  It is over for sure once it has ended and nobody waits to learn how: what it did in the
# target, it did before it was written down here.
_SEEN: Final = sa.text(
    f"""
    SELECT d.id, d.name, d.fingerprint AS found, d.expected, d.expected_reading IS DISTINCT FROM :reading AS reread,
           s.id AS drift, s.status, s.found AS stood, s.reading IS DISTINCT FROM :reading AS stood_otherwise,
           coalesce(s.ignored_until <= statement_timestamp(), false) AS lapsed,
           coalesce(run.overlapped, false) AS overlapped, coalesce(run.changed, false) AS changed,
           coalesce(run.changed_since, false) AS changed_since
    FROM database d
    LEFT JOIN drift s ON s.database_id = d.id AND s.status IN ('open', 'ignored')
    LEFT JOIN LATERAL (
        SELECT bool_or(
                   r.ended_at IS NULL OR r.ended_at >= :began OR {UNKNOWN}
                   OR (t.status IN ('waiting', 'ready') AND t.sent AND r.attempt = t.attempt
                       AND r.outcome IN ('interrupted', 'retried'))
               ) AS overlapped,
               bool_or(r.ended_at >= d.expected_read_at) AS changed,
               bool_or(r.ended_at >= s.read_at) AS changed_since
        FROM task t JOIN task_run r ON r.task_id = t.id
        WHERE t.database_id = d.id AND t.type = 'database.change'
          AND (t.ended_at IS NULL OR t.ended_at >= d.expected_read_at OR {UNKNOWN})
    ) AS run ON d.expected IS NOT NULL
    WHERE d.instance_id = :instance AND d.name = ANY (CAST(:names AS text[]))
      AND d.project_id IS NOT NULL AND d.fingerprint IS NOT NULL
    ORDER BY d.id
    """
).bindparams(sa.bindparam("began", type_=sa.DateTime(timezone=True)))


async def detect(
    conn: AsyncConnection, instance_id: int, names: Sequence[str], *, began: dt.datetime, reading: str
) -> None:
    """Compare databases, whose newest reading is stored, with what they are expected to be.

    Only those that a project has: nobody expects anything of the others.  Doing so again changes nothing.

    Args:
        began: when the reading began.
        reading: how it was read; `domain.drift.reading`.
    """
    rows = (
        await conn.execute(_SEEN, {"instance": instance_id, "names": list(names), "began": began, "reading": reading})
    ).all()
    verdicts: dict[Verdict, list[Any]] = defaultdict(list)
    for row in rows:
        verdicts[judge(_seen(row))].append(row)
    given = {"began": began, "reading": reading}
    for because in ("first_sight", "change", "reading"):
        await _run(conn, _EXPECT, [r.id for r in verdicts[because]], {"because": because, **given})
    # What has not changed since it was expected needs no newer mark.
    well = verdicts["as_expected"]
    await _run(conn, _AS_EXPECTED, [r.id for r in well if r.changed or r.reread], given)
    await end(conn, [r.drift for r in well if r.drift is not None], "gone")
    standing = {verdict: [r.drift for r in verdicts[verdict]] for verdict in ("still", "moved", "reopened")}
    await _run(conn, _STILL, [*standing["still"], *standing["moved"], *standing["reopened"]], given)
    await _run(conn, _MOVED, standing["moved"], {})
    reopened = await _run(conn, _REOPENED, standing["reopened"], {})
    opened = await _run(conn, _OPENED, [r.id for r in verdicts["opened"]], given)
    await _announce(conn, events.DRIFT_OPENED, [*reopened, *opened])


def _seen(row: Any) -> Seen:
    standing = None
    if row.drift is not None:
        standing = Standing(row.status, row.stood, row.changed_since or row.stood_otherwise, row.lapsed)
    return Seen(row.found, row.expected, row.overlapped, row.changed, row.reread, standing)


async def _run(
    conn: AsyncConnection, statement: sa.TextClause, ids: Sequence[int], given: Mapping[str, Any]
) -> list[int]:
    if not ids:
        return []
    return list(await conn.scalars(statement, {"ids": list(ids), **given}))


def _statement(text: str) -> sa.TextClause:
    made = sa.text(text)
    if ":began" in text:
        made = made.bindparams(sa.bindparam("began", type_=sa.DateTime(timezone=True)))
    return made


_EXPECT: Final = _statement(
    """
    UPDATE database SET expected = fingerprint, expected_since = statement_timestamp(), expected_because = :because,
                        expected_read_at = :began, expected_reading = :reading
    WHERE id = ANY (CAST(:ids AS bigint[])) RETURNING id
    """
)
_AS_EXPECTED: Final = _statement(
    """
    UPDATE database SET expected_read_at = :began, expected_reading = :reading
    WHERE id = ANY (CAST(:ids AS bigint[])) RETURNING id
    """
)
_OPENED: Final = _statement(
    """
    INSERT INTO drift (database_id, expected, found, read_at, reading, first_seen_at, last_seen_at)
    SELECT id, expected, fingerprint, :began, :reading, :began, :began
    FROM database WHERE id = ANY (CAST(:ids AS bigint[])) ORDER BY id RETURNING id
    """
)
# What is the same but for its name has the same changes.
_STILL: Final = _statement(
    """
    UPDATE drift SET found = d.fingerprint, changes = CASE WHEN found = d.fingerprint THEN changes END,
                     read_at = :began, reading = :reading, last_seen_at = :began
    FROM database d WHERE d.id = drift.database_id AND drift.id = ANY (CAST(:ids AS bigint[])) RETURNING drift.id
    """
)
_MOVED: Final = _statement(
    "UPDATE drift SET version = version + 1 WHERE id = ANY (CAST(:ids AS bigint[])) RETURNING id"
)
_REOPENED: Final = _statement(
    """
    UPDATE drift SET status = 'open', decided_by = NULL, decided_at = NULL, comment = '', ignored_until = NULL,
                     version = version + 1
    WHERE id = ANY (CAST(:ids AS bigint[])) RETURNING id
    """
)
_END: Final = _statement(
    """
    UPDATE drift SET status = 'ended', ended_because = :because, ended_at = statement_timestamp(),
                     version = version + 1
    WHERE id = ANY (CAST(:ids AS bigint[])) AND status IN ('open', 'ignored') RETURNING id
    """
)


async def end(conn: AsyncConnection, ids: Sequence[int], because: str) -> None:
    """Drifts that stand are over, and that is announced."""
    ended = await _run(conn, _END, ids, {"because": because})
    await _announce(conn, events.DRIFT_ENDED, ended, how=because)


async def of_databases(conn: AsyncConnection, *conditions: sa.ColumnElement[bool]) -> list[int]:
    """The drifts that stand of databases that meet conditions."""
    query = (
        sa.select(drift.c.id)
        .join(database, database.c.id == drift.c.database_id)
        .where(drift.c.status.in_(STANDING), *conditions)
    )
    return list(await conn.scalars(query.order_by(drift.c.id)))


async def forget_expected(conn: AsyncConnection, database_id: int, because: str) -> None:
    """Nothing is expected of a database any more until it is read again; a drift that stands is over."""
    await end(conn, await of_databases(conn, database.c.id == database_id), because)
    names = ("expected", "expected_since", "expected_because", "expected_read_at", "expected_reading")
    await conn.execute(sa.update(database).where(database.c.id == database_id).values(dict.fromkeys(names)))


async def announce(conn: AsyncConnection, kind: str, drift_id: int, actor_id: int, **about: Any) -> None:
    """Tell what a person said of a drift."""
    await _announce(conn, kind, [drift_id], actor_id, **about)


async def _announce(
    conn: AsyncConnection, kind: str, ids: Sequence[int], actor_id: int | None = None, **about: Any
) -> None:
    if not ids:
        return
    rows = await conn.execute(
        sa.select(
            drift.c.id,
            database.c.name,
            database.c.project_id,
            instance.c.slug.label("instance"),
            environment.c.slug.label("environment"),
        )
        .join(database, database.c.id == drift.c.database_id)
        .join(instance, instance.c.id == database.c.instance_id)
        .join(environment, environment.c.id == instance.c.environment_id)
        .where(drift.c.id.in_(ids))
        .order_by(drift.c.id)
    )
    found = []
    for row in rows:
        data = {"drift": row.id, "database": f"{row.instance}/{row.name}", "environment": row.environment, **about}
        found.append(outbox.NewEvent(kind, row.project_id, actor_id, data))
    await outbox.append(conn, found)


_DECIDER: Final = account.alias("decider")


def _selected() -> sa.Select[Any]:
    query = sa.select(
        *(column for column in drift.c if column is not drift.c.decided_by),
        person(_DECIDER).label("decided_by"),
        database.c.id.label("database"),
        database.c.name.label("database_name"),
        database.c.project_id,
    ).join(database, database.c.id == drift.c.database_id)
    return databases.placed(query).outerjoin(_DECIDER, _DECIDER.c.id == drift.c.decided_by)


async def listing(
    conn: AsyncConnection,
    principal: Principal,
    cut: Cut,
    *,
    project_slug: str | None = None,
    database_id: int | None = None,
    statuses: Sequence[str] = (),
) -> Slice:
    """The drifts that the caller may see, newest first."""
    query = _selected().where(visible(principal, database.c.project_id))
    if project_slug is not None:
        query = query.where(project.c.slug == project_slug)
    if database_id is not None:
        query = query.where(drift.c.database_id == database_id)
    if statuses:
        query = query.where(drift.c.status.in_(statuses))
    return await page(conn, query, [drift.c.id], cut, descending=True)


async def find(conn: AsyncConnection, principal: Principal, drift_id: int) -> Record | None:
    """One drift that the caller may see."""
    query = _selected().where(drift.c.id == drift_id, visible(principal, database.c.project_id))
    return await fetch_one(conn, query)


async def lock(conn: AsyncConnection, drift_id: int) -> Record | None:
    """One drift's own columns with the project of its database, both locked until the transaction ends.

    A sync locks in the same order.
    """
    of = await conn.scalar(sa.select(drift.c.database_id).where(drift.c.id == drift_id))
    own = sa.select(database.c.project_id).where(database.c.id == of).with_for_update(key_share=True)
    held = await fetch_one(conn, own)
    found = await fetch_one(conn, sa.select(drift).where(drift.c.id == drift_id).with_for_update(key_share=True))
    return None if held is None or found is None else found | held


async def accept(conn: AsyncConnection, found: Record, account_id: int, comment: str) -> None:
    """What a drift found is expected from now on."""
    now = sa.func.statement_timestamp()
    said = {"decided_by": account_id, "decided_at": now, "comment": comment, "ignored_until": None}
    await conn.execute(
        sa.update(drift)
        .where(drift.c.id == found["id"])
        .values(status="accepted", ended_at=now, version=drift.c.version + 1, **said)
    )
    await conn.execute(
        sa.update(database)
        .where(database.c.id == found["database_id"])
        .values(
            expected=found["found"],
            expected_since=now,
            expected_because="person",
            expected_read_at=found["read_at"],
            expected_reading=found["reading"],
        )
    )


async def ignore(
    conn: AsyncConnection, drift_id: int, account_id: int, comment: str, until: dt.datetime | None
) -> None:
    """A drift is not to be looked at until it changes again, or until a time."""
    said = {"decided_by": account_id, "decided_at": sa.func.statement_timestamp(), "comment": comment}
    await conn.execute(
        sa.update(drift)
        .where(drift.c.id == drift_id)
        .values(status="ignored", ignored_until=until, version=drift.c.version + 1, **said)
    )


async def uncounted(conn: AsyncConnection, instance_id: int, limit: int) -> list[tuple[str, str]]:
    """What is expected and what was found in drifts of an instance whose changes are not counted, each pair once."""
    rows = await conn.execute(
        sa.select(drift.c.expected, drift.c.found)
        .distinct()
        .join(database, database.c.id == drift.c.database_id)
        .where(database.c.instance_id == instance_id, drift.c.changes.is_(None), drift.c.status.in_(STANDING))
        .order_by(drift.c.expected, drift.c.found)
        .limit(limit)
    )
    return [(row.expected, row.found) for row in rows]


async def contents(conn: AsyncConnection, fingerprints: Sequence[str]) -> dict[str, bytes]:
    """The stored contents of schemas: zstd-compressed canonical JSON."""
    query = sa.select(schema_snapshot.c.fingerprint, schema_snapshot.c.content)
    rows = await fetch(conn, query.where(schema_snapshot.c.fingerprint.in_(fingerprints)))
    return {row["fingerprint"]: bytes(row["content"]) for row in rows}


_COUNTED: Final = sa.text(
    """
    UPDATE drift SET changes = CAST(:changes AS jsonb)
    WHERE id IN (SELECT id FROM drift WHERE expected = :expected AND found = :found AND changes IS NULL
                 ORDER BY id LIMIT :rows FOR NO KEY UPDATE)
    """
)


async def set_changes(conn: AsyncConnection, expected: str, found: str, changes: str, limit: int) -> int:
    """Keep how many changes there are between two schemas with some of the drifts that found them; answers how many
    drifts.

    Args:
        changes: as JSON.
    """
    given = {"expected": expected, "found": found, "changes": changes, "rows": limit}
    return (await conn.execute(_COUNTED, given)).rowcount
