"""Explicit pipelines: from stages as somebody wrote them to stages and tasks that can be stored."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import digest
from penstock.domain.errors import FieldError, ValidationFailed
from penstock.domain.pipeline.context import unknown_outputs
from penstock.domain.pipeline.plan import TargetDatabase
from penstock.domain.pipeline.spec import (
    BASELINE,
    CHANGE,
    CREATE,
    MOST_STAGES,
    QUERY,
    SYNC,
    PipelineSpec,
    StageSpec,
    TaskSpec,
    circles,
    mistakes,
)
from penstock.services import creations, filing, queries
from penstock.services.releases import NewChange, check, check_for
from penstock.services.sync_pipelines import sync_digest
from penstock.store import environments, issues, releases
from penstock.store.rows import Record
from penstock.store.tables.catalog import database, instance

FIELD = "pipeline.stages"


@dataclass(frozen=True, slots=True)
class Filed:
    """The release that tasks without one of their own apply; None when there is none."""

    id: int
    digest: str


@dataclass(frozen=True, slots=True)
class _Known:
    """What the names in a pipeline stand for."""

    environments: Mapping[str, int]
    instances: Mapping[str, Record]
    databases: Mapping[tuple[str, int | str], TargetDatabase]


async def stages(
    conn: AsyncConnection,
    project_id: int,
    spec: PipelineSpec,
    filed: Filed | None,
    *,
    author_id: int,
    statement_limit: int,
    any_instance: bool = False,
) -> list[filing.NewStage]:
    """Look up everything that a pipeline names, and store the releases of tasks that bring a statement of their own.

    Args:
        any_instance: the author may know of instances on which the project has no database.

    Raises:
        ValidationFailed: everything that is wrong with it, by itself or with the names in it.
    """
    if len(spec.stages) > MOST_STAGES:
        raise _refusal(mistakes(spec, FIELD))  # before anything is looked up
    known = await _look_up(conn, project_id, spec)
    if spec.implicit:
        spec = _placed(spec, known)
        known = await _look_up(conn, project_id, spec)
    errors = [*mistakes(spec, FIELD)]
    if not errors:
        errors += circles(spec, await environments.requiring_lower(conn), FIELD)
        errors += unknown_outputs(spec, FIELD)
    for n, stage in enumerate(spec.stages):
        here = f"{FIELD}[{n}]"
        errors += _unknown(stage, known, here, project_id, has_release=filed is not None, any_instance=any_instance)
    spoken = {key: target.engine for key, target in known.databases.items()}
    errors += await asyncio.to_thread(queries.mistakes, spec, spoken, FIELD)
    errors += await creations.mistakes(conn, project_id, spec, known.instances, FIELD)
    if errors:
        raise _refusal(errors)
    places = {s.name: n for n, s in enumerate(spec.stages)}
    edges = spec.edges()
    released: dict[int, set[str]] = {}
    named: dict[int, Filed] = {}
    made = []
    for n, stage in enumerate(spec.stages):
        tasks = []
        for m, task in enumerate(stage.tasks):
            if task.database is None or task.type == CREATE:
                tasks.append(_of_instance(task, stage, known.instances[task.instance]))
                continue
            where = f"{FIELD}[{n}].tasks[{m}].statement"
            target = known.databases[(task.instance, task.database)]
            if task.release_id is not None and task.release_id in named:
                own: Filed | None = named[task.release_id]
            else:
                own = await _release(conn, project_id, task, filed, where, author_id, statement_limit, target.engine)
            if task.release_id is not None and own is not None:
                named[task.release_id] = own
            if own is not None:
                released.setdefault(own.id, set()).add(target.engine)
            tasks.append(
                filing.NewTask(
                    name=task.name or f"{task.instance}/{target.name}",
                    type=task.type,
                    instance_id=target.instance_id,
                    database_id=target.id,
                    release_id=own.id if own is not None else None,
                    digest=filing.task_digest(
                        task.type, own.digest if own is not None else None, queries.options(task), target
                    ),
                    options=queries.options(task),
                    when=task.when,
                    allow_failure=task.allow_failure or stage.allow_failure,
                    timeout=task.timeout,
                )
            )
        made.append(
            filing.NewStage(
                name=stage.name,
                environment_id=known.environments[stage.environment],
                tasks=tasks,
                needs=[places[name] for name in edges[stage.name]],
                phase=stage.phase,
                task_order=stage.task_order,
                advance=stage.advance,
                not_before=stage.not_before,
                fan_out=stage.fan_out,
                independent=stage.independent,
            )
        )
    for release_id, engines in released.items():
        changes = await releases.changes_of(conn, release_id)
        await asyncio.to_thread(check_for, engines, changes, "release.changes")
    return made


def _refusal(errors: list[FieldError]) -> ValidationFailed:
    code = errors[0].code if len({e.code for e in errors}) == 1 else None
    return ValidationFailed(errors=errors[:100], code=code)


async def _look_up(conn: AsyncConnection, project_id: int, spec: PipelineSpec) -> _Known:
    environments = await issues.environment_ids(conn, sorted({s.environment for s in spec.stages}))
    slugs = sorted({t.instance for s in spec.stages for t in s.tasks})
    await issues.hold_instances(conn, slugs)
    instances = await issues.instances_by_slug(conn, slugs)
    there = [t for s in spec.stages for t in s.tasks if t.type != CREATE]
    wanted = {(t.instance, t.database) for t in there if t.database is not None}
    names = [(i, d) for i, d in wanted if isinstance(d, str)]
    ids = [d for _, d in wanted if isinstance(d, int)]
    condition: sa.ColumnElement[bool] = database.c.id.in_(ids)
    if names:
        condition |= sa.tuple_(instance.c.slug, database.c.name).in_(names)
    databases: dict[tuple[str, int | str], TargetDatabase] = {}
    for target, owner in await issues.targets(conn, condition, held=True):
        if owner == project_id:
            databases[(target.instance, target.name)] = databases[(target.instance, target.id)] = target
    return _Known(environments, instances, databases)


def _placed(spec: PipelineSpec, known: _Known) -> PipelineSpec:
    """The one stage of a pipeline of which only tasks were written, in the environment that they share.

    Raises:
        ValidationFailed: they do not share one.
    """
    stage = spec.stages[0]
    places = {known.instances[t.instance]["environment"] for t in stage.tasks if t.instance in known.instances}
    environments = sorted(places)
    if len(environments) > 1:
        message = f"These tasks lie in {', '.join(environments)}: tasks without stages must share one environment."
        raise ValidationFailed(
            errors=[FieldError("pipeline.tasks", message, "several_environments")], code="several_environments"
        )
    name = environments[0] if environments else "all"
    return replace(spec, stages=(replace(stage, name=name, environment=name),))


def _of_instance(task: TaskSpec, stage: StageSpec, found: Record) -> filing.NewTask:
    """What reads a whole instance, or makes a database on it."""
    name, options = task.instance, queries.options(task)
    task_digest = sync_digest(found["id"], found["engine"], found["host"], found["port"])
    if task.type == CREATE:
        name, options = f"{task.instance}/{task.database}", creations.options(task) | options
        task_digest = creations.task_digest(options, found)
    return filing.NewTask(
        name=task.name or name,
        type=task.type,
        instance_id=found["id"],
        database_id=None,
        release_id=None,
        digest=task_digest,
        options=options,
        when=task.when,
        allow_failure=task.allow_failure or stage.allow_failure,
        timeout=task.timeout,
    )


def _unknown(
    stage: StageSpec, known: _Known, where: str, project_id: int, *, has_release: bool, any_instance: bool
) -> list[FieldError]:
    found = []
    if stage.environment not in known.environments:
        message = f"There is no environment {stage.environment}."
        found.append(FieldError(f"{where}.environment", message, "unknown_environment"))
    names: dict[str, int] = {}
    for m, task in enumerate(stage.tasks):
        at = f"{where}.tasks[{m}]"
        place = known.instances.get(task.instance)
        lives_in = place["environment"] if place is not None else None
        # Of an instance without a database of this project, nobody learns here that it exists.
        hidden = task.type == SYNC or (task.type == CREATE and not any_instance)
        if place is None or (hidden and project_id not in place["projects"]):
            found.append(FieldError(f"{at}.instance", f"There is no instance {task.instance}.", "unknown_instance"))
        elif lives_in != stage.environment:
            message = f"{task.instance} lives in {lives_in}, not in {stage.environment}."
            found.append(FieldError(f"{at}.instance", message, "instance_outside_environment"))
        elif task.type == SYNC and task.database is not None:
            message = "A sync reads its whole instance: leave the database out."
            found.append(FieldError(f"{at}.database", message, "sync_database"))
        elif task.type != SYNC and task.database is None:
            found.append(FieldError(f"{at}.database", "Say which database of the instance.", "required"))
        elif task.type not in (SYNC, CREATE) and (task.instance, task.database) not in known.databases:
            message = f"The project has no database {task.database} on {task.instance}."
            found.append(FieldError(f"{at}.database", message, "unknown_database"))
        if task.type == SYNC and (task.statement is not None or task.release_id is not None):
            found.append(FieldError(at, "A sync only reads: it takes no release and no statement.", "sync_statement"))
        elif task.type != CREATE and task.statement is not None and task.release_id is not None:
            found.append(FieldError(at, "Give a task a release or a statement, not both.", "one_release"))
        elif task.type == BASELINE and task.statement is not None:
            message = "A baseline runs nothing: give it a release whose changes are there, or none."
            found.append(FieldError(f"{at}.statement", message, "baseline_statement"))
        elif task.type == CHANGE and task.statement is None and task.release_id is None and not has_release:
            message = "The task has nothing to apply: give it, or the issue, a release or a statement."
            found.append(FieldError(at, message, "no_release"))
        name = task.name or (f"{task.instance}/{task.database}" if task.database is not None else task.instance)
        if task.name is None and name in names:
            message = f"Two tasks of {stage.name} would both be named {name}: give them names."
            found.append(FieldError(f"{at}.name", message, "duplicate_task"))
        names[name] = m
    return found


async def _release(
    conn: AsyncConnection,
    project_id: int,
    task: TaskSpec,
    filed: Filed | None,
    where: str,
    author_id: int,
    statement_limit: int,
    engine: str,
) -> Filed | None:
    """The release that a task applies: its own, or the issue's, which a baseline never takes for granted."""
    if task.type == QUERY:
        return None
    if task.statement is not None:
        filed_here = [NewChange(task.statement)]
        changes = await asyncio.to_thread(check, filed_here, limit=statement_limit, engine=engine, field=where)
        release_id = await releases.create(conn, project_id, changes, author_id)
        return Filed(release_id, digest.of_release([(c.version, c.name, c.digest) for c in changes]))
    if task.release_id is not None:
        found = await releases.by_id(conn, task.release_id)
        if found is None or found["project_id"] != project_id:
            message = f"The project has no release {task.release_id}."
            raise ValidationFailed(
                errors=[FieldError(where.replace(".statement", ".release"), message, "unknown_release")],
                code="unknown_release",
            )
        return Filed(task.release_id, found["digest"])
    return filed if task.type == CHANGE else None
