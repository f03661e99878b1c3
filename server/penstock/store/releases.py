"""Changes and releases: immutable, and stored once per content."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import digest
from penstock.domain.releases import recorded_as
from penstock.store.rows import Cut, Record, Slice, fetch, fetch_one, page, person
from penstock.store.tables.accounts import account, project
from penstock.store.tables.catalog import instance
from penstock.store.tables.changes import change, release, release_change
from penstock.store.tables.pipelines import task

CHUNK: Final = 500  # rows of one statement; all of a release come with one transaction, or none of it


@dataclass(frozen=True, slots=True)
class Change:
    """One immutable script, as it is stored and executed."""

    version: str
    name: str
    statement: bytes
    engine: str | None
    environments: Sequence[str] | None
    revert: str | None
    verify: str | None
    statements: int
    digest: str
    findings: Sequence[Mapping[str, Any]] = ()
    steps: Sequence[Mapping[str, Any]] = ()

    @property
    def recorded_as(self) -> str:
        """What records of databases call it."""
        return recorded_as(self.version, self.digest)

    def applies_in(self, environment: str) -> bool:
        """A change may name the environments that need it; the others pass it over."""
        return self.environments is None or environment in self.environments


async def create(
    conn: AsyncConnection, project_id: int, changes: Sequence[Change], created_by: int, *, commit: str | None = None
) -> int:
    """Store a release; a change whose content the project already has is stored only once.

    Args:
        commit: of the repository that it was made from, if that is known.
    """
    known: dict[tuple[object, ...], int] = {}
    rows = await conn.execute(
        sa.select(change).where(
            change.c.project_id == project_id,
            sa.tuple_(change.c.version, change.c.digest).in_([(c.version, c.digest) for c in changes]),
        )
    )
    for row in rows:
        known[_content(row.version, row.name, row.digest, row.engine, row.environments, row.revert, row.verify)] = (
            row.id
        )
    contents = [_content(c.version, c.name, c.digest, c.engine, c.environments, c.revert, c.verify) for c in changes]
    new = {key: c for key, c in zip(contents, changes, strict=True) if key not in known}
    for start in range(0, len(new), CHUNK):
        part = dict(islice(new.items(), start, start + CHUNK))
        made = await conn.scalars(
            sa.insert(change).returning(change.c.id, sort_by_parameter_order=True),
            [
                {
                    "project_id": project_id,
                    "version": c.version,
                    "name": c.name,
                    "statement": c.statement,
                    "digest": c.digest,
                    "engine": c.engine,
                    "environments": list(c.environments) if c.environments is not None else None,
                    "revert": c.revert,
                    "verify": c.verify,
                    "statements": c.statements,
                    "findings": list(c.findings),
                    "steps": list(c.steps),
                }
                for c in part.values()
            ],
        )
        known |= zip(part, made, strict=True)
    ids = [known[key] for key in contents]
    release_id: int = (
        await conn.execute(
            sa.insert(release)
            .values(
                project_id=project_id,
                digest=digest.of_release([(c.version, c.name, c.digest) for c in changes]),
                change_count=len(changes),
                commit=commit,
                created_by=created_by,
            )
            .returning(release.c.id)
        )
    ).scalar_one()
    await conn.execute(
        sa.insert(release_change),
        [{"release_id": release_id, "position": n, "change_id": i} for n, i in enumerate(ids)],
    )
    return release_id


def _content(
    version: str,
    name: str,
    digest_: str,
    engine: str | None,
    environments: Iterable[str] | None,
    revert: str | None,
    verify: str | None,
) -> tuple[object, ...]:
    return (
        version,
        name,
        digest_,
        engine,
        tuple(environments) if environments is not None else None,
        revert,
        verify,
    )


async def changes_of(conn: AsyncConnection, release_id: int) -> list[Change]:
    """The changes of a release in order, with their bytes."""
    rows = await conn.execute(
        sa.select(change)
        .join(release_change, release_change.c.change_id == change.c.id)
        .where(release_change.c.release_id == release_id)
        .order_by(release_change.c.position)
    )
    return [
        Change(
            version=r.version,
            name=r.name,
            statement=bytes(r.statement),
            engine=r.engine,
            environments=r.environments,
            revert=r.revert,
            verify=r.verify,
            statements=r.statements,
            digest=r.digest,
            findings=r.findings,
            steps=r.steps,
        )
        for r in rows
    ]


async def finding_counts(conn: AsyncConnection, release_ids: Sequence[int], environment: str) -> dict[str, int]:
    """Severity -> how many findings the changes of some releases have that an environment needs."""
    finding = sa.func.jsonb_array_elements(change.c.findings).table_valued(sa.column("value", JSONB), name="finding")
    severity = finding.c.value["severity"].astext
    rows = await conn.execute(
        sa.select(severity.label("severity"), sa.func.count().label("n"))
        .select_from(release_change.join(change, change.c.id == release_change.c.change_id).join(finding, sa.true()))
        .where(
            release_change.c.release_id.in_(release_ids),
            sa.or_(change.c.environments.is_(None), sa.literal(environment) == sa.any_(change.c.environments)),
        )
        .group_by(severity)
    )
    return {r.severity: r.n for r in rows}


async def headers_of(conn: AsyncConnection, release_id: int) -> list[Record]:
    """Version, name, engine and environments of a release's changes, without their bytes."""
    return await fetch(
        conn,
        sa.select(
            change.c.id,
            change.c.version,
            change.c.name,
            change.c.engine,
            change.c.environments,
            change.c.digest,
            change.c.recorded_as,
        )
        .join(release_change, release_change.c.change_id == change.c.id)
        .where(release_change.c.release_id == release_id)
        .order_by(release_change.c.position),
    )


def _summary() -> sa.Select[tuple[object, ...]]:
    return (
        sa.select(
            release.c.id,
            release.c.project_id,
            project.c.slug.label("project"),
            release.c.digest,
            release.c.change_count,
            release.c.commit,
            release.c.created_at,
            person().label("created_by"),
        )
        .join(project, project.c.id == release.c.project_id)
        .join(account, account.c.id == release.c.created_by)
    )


async def by_id(conn: AsyncConnection, release_id: int) -> Record | None:
    """A release without its changes."""
    return await fetch_one(conn, _summary().where(release.c.id == release_id))


async def listing(
    conn: AsyncConnection,
    cut: Cut,
    *,
    project_ids: Sequence[int] | None,
    project_slug: str | None,
    digest: str | None = None,
) -> Slice:
    """Releases, newest first; of the given projects (all when None), narrowed to one by its slug, or to a digest."""
    query = _summary()
    if digest is not None:
        query = query.where(release.c.digest == digest)
    if project_slug is not None:
        query = query.where(project.c.slug == project_slug)
    if project_ids is not None:
        query = query.where(release.c.project_id == sa.any_(sa.cast(list(project_ids), ARRAY(sa.BigInteger))))
    return await page(conn, query, [release.c.id], cut, descending=True)


async def findings_of_pipeline(conn: AsyncConnection, pipeline_id: int) -> list[Record]:
    """The findings of every change that the tasks of a pipeline apply, each change once."""
    applied = sa.select(task.c.release_id).where(task.c.pipeline_id == pipeline_id).distinct()
    rows = await conn.execute(
        sa.select(change.c.id, change.c.version, change.c.findings)
        .join(release_change, release_change.c.change_id == change.c.id)
        .where(release_change.c.release_id.in_(applied), sa.func.jsonb_array_length(change.c.findings) > 0)
        .order_by(release_change.c.release_id, release_change.c.position)
    )
    by_change = {r.id: (r.version, r.findings) for r in rows}
    return [{"change": version, **finding} for version, findings in by_change.values() for finding in findings]


@dataclass(frozen=True, slots=True)
class Stored:
    """A change with what review said of it when it was filed.

    Args:
        engine: of all databases that it is applied to; None when there are several.
    """

    engine: str | None
    statement: bytes
    findings: Sequence[Mapping[str, Any]]
    steps: Sequence[Mapping[str, Any]]


async def reviewed_of_pipeline(conn: AsyncConnection, pipeline_id: int) -> dict[int, Stored]:
    """The changes that the tasks of a pipeline apply, by id."""
    engines = sa.func.array_agg(sa.distinct(instance.c.engine))
    rows = await conn.execute(
        sa.select(change.c.id, change.c.engine, change.c.statement, change.c.findings, change.c.steps, engines)
        .join(release_change, release_change.c.change_id == change.c.id)
        .join(task, task.c.release_id == release_change.c.release_id)
        .join(instance, instance.c.id == task.c.instance_id)
        .where(task.c.pipeline_id == pipeline_id)
        .group_by(change.c.id)
    )
    return {
        key: Stored(engine or (kinds[0] if len(kinds) == 1 else None), bytes(statement), findings, steps)
        for key, engine, statement, findings, steps, kinds in rows
    }


async def set_reviews(
    conn: AsyncConnection, reviews: Sequence[tuple[int, Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]]]
) -> None:
    """Replace what review says of changes: id, findings and steps of each."""
    if reviews:
        given = change.update().where(change.c.id == sa.bindparam("change_id"))
        values = given.values(findings=sa.bindparam("found"), steps=sa.bindparam("cut"))
        in_order = sorted(reviews, key=lambda review: review[0])  # another issue with the same changes may be reviewed
        await conn.execute(values, [{"change_id": i, "found": list(f), "cut": list(s)} for i, f, s in in_order])
