"""Environments."""

from __future__ import annotations

from typing import Final

from litestar import Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler

from penstock.domain.access.decide import Principal
from penstock.services.container import Services
from penstock.web.guards import needs
from penstock.web.paging import PageSize, PageToken, cut, page_of
from penstock.web.present import changes, versioned
from penstock.web.schemas.catalog import EnvironmentOut, NewEnvironment, PatchEnvironment
from penstock.web.schemas.common import Page

_TAGS: Final = ["environments"]


@get("/environments", opt=needs("environment.read"), tags=_TAGS)
async def list_environments(
    services: NamedDependency[Services], page_size: PageSize = 50, page_token: PageToken = None
) -> Page[EnvironmentOut]:
    """Environments in their order."""
    return page_of(EnvironmentOut, await services.environments.listing(cut(page_size, page_token)))


@post("/environments", opt=needs("environment.edit", idempotent=True), tags=_TAGS)
async def create_environment(
    data: JSONBody[NewEnvironment], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> Response[EnvironmentOut]:
    """Add an environment before the one at ``position``, or last."""
    record = await services.environments.create(
        caller,
        slug=data.slug,
        name=data.name,
        tier=data.tier,
        position=data.position,
        max_running_tasks=data.max_running_tasks,
    )
    return versioned(EnvironmentOut, record, 201)


@get("/environments/{slug:str}", opt=needs("environment.read"), tags=_TAGS)
async def get_environment(slug: FromPath[str], services: NamedDependency[Services]) -> Response[EnvironmentOut]:
    """One environment."""
    return versioned(EnvironmentOut, await services.environments.get(slug))


@patch("/environments/{slug:str}", opt=needs("environment.edit"), tags=_TAGS)
async def update_environment(
    slug: FromPath[str],
    data: JSONBody[PatchEnvironment],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    if_match: NamedDependency[int | None],
) -> Response[EnvironmentOut]:
    """Rename an environment, move it, or give it another tier or limit."""
    record = await services.environments.update(caller, slug, changes(data), if_match)
    return versioned(EnvironmentOut, record)


@delete("/environments/{slug:str}", opt=needs("environment.edit"), tags=_TAGS)
async def delete_environment(
    slug: FromPath[str],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    if_match: NamedDependency[int | None],
) -> None:
    """Remove an environment that nothing uses."""
    await services.environments.delete(caller, slug, if_match)


ENVIRONMENT_ROUTES: Final[list[ControllerRouterHandler]] = [
    list_environments,
    create_environment,
    get_environment,
    update_environment,
    delete_environment,
]
