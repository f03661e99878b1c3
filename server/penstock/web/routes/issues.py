"""Issues: file, list, edit, discuss, approve, cancel, reopen, resolve."""

from __future__ import annotations

from typing import Final, Literal

from litestar import get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ControllerRouterHandler

from penstock.domain.access.decide import Principal
from penstock.services.container import Services
from penstock.services.filing import Targets
from penstock.services.issues import Filter, NewIssue
from penstock.services.revisions import NewRevision
from penstock.web.guards import needs
from penstock.web.paging import PageSize, PageToken, cut, page_of
from penstock.web.pipelines import adoption_from, fan_out_from, pipeline_from
from penstock.web.present import changes, present
from penstock.web.routes.releases import changes_from
from penstock.web.schemas import issues as schemas
from penstock.web.schemas.common import Page

_TAGS: Final = ["issues"]


@post("/issues", opt=needs("issue.create", idempotent=True), tags=_TAGS)
async def create_issue(
    data: JSONBody[schemas.NewIssue], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> schemas.IssueOut:
    """File an issue: one stage per environment, one task per database; or for a pipeline that has none yet."""
    if data.pipeline is not None and data.pipeline.id is not None:
        return present(schemas.IssueOut, await services.issues.adopt(caller, adoption_from(data, data.pipeline.id)))
    new = NewIssue(
        project=data.project,
        title=data.title,
        description=data.description,
        labels=data.labels,
        targets=_targets(data.targets),
        fan_out=fan_out_from(data.fan_out),
        pipeline=pipeline_from(data.pipeline) if data.pipeline is not None and data.pipeline.id is None else None,
        release_id=data.release if isinstance(data.release, int) else None,
        changes=changes_from(data.release.changes) if isinstance(data.release, schemas.IssueRelease) else None,
        statement=data.statement,
    )
    return present(schemas.IssueOut, await services.issues.create(caller, new))


def _targets(data: schemas.Targets | None) -> Targets | None:
    return Targets(data.databases, data.environments, data.group) if data is not None else None


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
    filed = changes_from(data.changes) if data.changes is not None else None
    given = NewRevision(release_id=data.release, changes=filed, statement=data.statement)
    await services.revisions.put(caller, issue, given)
    return present(schemas.IssueOut, await services.issues.get(caller, issue))


@post("/issues/{issue:int}/re-resolve", opt=needs("issue.edit"), status_code=200, tags=_TAGS)
async def resolve_group_again(
    issue: FromPath[int], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> schemas.IssueOut:
    """Choose the databases of an issue's group again; approvals of stages that change become stale."""
    await services.group_targets.resolve_again(caller, issue)
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


@post("/issues/{issue:int}/request-approval", opt=needs("issue.edit"), status_code=200, tags=_TAGS)
async def request_approval(
    issue: FromPath[int],
    data: JSONBody[schemas.AskAgain],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
) -> schemas.IssueOut:
    """Ask for the approvals that are missing once more; a rejection stays until its giver approves or the change is
    edited."""
    await services.approvals.ask_again(caller, issue, data.comment)
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
    resolve_group_again,
    decide,
    request_approval,
    cancel_issue,
    reopen_issue,
    resolve_issue,
    add_comment,
    list_activity,
]
