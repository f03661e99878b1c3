"""From a request to an issue with its pipeline: everything is checked first, then everything is stored at once."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import digest
from penstock.domain.errors import FieldError, ValidationFailed
from penstock.domain.pipeline.fan_out import NONE, FanOut
from penstock.domain.pipeline.plan import PlannedStage, TargetDatabase
from penstock.domain.pipeline.spec import CHANGE, READ_ONLY
from penstock.review.in_catalog import Look
from penstock.services import catalog_review, stage_facts
from penstock.services.late_changes import late_changes
from penstock.store import environments, issues, releases, tasks
from penstock.store.tables.catalog import database, environment, instance
from penstock.store.tables.pipelines import pipeline, stage, task

CHUNK = 1_000
TIMEOUT_SECONDS = 3_600  # of an attempt, where nobody says otherwise


@dataclass(frozen=True, slots=True)
class Targets:
    """What a release is meant for: databases by id or ``instance/name``, every database of some environments, or those
    of a database group; exactly one of them."""

    databases: Sequence[int | str] | None = None
    environments: Sequence[str] | None = None
    group: str | None = None


async def resolve(conn: AsyncConnection, project_id: int, wanted: Targets) -> list[TargetDatabase]:
    """Look databases or environments up; a group is looked up by `group_targets.choose`.

    Raises:
        ValidationFailed: every name that is unknown, vanished, of another project, or named twice; or nothing to
        apply to.
    """
    if sum(x is not None for x in (wanted.databases, wanted.environments, wanted.group)) != 1:
        message = "Name exactly one of databases, environments and group."
        raise ValidationFailed(errors=[FieldError("targets", message, "no_targets")], code="no_targets")
    if wanted.environments is not None:
        return await _by_environment(conn, project_id, wanted.environments)
    assert wanted.databases is not None
    return await named(conn, project_id, wanted.databases)


async def _by_environment(conn: AsyncConnection, project_id: int, slugs: Sequence[str]) -> list[TargetDatabase]:
    known = await issues.environment_ids(conn, slugs)
    unknown = [
        FieldError(f"targets.environments[{n}]", f"There is no environment {slug}.", "unknown_environment")
        for n, slug in enumerate(slugs)
        if slug not in known
    ]
    if unknown:
        raise ValidationFailed(errors=unknown, code="unknown_environment")
    found = await issues.targets(
        conn, sa.and_(database.c.project_id == project_id, environment.c.id.in_(list(known.values()))), held=True
    )
    empty = set(known) - {t.environment for t, _ in found}
    if empty or not found:
        names = ", ".join(sorted(empty)) or "these environments"
        message = f"The project has no database in {names}: assign one to it, or leave the environment out."
        raise ValidationFailed(errors=[FieldError("targets.environments", message, "no_targets")], code="no_targets")
    return [t for t, _ in found]


async def named(
    conn: AsyncConnection, project_id: int, names: Sequence[int | str], field: str = "targets.databases"
) -> list[TargetDatabase]:
    """Databases of a project by id or ``instance/name``, in the order in which they are named.

    Raises:
        ValidationFailed: as `resolve`.
    """
    ids = [n for n in names if isinstance(n, int)]
    pairs = [tuple(n.split("/", 1)) for n in names if isinstance(n, str) and "/" in n]
    found = await issues.targets(
        conn,
        sa.or_(
            database.c.id == sa.any_(sa.cast(ids, pg.ARRAY(sa.BigInteger))),
            sa.tuple_(instance.c.slug, database.c.name).in_(pairs) if pairs else sa.false(),
        ),
        held=True,
    )
    by_key: dict[int | str, TargetDatabase] = {}
    for target, owner in found:
        if owner == project_id:
            by_key[target.id] = by_key[f"{target.instance}/{target.name}"] = target
    errors, chosen = [], {}
    for n, name in enumerate(names):
        where = f"{field}[{n}]"
        if (known := by_key.get(name)) is None:
            message = f"The project has no database {name}: sync its instance and assign it to the project first."
            errors.append(FieldError(where, message, "unknown_database"))
        elif known.id in chosen:
            errors.append(FieldError(where, f"The database {name} is named twice.", "duplicate_target"))
        else:
            chosen[known.id] = known
    if errors:
        raise ValidationFailed(errors=errors[:100], code=errors[0].code)
    return list(chosen.values())


def task_digest(operation: str, release: str | None, options: Mapping[str, Any], target: TargetDatabase) -> str:
    """Digest of what a task does, to whom."""
    return digest.of_task(
        operation,
        release,
        options,
        {
            "engine": target.engine,
            "host": target.host,
            "port": target.port,
            "database": target.name,
            "server": target.server_identity,
        },
    )


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task to store."""

    name: str
    type: str
    instance_id: int
    database_id: int | None
    release_id: int | None
    digest: str
    options: Mapping[str, Any] = field(default_factory=dict)
    when: str = "on_success"
    allow_failure: bool = False
    timeout: int | None = None


@dataclass(frozen=True, slots=True)
class NewStage:
    """A stage to store; ``needs`` are indices of stages."""

    name: str
    environment_id: int
    tasks: Sequence[NewTask]
    needs: Sequence[int] = ()
    phase: int = 0
    task_order: str = "parallel"
    advance: str = "auto"
    not_before: dt.datetime | None = None
    independent: bool = False
    fan_out: FanOut = NONE


def change_stages(
    planned: Sequence[PlannedStage], release_id: int, release_digest: str, fan_out: FanOut = NONE
) -> list[NewStage]:
    """The stages of an issue that applies one release to every target, each with the same limits."""
    return [
        NewStage(
            name=s.name,
            environment_id=s.environment_id,
            needs=s.needs,
            fan_out=fan_out,
            tasks=[
                NewTask(
                    name=t.name,
                    type="database.change",
                    instance_id=t.database.instance_id,
                    database_id=t.database.id,
                    release_id=release_id,
                    digest=task_digest("database.change", release_digest, {}, t.database),
                )
                for t in s.tasks
            ],
        )
        for s in planned
    ]


async def insert_pipeline(
    conn: AsyncConnection,
    project_id: int | None,
    stages: Sequence[NewStage],
    *,
    order: str = "sequential",
    fail_fast: bool = False,
) -> int:
    """Store a pipeline with its stages and tasks, all waiting."""
    await environments.hold(conn, {s.environment_id for s in stages})
    # All in one order: who stores a slot that another is storing waits for that one.
    await tasks.ensure_slots(conn, slots_of(t for s in stages for t in s.tasks))
    pipeline_id: int = (
        await conn.execute(
            sa.insert(pipeline)
            .values(project_id=project_id, order=order, fail_fast=fail_fast, started=True)
            .returning(pipeline.c.id)
        )
    ).scalar_one()
    ids = [await add_stage(conn, pipeline_id, position, new) for position, new in enumerate(stages)]
    for stage_id, new in zip(ids, stages, strict=True):
        await connect_stage(conn, stage_id, new, ids)
    return pipeline_id


async def connect_stage(conn: AsyncConnection, stage_id: int, new: NewStage, ids: Sequence[int]) -> None:
    """Store a stage's edges, and what review says of its changes.

    A stage may need one that is declared after it, so edges come when every stage has its id.
    """
    if new.needs:
        needs = [ids[n] for n in new.needs]
        await conn.execute(sa.update(stage).where(stage.c.id == stage_id).values(needs=needs))
    if not all(t.type in READ_ONLY for t in new.tasks):
        await review_stage(conn, stage_id)


async def add_stage(conn: AsyncConnection, pipeline_id: int, position: int, new: NewStage) -> int:
    """Store a stage with its tasks, all waiting, but without its edges; answers its id.  Their slots are there."""
    stage_id = await add_stage_row(conn, pipeline_id, position, new)
    await _store_tasks(conn, pipeline_id, stage_id, 0, new.tasks)
    return stage_id


async def add_stage_row(conn: AsyncConnection, pipeline_id: int, position: int, new: NewStage) -> int:
    """Store a stage without its tasks; answers its id."""
    stage_id: int = (
        await conn.execute(
            sa.insert(stage)
            .values(
                pipeline_id=pipeline_id,
                name=new.name,
                environment_id=new.environment_id,
                position=position,
                phase=new.phase,
                task_order=new.task_order,
                advance=new.advance,
                not_before=new.not_before,
                batch=list(new.fan_out.batch) if new.fan_out.batch is not None else sa.null(),
                max_parallel=new.fan_out.max_parallel,
                max_failures=new.fan_out.max_failures,
                independent=new.independent,
                read_only=all(t.type in READ_ONLY for t in new.tasks),
                conditional=any(t.when != "on_success" or t.options.get("only_if") for t in new.tasks),
                digest=digest.of_stage(t.digest for t in new.tasks),
            )
            .returning(stage.c.id)
        )
    ).scalar_one()
    return stage_id


def slots_of(new: Iterable[NewTask]) -> set[str]:
    """The slots that tasks refer to: their own, and those that guard their instances."""
    return {
        key
        for t in new
        for key in (tasks.slot_key(t.instance_id, t.database_id, t.type), tasks.instance_slot(t.instance_id))
    }


async def add_tasks(conn: AsyncConnection, pipeline_id: int, stage_id: int, new: Sequence[NewTask]) -> None:
    """Store tasks, all waiting, after those that a stage has.  Their slots are there."""
    last = await conn.scalar(sa.select(sa.func.max(task.c.position)).where(task.c.stage_id == stage_id))
    await _store_tasks(conn, pipeline_id, stage_id, 0 if last is None else last + 1, new)


async def _store_tasks(
    conn: AsyncConnection, pipeline_id: int, stage_id: int, first: int, new: Sequence[NewTask]
) -> None:
    rows = [
        tasks.NewRow(
            position=n,
            name=t.name,
            type=t.type,
            instance_id=t.instance_id,
            database_id=t.database_id,
            release_id=t.release_id,
            options=t.options,
            digest=t.digest,
            slot_key=tasks.slot_key(t.instance_id, t.database_id, t.type),
            when=t.when,
            allow_failure=t.allow_failure,
            timeout_seconds=t.timeout if t.timeout is not None else TIMEOUT_SECONDS,
        )
        for n, t in enumerate(new, first)
    ]
    for start in range(0, len(rows), CHUNK):
        await tasks.insert(conn, pipeline_id, stage_id, rows[start : start + CHUNK])
    grown = {"n_waiting": stage.c.n_waiting + len(rows)}
    await conn.execute(sa.update(stage).where(stage.c.id == stage_id).values(grown))


async def review_stage(
    conn: AsyncConnection,
    stage_id: int,
    looks: Sequence[Look] | None = None,
    sizes: stage_facts.Sizes | None = None,
) -> None:
    """Store what review says of a stage's changes, for its gates; what only a server knows is not known yet.

    Args:
        looks, sizes: what catalogs said, see `services.catalog_looks`; None while nobody has looked.
    """
    catalog = await catalog_review.findings_of(conn, stage_id, looks)
    values = {
        "catalog_findings": catalog,
        "findings": dict(Counter(await stage_findings(conn, stage_id)) + Counter(f["severity"] for f in catalog)),
        "review_facts": await stage_facts.of_stage(conn, stage_id, sizes),
    }
    await conn.execute(sa.update(stage).where(stage.c.id == stage_id).values(values))


async def stage_digest(conn: AsyncConnection, stage_id: int) -> str:
    """The digest of a stage as its tasks are now; the same as ``digest.of_stage``, without reading them all."""
    digests = sa.func.string_agg(task.c.digest, pg.aggregate_order_by(sa.literal_column("""'","'"""), task.c.position))
    listed = sa.func.coalesce(sa.literal('["') + digests + sa.literal('"]'), sa.literal("[]"))
    hashed = sa.func.encode(sa.func.sha256(sa.func.convert_to(listed, "UTF8")), "hex")
    return "sha256:" + str(await conn.scalar(sa.select(hashed).where(task.c.stage_id == stage_id)))


async def stage_findings(conn: AsyncConnection, stage_id: int) -> dict[str, int]:
    """Severity -> how many findings the changes have that a stage's tasks apply; for the review gate."""
    releases_of = (
        await conn.scalars(
            sa.select(task.c.release_id).where(task.c.stage_id == stage_id, task.c.type == CHANGE).distinct()
        )
    ).all()
    slug = await conn.scalar(
        sa.select(environment.c.slug)
        .join(stage, stage.c.environment_id == environment.c.id)
        .where(stage.c.id == stage_id)
    )
    known = [r for r in releases_of if r is not None]
    if not known or slug is None:
        return {}
    counts = await releases.finding_counts(conn, known, slug)
    late = await _late(conn, stage_id)
    return counts | {severity: counts.get(severity, 0) + n for severity, n in late.items()}


async def _late(conn: AsyncConnection, stage_id: int) -> dict[str, int]:
    """Severity -> how many changes of a stage come out of order; its databases' histories are read part by part."""
    last = await conn.scalar(sa.select(sa.func.max(task.c.position)).where(task.c.stage_id == stage_id))
    found: dict[str, str] = {}
    for start in range(0, (last or 0) + 1, CHUNK):
        part = task.c.position.between(start, start + CHUNK - 1)
        found |= {version: f.severity for version, f in await late_changes(conn, (task.c.stage_id == stage_id) & part)}
    return dict(Counter(found.values()))
