"""Issues: file, list, edit, discuss, approve, cancel, reopen, resolve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from litestar import get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ControllerRouterHandler

from penstock.domain.access.decide import Principal
from penstock.domain.errors import FieldError, ValidationFailed
from penstock.domain.pipeline.spec import PipelineSpec, StageSpec, TaskSpec
from penstock.services.container import Services
from penstock.services.filing import Targets
from penstock.services.issues import Filter, NewIssue
from penstock.web.guards import needs
from penstock.web.paging import PageSize, PageToken, cut, page_of
from penstock.web.present import changes, present
from penstock.web.routes.releases import changes_from
from penstock.web.schemas import issues as schemas
from penstock.web.schemas.common import Page

_TAGS: Final = ["issues"]


def pipeline_from(written: schemas.NewPipeline) -> PipelineSpec:
    """An explicit pipeline of a request as the services take it.

    Raises:
        ValidationFailed: both stages and tasks, or neither.
    """
    if (written.stages is None) == (written.tasks is None):
        message = "Give either stages, or tasks that make one stage."
        raise ValidationFailed(errors=[FieldError("pipeline", message, "stages_or_tasks")], code="stages_or_tasks")
    if written.stages is None:
        only = StageSpec("", "", _tasks(written.tasks or []))
        return PipelineSpec((only,), written.order, implicit=True)
    stages = tuple(
        StageSpec(
            name=s.name,
            environment=s.environment,
            tasks=_tasks(s.tasks),
            needs=tuple(s.needs) if s.needs is not None else None,
            phase=s.phase,
            task_order=s.task_order,
            advance=s.advance,
        )
        for s in written.stages
    )
    return PipelineSpec(stages, written.order)


def _tasks(written: Sequence[schemas.NewTask]) -> tuple[TaskSpec, ...]:
    return tuple(
        TaskSpec(instance=t.instance, database=t.database, name=t.name, release_id=t.release, statement=t.statement)
        for t in written
    )


@post("/issues", opt=needs("issue.create", idempotent=True), tags=_TAGS)
async def create_issue(
    data: JSONBody[schemas.NewIssue], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> schemas.IssueOut:
    """File an issue: one stage per environment, one task per database."""
    new = NewIssue(
        project=data.project,
        title=data.title,
        description=data.description,
        labels=data.labels,
        targets=Targets(data.targets.databases, data.targets.environments) if data.targets is not None else None,
        pipeline=pipeline_from(data.pipeline) if data.pipeline is not None else None,
        release_id=data.release if isinstance(data.release, int) else None,
        changes=changes_from(data.release.changes) if isinstance(data.release, schemas.IssueRelease) else None,
        statement=data.statement,
    )
    return present(schemas.IssueOut, await services.issues.create(caller, new))


@get("/issues", opt=needs("issue.read"), tags=_TAGS)
async def list_issues(
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    project: FromQuery[str | None] = None,
    status: FromQuery[Literal["open", "done", "canceled"] | None] = None,
    author: FromQuery[str | None] = None,
    environment: FromQuery[str | None] = None,
    label: FromQuery[str | None] = None,
    waiting_for: FromQuery[Literal["me"] | None] = None,
    q: FromQuery[str | None] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Page[schemas.IssueSummary]:
    """Issues that the caller sees, newest first; ``author`` is an e-mail address or ``me``, ``label`` is
    ``key:value``."""
    wanted = Filter(
        project=project,
        status=status,
        author=author,
        environment=environment,
        label=label,
        waiting_for_me=waiting_for == "me",
        text=q,
    )
    return page_of(schemas.IssueSummary, await services.issues.listing(caller, cut(page_size, page_token), wanted))


@get("/issues/{issue:int}", opt=needs("issue.read"), tags=_TAGS)
async def get_issue(
    issue: FromPath[int], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> schemas.IssueOut:
    """An issue with its pipeline, its blockers and what the caller may do."""
    return present(schemas.IssueOut, await services.issues.get(caller, issue))


@patch("/issues/{issue:int}", opt=needs("issue.edit"), tags=_TAGS)
async def update_issue(
    issue: FromPath[int],
    data: JSONBody[schemas.PatchIssue],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
) -> schemas.IssueOut:
    """Change the words of an issue."""
    return present(schemas.IssueOut, await services.issues.edit(caller, issue, **changes(data)))


@put("/issues/{issue:int}/release", opt=needs("issue.edit"), tags=_TAGS)
async def put_release(
    issue: FromPath[int],
    data: JSONBody[schemas.PutRelease],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
) -> schemas.IssueOut:
    """Give an issue a new revision of its SQL; approvals of the old one become stale."""
    await services.revisions.put(
        caller,
        issue,
        release_id=data.release,
        changes=changes_from(data.changes) if data.changes is not None else None,
        statement=data.statement,
    )
    return present(schemas.IssueOut, await services.issues.get(caller, issue))


@post("/issues/{issue:int}/approvals", opt=needs("issue.read"), status_code=200, tags=_TAGS)
async def decide(
    issue: FromPath[int],
    data: JSONBody[schemas.NewApproval],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
) -> schemas.IssueOut:
    """Approve or reject stages; who may is decided by the stages' tiers, not by a role alone."""
    await services.approvals.decide(
        caller, issue, stages=data.stages, digests=data.digest, decision=data.decision, comment=data.comment
    )
    return present(schemas.IssueOut, await services.issues.get(caller, issue))


@post("/issues/{issue:int}/cancel", opt=needs("issue.cancel"), status_code=200, tags=_TAGS)
async def cancel_issue(
    issue: FromPath[int], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> schemas.IssueOut:
    """Cancel an issue: nothing further starts, and what runs is told to stop."""
    return present(schemas.IssueOut, await services.issues.cancel(caller, issue))


@post("/issues/{issue:int}/reopen", opt=needs("issue.cancel"), status_code=200, tags=_TAGS)
async def reopen_issue(
    issue: FromPath[int], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> schemas.IssueOut:
    """Open a canceled issue again."""
    return present(schemas.IssueOut, await services.issues.reopen(caller, issue))


@post("/issues/{issue:int}/resolve", opt=needs("issue.edit"), status_code=200, tags=_TAGS)
async def resolve_issue(
    issue: FromPath[int], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> schemas.IssueOut:
    """Confirm that an issue is done, or learn which tasks keep it from being so."""
    return present(schemas.IssueOut, await services.issues.resolve(caller, issue))


@post("/issues/{issue:int}/comments", opt=needs("issue.comment", idempotent=True), tags=_TAGS)
async def add_comment(
    issue: FromPath[int],
    data: JSONBody[schemas.NewComment],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
) -> schemas.ActivityOut:
    """Add a comment."""
    return present(schemas.ActivityOut, await services.issues.comment(caller, issue, data.body))


@get("/issues/{issue:int}/activity", opt=needs("issue.read"), tags=_TAGS)
async def list_activity(
    issue: FromPath[int],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Page[schemas.ActivityOut]:
    """Comments and events, oldest first."""
    return page_of(schemas.ActivityOut, await services.issues.activity(caller, issue, cut(page_size, page_token)))


ISSUE_ROUTES: Final[list[ControllerRouterHandler]] = [
    create_issue,
    list_issues,
    get_issue,
    update_issue,
    put_release,
    decide,
    cancel_issue,
    reopen_issue,
    resolve_issue,
    add_comment,
    list_activity,
]
