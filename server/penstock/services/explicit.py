"""Explicit pipelines: from stages as somebody wrote them to stages and tasks that can be stored."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import digest
from penstock.domain.errors import FieldError, ValidationFailed
from penstock.domain.pipeline.plan import TargetDatabase
from penstock.domain.pipeline.spec import PipelineSpec, StageSpec, TaskSpec, mistakes
from penstock.services import filing
from penstock.services.releases import NewChange, check, check_for
from penstock.store import issues, releases
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
    instances: Mapping[str, str]  # instance -> its environment
    databases: Mapping[tuple[str, int | str], TargetDatabase]


async def stages(
    conn: AsyncConnection,
    project_id: int,
    spec: PipelineSpec,
    filed: Filed | None,
    *,
    author_id: int,
    statement_limit: int,
) -> list[filing.NewStage]:
    """Look up everything that a pipeline names, and store the releases of tasks that bring a statement of their own.

    Raises:
        ValidationFailed: everything that is wrong with it, by itself or with the names in it.
    """
    known = await _look_up(conn, project_id, spec)
    if spec.implicit:
        spec = _placed(spec, known)
        known = await _look_up(conn, project_id, spec)
    errors = [*mistakes(spec, FIELD)]
    for n, stage in enumerate(spec.stages):
        errors += _unknown(stage, known, f"{FIELD}[{n}]", has_release=filed is not None)
    if errors:
        raise ValidationFailed(errors=errors[:100], code=errors[0].code if len({e.code for e in errors}) == 1 else None)
    places = {s.name: n for n, s in enumerate(spec.stages)}
    edges = spec.edges()
    released: dict[int, set[str]] = {}
    made = []
    for n, stage in enumerate(spec.stages):
        tasks = []
        for m, task in enumerate(stage.tasks):
            where = f"{FIELD}[{n}].tasks[{m}].statement"
            target = known.databases[(task.instance, task.database)]
            own = await _release(conn, project_id, task, filed, where, author_id, statement_limit, target.engine)
            released.setdefault(own.id, set()).add(target.engine)
            tasks.append(
                filing.NewTask(
                    name=task.name or f"{task.instance}/{target.name}",
                    type="database.change",
                    instance_id=target.instance_id,
                    database_id=target.id,
                    release_id=own.id,
                    digest=filing.task_digest("database.change", own.digest, {}, target),
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
            )
        )
    for release_id, engines in released.items():
        changes = await releases.changes_of(conn, release_id)
        await asyncio.to_thread(check_for, engines, changes, "release.changes")
    return made


async def _look_up(conn: AsyncConnection, project_id: int, spec: PipelineSpec) -> _Known:
    environments = await issues.environment_ids(conn, sorted({s.environment for s in spec.stages}))
    slugs = sorted({t.instance for s in spec.stages for t in s.tasks})
    instances = await issues.instance_environments(conn, slugs)
    wanted = {(t.instance, t.database) for s in spec.stages for t in s.tasks}
    names = [(i, d) for i, d in wanted if isinstance(d, str)]
    ids = [d for _, d in wanted if isinstance(d, int)]
    condition: sa.ColumnElement[bool] = database.c.id.in_(ids)
    if names:
        condition |= sa.tuple_(instance.c.slug, database.c.name).in_(names)
    databases: dict[tuple[str, int | str], TargetDatabase] = {}
    for target, owner in await issues.targets(conn, condition):
        if owner == project_id:
            databases[(target.instance, target.name)] = databases[(target.instance, target.id)] = target
    return _Known(environments, instances, databases)


def _placed(spec: PipelineSpec, known: _Known) -> PipelineSpec:
    """The one stage of a pipeline of which only tasks were written, in the environment that they share.

    Raises:
        ValidationFailed: they do not share one.
    """
    stage = spec.stages[0]
    environments = sorted({known.instances[t.instance] for t in stage.tasks if t.instance in known.instances})
    if len(environments) > 1:
        message = f"These tasks lie in {', '.join(environments)}: tasks without stages must share one environment."
        raise ValidationFailed(
            errors=[FieldError("pipeline.tasks", message, "several_environments")], code="several_environments"
        )
    name = environments[0] if environments else "all"
    return replace(spec, stages=(replace(stage, name=name, environment=name),))


def _unknown(stage: StageSpec, known: _Known, where: str, *, has_release: bool) -> list[FieldError]:
    found = []
    if stage.environment not in known.environments:
        message = f"There is no environment {stage.environment}."
        found.append(FieldError(f"{where}.environment", message, "unknown_environment"))
    names: dict[str, int] = {}
    for m, task in enumerate(stage.tasks):
        at = f"{where}.tasks[{m}]"
        lives_in = known.instances.get(task.instance)
        if lives_in is None:
            found.append(FieldError(f"{at}.instance", f"There is no instance {task.instance}.", "unknown_instance"))
        elif lives_in != stage.environment:
            message = f"{task.instance} lives in {lives_in}, not in {stage.environment}."
            found.append(FieldError(f"{at}.instance", message, "instance_outside_environment"))
        elif (task.instance, task.database) not in known.databases:
            message = f"The project has no database {task.database} on {task.instance}."
            found.append(FieldError(f"{at}.database", message, "unknown_database"))
        if task.statement is not None and task.release_id is not None:
            found.append(FieldError(at, "Give a task a release or a statement, not both.", "one_release"))
        elif task.statement is None and task.release_id is None and not has_release:
            message = "The task has nothing to apply: give it, or the issue, a release or a statement."
            found.append(FieldError(at, message, "no_release"))
        name = task.name or f"{task.instance}/{task.database}"
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
) -> Filed:
    """The release that a task applies: its own, or the issue's."""
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
    assert filed is not None
    return filed
