"""Status checks: what other systems report of releases, and what is required of them."""

from __future__ import annotations

from typing import Final

from litestar import Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ControllerRouterHandler

from penstock.domain.access.decide import Principal
from penstock.services.checks import NewReport
from penstock.services.container import Services
from penstock.web.etag import etag
from penstock.web.guards import needs
from penstock.web.paging import PageSize, PageToken, cut, page_of
from penstock.web.present import present
from penstock.web.schemas.checks import (
    CheckedEnvironment,
    CheckMatrix,
    CheckRow,
    NewStatus,
    RequiredChecks,
    RequiredChecksOut,
    StatusOut,
)
from penstock.web.schemas.common import Page

_TAGS: Final = ["checks"]


@post("/releases/{release:int}/statuses", opt=needs("check.report", idempotent=True), tags=_TAGS)
async def report_status(
    release: FromPath[int],
    data: JSONBody[NewStatus],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
) -> StatusOut:
    """Report on a release in an environment, before or after it is applied there; again to update."""
    new = NewReport(**{field: getattr(data, field) for field in data.__struct_fields__})
    return present(StatusOut, await services.checks.report(caller, release, new))


@get("/releases/{release:int}/statuses", opt=needs("release.read"), tags=_TAGS)
async def list_statuses(
    release: FromPath[int],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    environment: FromQuery[str | None] = None,
    context: FromQuery[str | None] = None,
    history: FromQuery[bool] = False,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Page[StatusOut]:
    """What was reported of a release, the newest first: the latest of each context, or all with ``history``."""
    found = await services.checks.of_release(
        caller,
        release,
        cut(page_size, page_token),
        environment=environment,
        context=context,
        history=history,
    )
    return page_of(StatusOut, found)


@get("/projects/{slug:str}/checks", opt=needs("release.read"), tags=_TAGS)
async def project_checks(
    slug: FromPath[str],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> CheckMatrix:
    """Every context that was reported in a project, by environment."""
    found, about = await services.checks.matrix(caller, slug, cut(page_size, page_token))
    rows = page_of(CheckRow, found)
    return CheckMatrix(
        items=rows.items,
        next_page_token=rows.next_page_token,
        environments=[present(CheckedEnvironment, e) for e in about["environments"]],
        can_require=about["can_require"],
    )


@get("/projects/{slug:str}/statuses", opt=needs("release.read"), tags=_TAGS)
async def project_statuses(
    slug: FromPath[str],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    environment: FromQuery[str | None] = None,
    context: FromQuery[str | None] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Page[StatusOut]:
    """Every report in a project, whichever release it is about, the newest first."""
    found = await services.checks.of_project(
        caller, slug, cut(page_size, page_token), environment=environment, context=context
    )
    return page_of(StatusOut, found)


@get("/projects/{slug:str}/environments/{environment:str}/required-checks", opt=needs("release.read"), tags=_TAGS)
async def get_required_checks(
    slug: FromPath[str],
    environment: FromPath[str],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
) -> Response[RequiredChecksOut]:
    """What a release cannot leave an environment without; the ETag is the project's."""
    return _required(*await services.checks.required(caller, slug, environment))


@put("/projects/{slug:str}/environments/{environment:str}/required-checks", opt=needs("check.require"), tags=_TAGS)
async def put_required_checks(
    slug: FromPath[str],
    environment: FromPath[str],
    data: JSONBody[RequiredChecks],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    if_match: NamedDependency[int | None],
) -> Response[RequiredChecksOut]:
    """Replace what a release cannot leave an environment without: contexts that were reported in the project before."""
    return _required(*await services.checks.require(caller, slug, environment, data.contexts, if_match))


def _required(contexts: list[str], version: int) -> Response[RequiredChecksOut]:
    return Response(RequiredChecksOut(contexts=contexts), headers=etag(version))


CHECK_ROUTES: Final[list[ControllerRouterHandler]] = [
    report_status,
    list_statuses,
    project_checks,
    project_statuses,
    get_required_checks,
    put_required_checks,
]
