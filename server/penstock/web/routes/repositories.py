"""Git repositories, their pull requests, and the address that their hosts call."""

from __future__ import annotations

from typing import Annotated, Any, Final

from litestar import Request, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, PathParameter
from litestar.types import ControllerRouterHandler

from penstock.domain.access.decide import Principal
from penstock.domain.repositories import LARGEST_HOOK, Hook
from penstock.services.container import Services
from penstock.web.guards import PUBLIC, needs
from penstock.web.paging import PageSize, PageToken, cut, page_of
from penstock.web.present import changes, versioned
from penstock.web.schemas.common import Page
from penstock.web.schemas.repositories import (
    HookTaken,
    NewRepository,
    PatchRepository,
    PullRequestOut,
    RepositoryOut,
)

_TAGS: Final = ["repositories"]
Number = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]


@get("/repositories", opt=needs("repository.read"), tags=_TAGS)
async def list_repositories(
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Page[RepositoryOut]:
    """Repositories that the caller may see, by slug."""
    return page_of(RepositoryOut, await services.repositories.listing(caller, cut(page_size, page_token)))


@post("/repositories", opt=needs("repository.edit", idempotent=True), tags=_TAGS)
async def create_repository(
    data: JSONBody[NewRepository], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> Response[RepositoryOut]:
    """Add a repository. The secret of its webhook is in this answer and in no other."""
    return versioned(RepositoryOut, await services.repositories.create(caller, changes(data)), 201)


@get("/repositories/{slug:str}", opt=needs("repository.read"), tags=_TAGS)
async def get_repository(
    slug: FromPath[str], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> Response[RepositoryOut]:
    """One repository."""
    return versioned(RepositoryOut, await services.repositories.get(caller, slug))


@patch("/repositories/{slug:str}", opt=needs("repository.edit"), tags=_TAGS)
async def update_repository(
    slug: FromPath[str],
    data: JSONBody[PatchRepository],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    if_match: NamedDependency[int | None],
) -> Response[RepositoryOut]:
    """Change where it is, what is read of it, and what follows from a merge."""
    return versioned(RepositoryOut, await services.repositories.update(caller, slug, changes(data), if_match))


@delete("/repositories/{slug:str}", opt=needs("repository.edit"), tags=_TAGS)
async def delete_repository(
    slug: FromPath[str],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    if_match: NamedDependency[int | None],
) -> None:
    """Remove a repository; issues and releases that came from it stay."""
    await services.repositories.delete(caller, slug, if_match)


@post("/repositories/{slug:str}/rotate", opt=needs("repository.edit"), status_code=200, tags=_TAGS)
async def rotate_hook_secret(
    slug: FromPath[str], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> Response[RepositoryOut]:
    """Give its webhook a new secret; the old one ends at once."""
    return versioned(RepositoryOut, await services.repositories.rotate(caller, slug))


@get("/repositories/{slug:str}/pull-requests", opt=needs("repository.read"), tags=_TAGS)
async def list_pull_requests(
    slug: FromPath[str],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Page[PullRequestOut]:
    """Its pull requests, newest first."""
    found = await services.repositories.pull_requests(caller, slug, cut(page_size, page_token))
    return page_of(PullRequestOut, found)


@post(
    "/repositories/{slug:str}/pull-requests/{number:int}/look",
    opt=needs("repository.edit"),
    status_code=202,
    tags=_TAGS,
)
async def look_at_pull_request(
    slug: FromPath[str], number: Number, services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> HookTaken:
    """Look at a pull request now, for when its webhook was lost."""
    await services.repositories.look_again(caller, slug, number)
    return HookTaken(pull_request=number)


@post(
    "/webhooks/git/{slug:str}",
    opt=needs(PUBLIC),
    status_code=202,
    tags=_TAGS,
    request_max_body_size=LARGEST_HOOK,
)
async def receive_webhook(
    slug: FromPath[str], request: Request[Any, Any, Any], services: NamedDependency[Services]
) -> HookTaken:
    """What GitHub and GitLab call. It counts only with the repository's secret: a signature of the body
    (``X-Hub-Signature-256``), or the secret itself (``X-Gitlab-Token``); when that is a signing token of GitLab's, a
    signature of body, id and time (``webhook-signature``), a time within five minutes of ours."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    return HookTaken(pull_request=await services.repositories.receive(slug, Hook(headers, await request.body())))


REPOSITORY_ROUTES: Final[list[ControllerRouterHandler]] = [
    list_repositories,
    create_repository,
    get_repository,
    update_repository,
    delete_repository,
    rotate_hook_secret,
    list_pull_requests,
    look_at_pull_request,
    receive_webhook,
]
