"""From a request to an issue with its pipeline: everything is checked first, then everything is stored at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import digest
from penstock.domain.errors import FieldError, ValidationFailed
from penstock.domain.pipeline.plan import PlannedStage, TargetDatabase
from penstock.store import issues, releases, tasks
from penstock.store.tables.catalog import database, environment, instance
from penstock.store.tables.pipelines import pipeline, stage, task

CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class Targets:
    """What a release is meant for: databases by id or ``instance/name``, or every database of some environments."""

    databases: Sequence[int | str] | None = None
    environments: Sequence[str] | None = None


async def resolve(conn: AsyncConnection, project_id: int, wanted: Targets) -> list[TargetDatabase]:
    """Look the targets up.

    Raises:
        ValidationFailed: every name that is unknown, vanished, of another project, or named twice; or nothing to
        apply to.
    """
    if (wanted.databases is None) == (wanted.environments is None):
        raise ValidationFailed(
            errors=[FieldError("targets", "Name either databases or environments.", "no_targets")],
            code="no_targets",
        )
    if wanted.environments is not None:
        return await _by_environment(conn, project_id, wanted.environments)
    assert wanted.databases is not None
    return await _by_name(conn, project_id, wanted.databases)


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
        conn, sa.and_(database.c.project_id == project_id, environment.c.id.in_(list(known.values())))
    )
    empty = set(known) - {t.environment for t, _ in found}
    if empty or not found:
        names = ", ".join(sorted(empty)) or "these environments"
        message = f"The project has no database in {names}: assign one to it, or leave the environment out."
        raise ValidationFailed(errors=[FieldError("targets.environments", message, "no_targets")], code="no_targets")
    return [t for t, _ in found]


async def _by_name(conn: AsyncConnection, project_id: int, names: Sequence[int | str]) -> list[TargetDatabase]:
    ids = [n for n in names if isinstance(n, int)]
    pairs = [tuple(n.split("/", 1)) for n in names if isinstance(n, str) and "/" in n]
    found = await issues.targets(
        conn,
        sa.or_(
            database.c.id.in_(ids),
            sa.tuple_(instance.c.slug, database.c.name).in_(pairs) if pairs else sa.false(),
        ),
    )
    by_key: dict[int | str, TargetDatabase] = {}
    for target, owner in found:
        if owner == project_id:
            by_key[target.id] = by_key[f"{target.instance}/{target.name}"] = target
    errors, chosen = [], {}
    for n, name in enumerate(names):
        where = f"targets.databases[{n}]"
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


def change_stages(planned: Sequence[PlannedStage], release_id: int, release_digest: str) -> list[NewStage]:
    """The stages of an issue that applies one release to every target."""
    return [
        NewStage(
            name=s.name,
            environment_id=s.environment_id,
            needs=s.needs,
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
    conn: AsyncConnection, project_id: int | None, stages: Sequence[NewStage], *, order: str = "sequential"
) -> int:
    """Store a pipeline with its stages and tasks, all waiting."""
    pipeline_id: int = (
        await conn.execute(
            sa.insert(pipeline).values(project_id=project_id, order=order, started=True).returning(pipeline.c.id)
        )
    ).scalar_one()
    ids: list[int] = []
    for position, new in enumerate(stages):
        stage_id = (
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
                    digest=digest.of_stage(t.digest for t in new.tasks),
                    n_waiting=len(new.tasks),
                )
                .returning(stage.c.id)
            )
        ).scalar_one()
        ids.append(stage_id)
        slots = [tasks.slot_key(t.instance_id, t.database_id, t.type) for t in new.tasks]
        guards = [tasks.instance_slot(t.instance_id) for t in new.tasks]
        await tasks.ensure_slots(conn, [*slots, *guards])
        rows = [
            {
                "pipeline_id": pipeline_id,
                "stage_id": stage_id,
                "position": n,
                "name": t.name,
                "type": t.type,
                "instance_id": t.instance_id,
                "database_id": t.database_id,
                "release_id": t.release_id,
                "options": dict(t.options),
                "digest": t.digest,
                "slot_key": key,
            }
            for n, (t, key) in enumerate(zip(new.tasks, slots, strict=True))
        ]
        for start in range(0, len(rows), CHUNK):
            await conn.execute(sa.insert(task).values(run_at=sa.func.now()), rows[start : start + CHUNK])
    # A stage may need one that is declared after it, so edges come when every stage has its id.
    for stage_id, new in zip(ids, stages, strict=True):
        needs = [ids[n] for n in new.needs]
        findings = await stage_findings(conn, stage_id)
        if needs or findings:
            await conn.execute(sa.update(stage).where(stage.c.id == stage_id).values(needs=needs, findings=findings))
    return pipeline_id


async def stage_findings(conn: AsyncConnection, stage_id: int) -> dict[str, int]:
    """Severity -> how many findings the changes have that a stage's tasks apply; for the review gate."""
    releases_of = (await conn.scalars(sa.select(task.c.release_id).where(task.c.stage_id == stage_id).distinct())).all()
    slug = await conn.scalar(
        sa.select(environment.c.slug)
        .join(stage, stage.c.environment_id == environment.c.id)
        .where(stage.c.id == stage_id)
    )
    known = [r for r in releases_of if r is not None]
    return await releases.finding_counts(conn, known, slug) if known and slug is not None else {}
