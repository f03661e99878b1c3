"""Pipelines, stages, tasks and runs: watch them, and act on them."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

from litestar import Request, Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from penstock.domain.access.decide import Principal
from penstock.services.container import Services
from penstock.services.revisions import NewRevision
from penstock.web.auth import Credential
from penstock.web.guards import needs
from penstock.web.log_stream import log_lines
from penstock.web.paging import PageSize, PageToken, cut, page_of
from penstock.web.pipelines import pipeline_from
from penstock.web.present import changes, present
from penstock.web.routes.releases import changes_from
from penstock.web.schemas import issues as schemas
from penstock.web.schemas.catalog import WithReason
from penstock.web.schemas.common import Page
from penstock.web.schemas.gates import Advance, NewBypass

_TAGS: Final = ["pipelines"]

TaskStatus: TypeAlias = Literal[
    "waiting", "ready", "scheduled", "running", "canceling", "succeeded", "failed", "canceled", "skipped"
]


@get("/pipelines", opt=needs("instance.read"), tags=_TAGS)
async def list_pipelines(
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    instance: FromQuery[str],
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Page[schemas.PipelineSummary]:
    """Pipelines without an issue that worked on an instance, newest first."""
    found = await services.pipelines.of_instance(caller, instance, cut(page_size, page_token))
    return page_of(schemas.PipelineSummary, found)


@post("/pipelines", opt=needs("pipeline.create", idempotent=True), tags=_TAGS)
async def create_pipeline(
    data: JSONBody[schemas.NewLonePipeline],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
) -> schemas.PipelineOut:
    """File a pipeline without an issue: it only reads, or nobody has to approve it where it goes."""
    written = schemas.NewPipeline(order=data.order, fail_fast=data.fail_fast, stages=data.stages, tasks=data.tasks)
    made = await services.lone_pipelines.create(caller, data.project, pipeline_from(written))
    return present(schemas.PipelineOut, await services.pipelines.get(caller, made))


@get("/pipelines/{pipeline:int}", opt=needs("pipeline.read"), tags=_TAGS)
async def get_pipeline(
    pipeline: FromPath[int], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> schemas.PipelineOut:
    """A pipeline with its stages and their blockers."""
    return present(schemas.PipelineOut, await services.pipelines.get(caller, pipeline))


@get("/pipelines/{pipeline:int}/tasks", opt=needs("pipeline.read"), tags=_TAGS)
async def list_tasks(
    pipeline: FromPath[int],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    stage: FromQuery[str | None] = None,
    status: FromQuery[TaskStatus | None] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Page[schemas.TaskSummary]:
    """Tasks of a pipeline, failed ones first."""
    found = await services.pipelines.tasks(caller, pipeline, cut(page_size, page_token), stage=stage, status=status)
    return page_of(schemas.TaskSummary, found)


@get("/pipelines/{pipeline:int}/stages/{stage:str}", opt=needs("pipeline.read"), tags=_TAGS)
async def get_stage(
    pipeline: FromPath[int],
    stage: FromPath[str],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
) -> schemas.StageOut:
    """One stage; its status derives from its tasks."""
    return present(schemas.StageOut, await services.pipelines.stage(caller, pipeline, stage))


@patch("/pipelines/{pipeline:int}/stages/{stage:str}", opt=needs("stage.edit"), tags=_TAGS)
async def update_stage(
    pipeline: FromPath[int],
    stage: FromPath[str],
    data: JSONBody[schemas.PatchStage],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
) -> schemas.PipelineOut:
    """Raise, lower or lift a stage's limits; what runs goes on. A stage's status derives, and cannot be set."""
    await services.rollout.edit_limits(caller, pipeline, stage, changes(data))
    return present(schemas.PipelineOut, await services.pipelines.get(caller, pipeline))


@post("/pipelines/{pipeline:int}/hold", opt=needs("pipeline.hold"), status_code=200, tags=_TAGS)
async def hold_pipeline(
    pipeline: FromPath[int],
    data: JSONBody[WithReason],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
) -> schemas.PipelineOut:
    """Pause a pipeline."""
    await services.rollout.hold(caller, pipeline, data.reason)
    return present(schemas.PipelineOut, await services.pipelines.get(caller, pipeline))


@post("/pipelines/{pipeline:int}/resume", opt=needs("pipeline.hold"), status_code=200, tags=_TAGS)
async def resume_pipeline(
    pipeline: FromPath[int], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> schemas.PipelineOut:
    """End the pause."""
    await services.rollout.resume(caller, pipeline)
    return present(schemas.PipelineOut, await services.pipelines.get(caller, pipeline))


@post(
    "/pipelines/{pipeline:int}/stages/{stage:str}/advance",
    opt=needs("stage.advance"),
    status_code=200,
    tags=_TAGS,
)
async def advance_stage(
    pipeline: FromPath[int],
    stage: FromPath[str],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    data: JSONBody[Advance | None] = None,
) -> schemas.PipelineOut:
    """Run a stage that waits for somebody to do so.

    With ``override`` a person lets errors of required checks pass, for what is known of them now; whatever else holds
    the stage goes on holding it.
    """
    reason = data.override.reason if data is not None and data.override is not None else None
    await services.rollout.advance(caller, pipeline, stage, reason)
    return present(schemas.PipelineOut, await services.pipelines.get(caller, pipeline))


@post("/pipelines/{pipeline:int}/stages/{stage:str}/bypass", opt=needs("stage.bypass"), status_code=200, tags=_TAGS)
async def bypass_gates(
    pipeline: FromPath[int],
    stage: FromPath[str],
    data: JSONBody[NewBypass],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
) -> schemas.PipelineOut:
    """Pass over gates of place and time in an emergency; approval and review cannot be passed over."""
    await services.rollout.bypass(caller, pipeline, stage, data.gates, data.reason)
    return present(schemas.PipelineOut, await services.pipelines.get(caller, pipeline))


@post(
    "/pipelines/{pipeline:int}/stages/{stage:str}/retry-failed",
    opt=needs("task.retry"),
    status_code=200,
    tags=_TAGS,
)
async def retry_failed(
    pipeline: FromPath[int],
    stage: FromPath[str],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
) -> schemas.PipelineOut:
    """Try every failed task of a stage again."""
    await services.rollout.retry_failed(caller, pipeline, stage)
    return present(schemas.PipelineOut, await services.pipelines.get(caller, pipeline))


@get("/tasks/{task:int}", opt=needs("task.read"), tags=["tasks"])
async def get_task(
    task: FromPath[int], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> schemas.TaskOut:
    """One task: why it waits, what became of each change, its runs."""
    return present(schemas.TaskOut, await services.pipelines.task(caller, task))


@patch("/tasks/{task:int}", opt=needs("issue.edit"), tags=["tasks"])
async def update_task(
    task: FromPath[int],
    data: JSONBody[schemas.PatchTask],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
) -> schemas.TaskOut:
    """Give one task that has not applied anything another release; approvals of its stage become stale."""
    filed = changes_from(data.changes) if data.changes is not None else None
    given = NewRevision(release_id=data.release, changes=filed, statement=data.statement)
    await services.revisions.put_task(caller, task, given)
    return present(schemas.TaskOut, await services.pipelines.task(caller, task))


@post("/tasks/{task:int}/retry", opt=needs("task.retry"), status_code=200, tags=["tasks"])
async def retry_task(
    task: FromPath[int], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> schemas.TaskOut:
    """Try a failed or canceled task again; its gates are asked again."""
    await services.rollout.retry(caller, task)
    return present(schemas.TaskOut, await services.pipelines.task(caller, task))


@post("/tasks/{task:int}/cancel", opt=needs("task.cancel"), status_code=200, tags=["tasks"])
async def cancel_task(
    task: FromPath[int], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> schemas.TaskOut:
    """Cancel a task; one that runs becomes ``canceling`` until its true end is known."""
    await services.rollout.cancel(caller, task)
    return present(schemas.TaskOut, await services.pipelines.task(caller, task))


@post("/tasks/{task:int}/skip", opt=needs("task.skip"), status_code=200, tags=["tasks"])
async def skip_task(
    task: FromPath[int],
    data: JSONBody[WithReason],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
) -> schemas.TaskOut:
    """Pass a task over, with a reason."""
    await services.rollout.skip(caller, task, data.reason)
    return present(schemas.TaskOut, await services.pipelines.task(caller, task))


@post("/tasks/{task:int}/settle", opt=needs("task.settle"), status_code=200, tags=["tasks"])
async def settle_task(
    task: FromPath[int],
    data: JSONBody[schemas.NewSettlement],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
) -> schemas.TaskOut:
    """Say what became of a change of which nobody can know; it is written into the database's ledger.

    ``applied``: the whole change is there; the task succeeds, or goes on with the release's next change.
    ``not_applied``: the task waits again, and its next attempt runs what was interrupted once more.
    ``unreachable``: the target has been away for ten minutes at least and will not come back: nothing is written there.
    """
    await services.settling.settle(caller, task, data.outcome, data.reason, unreachable=data.unreachable)
    return present(schemas.TaskOut, await services.pipelines.task(caller, task))


@get("/tasks/{task:int}/sessions", opt=needs("task.sessions"), tags=["tasks"])
async def task_sessions(
    task: FromPath[int], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> schemas.TaskSessions:
    """What a task waits for in its target right now: its own session, who blocks it, their locks."""
    return present(schemas.TaskSessions, await services.lock_waits.of_task(caller, task))


@get("/tasks/{task:int}/runs", opt=needs("task.read"), tags=["tasks"])
async def list_runs(
    task: FromPath[int], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> list[schemas.RunOut]:
    """The last hundred runs of a task, newest first."""
    return [present(schemas.RunOut, r) for r in (await services.pipelines.task(caller, task))["runs"]]


@get("/runs/{run:int}", opt=needs("task.read"), tags=["tasks"])
async def get_run(
    run: FromPath[int], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> schemas.RunOut:
    """One run."""
    return present(schemas.RunOut, await services.pipelines.run(caller, run))


@get("/runs/{run:int}/log", opt=needs("task.read"), tags=["tasks"])
async def get_log(
    request: Request[Any, Any, Any],
    run: FromPath[int],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    credential: NamedDependency[Credential],
    after: Annotated[int, QueryParameter(ge=0, le=2**63 - 1)] = 0,
    limit: Annotated[int, QueryParameter(ge=1, le=5_000)] = 1_000,
) -> Response[schemas.LogPage]:
    """Log lines after a sequence number; ask again with ``next_after`` until ``ended``.

    With ``Accept: text/event-stream`` they come as they are written, a ``line`` event each, and ``end`` at the end.
    """
    if "text/event-stream" in request.headers.get("accept", ""):
        await services.pipelines.run(caller, run)
        lines = log_lines(services, caller, credential, run_id=run, after=after, stopping=request.app.state.stopping)
        return Stream(lines, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})  # type: ignore[return-value]  # a Response all the same
    page = await services.pipelines.log(caller, run, after=after, limit=limit)
    return Response(present(schemas.LogPage, page))


PIPELINE_ROUTES: Final[list[ControllerRouterHandler]] = [
    list_pipelines,
    create_pipeline,
    get_pipeline,
    list_tasks,
    get_stage,
    update_stage,
    hold_pipeline,
    resume_pipeline,
    advance_stage,
    bypass_gates,
    retry_failed,
    get_task,
    update_task,
    retry_task,
    cancel_task,
    skip_task,
    settle_task,
    task_sessions,
    list_runs,
    get_run,
    get_log,
]
