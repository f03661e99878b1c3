"""Database groups of a project."""

from __future__ import annotations

from typing import Annotated, Final

from litestar import Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler

from penstock.domain.access.decide import Principal
from penstock.services.container import Services
from penstock.web.guards import needs
from penstock.web.paging import PageSize, PageToken, cut, page_of
from penstock.web.present import changes, versioned
from penstock.web.schemas.catalog import DatabaseGroupOut, DatabaseOut, NewDatabaseGroup, PatchDatabaseGroup
from penstock.web.schemas.common import Page

_TAGS: Final = ["database groups"]


@get("/projects/{slug:str}/database-groups", opt=needs("database.read"), tags=_TAGS)
async def list_database_groups(
    slug: FromPath[str],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Page[DatabaseGroupOut]:
    """A project's database groups by slug."""
    return page_of(DatabaseGroupOut, await services.database_groups.listing(caller, slug, cut(page_size, page_token)))


@post("/projects/{slug:str}/database-groups", opt=needs("database.edit", idempotent=True), tags=_TAGS)
async def create_database_group(
    slug: FromPath[str],
    data: JSONBody[NewDatabaseGroup],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
) -> Response[DatabaseGroupOut]:
    """Add a database group: the databases of the project whose labels a selector chooses."""
    made = await services.database_groups.create(caller, slug, slug=data.slug, text=data.selector)
    return versioned(DatabaseGroupOut, made, 201)


@get("/projects/{slug:str}/selected-databases", opt=needs("database.read"), tags=_TAGS)
async def preview_database_group(
    slug: FromPath[str],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    selector: Annotated[str, QueryParameter(min_length=1, max_length=2_000)],
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Page[DatabaseOut]:
    """The databases of a project that a selector would choose, before a group of it is made."""
    found = await services.database_groups.preview(caller, slug, selector, cut(page_size, page_token))
    return page_of(DatabaseOut, found)


@get("/projects/{slug:str}/database-groups/{group:str}", opt=needs("database.read"), tags=_TAGS)
async def get_database_group(
    slug: FromPath[str],
    group: FromPath[str],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
) -> Response[DatabaseGroupOut]:
    """One database group."""
    return versioned(DatabaseGroupOut, await services.database_groups.get(caller, slug, group))


@patch("/projects/{slug:str}/database-groups/{group:str}", opt=needs("database.edit"), tags=_TAGS)
async def update_database_group(
    slug: FromPath[str],
    group: FromPath[str],
    data: JSONBody[PatchDatabaseGroup],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    if_match: NamedDependency[int | None],
) -> Response[DatabaseGroupOut]:
    """Give a database group another selector; issues keep the databases that they were filed for."""
    changed = await services.database_groups.update(caller, slug, group, changes(data), if_match)
    return versioned(DatabaseGroupOut, changed)


@delete("/projects/{slug:str}/database-groups/{group:str}", opt=needs("database.edit"), tags=_TAGS)
async def delete_database_group(
    slug: FromPath[str],
    group: FromPath[str],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    if_match: NamedDependency[int | None],
) -> None:
    """Remove a database group; issues keep the databases that they were filed for."""
    await services.database_groups.delete(caller, slug, group, if_match)


@get("/projects/{slug:str}/database-groups/{group:str}/databases", opt=needs("database.read"), tags=_TAGS)
async def list_group_databases(
    slug: FromPath[str],
    group: FromPath[str],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Page[DatabaseOut]:
    """The databases that a group selects now, by instance and name."""
    found = await services.database_groups.members(caller, slug, group, cut(page_size, page_token))
    return page_of(DatabaseOut, found)


DATABASE_GROUP_ROUTES: Final[list[ControllerRouterHandler]] = [
    list_database_groups,
    create_database_group,
    preview_database_group,
    get_database_group,
    update_database_group,
    delete_database_group,
    list_group_databases,
]
