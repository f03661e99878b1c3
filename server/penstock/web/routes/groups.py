"""Groups of people, whom approval tiers may ask."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from litestar import Response, delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler

from penstock.domain.access.decide import Principal
from penstock.services.container import Services
from penstock.store.rows import Record
from penstock.web.etag import etag
from penstock.web.guards import needs
from penstock.web.paging import PageSize, PageToken, cut, page_of
from penstock.web.present import changes, present, versioned
from penstock.web.schemas.catalog import GroupOut, NewGroup, PatchGroup
from penstock.web.schemas.common import Email, Page, Person

_TAGS: Final = ["groups"]
People = Annotated[list[Email], msgspec.Meta(max_length=1_000)]


@get("/groups", opt=needs("group.read"), tags=_TAGS)
async def list_groups(
    services: NamedDependency[Services], page_size: PageSize = 50, page_token: PageToken = None
) -> Page[GroupOut]:
    """Groups of people by slug."""
    return page_of(GroupOut, await services.user_groups.listing(cut(page_size, page_token)))


@post("/groups", opt=needs("group.edit", idempotent=True), tags=_TAGS)
async def create_group(
    data: JSONBody[NewGroup], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> Response[GroupOut]:
    """Add a group, with nobody in it yet."""
    return versioned(GroupOut, await services.user_groups.create(caller, slug=data.slug, name=data.name), 201)


@get("/groups/{slug:str}", opt=needs("group.read"), tags=_TAGS)
async def get_group(slug: FromPath[str], services: NamedDependency[Services]) -> Response[GroupOut]:
    """One group."""
    return versioned(GroupOut, await services.user_groups.get(slug))


@patch("/groups/{slug:str}", opt=needs("group.edit"), tags=_TAGS)
async def update_group(
    slug: FromPath[str],
    data: JSONBody[PatchGroup],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    if_match: NamedDependency[int | None],
) -> Response[GroupOut]:
    """Rename a group."""
    return versioned(GroupOut, await services.user_groups.update(caller, slug, changes(data), if_match))


@delete("/groups/{slug:str}", opt=needs("group.edit"), tags=_TAGS)
async def delete_group(
    slug: FromPath[str],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    if_match: NamedDependency[int | None],
) -> None:
    """Remove a group that no approval tier asks."""
    await services.user_groups.delete(caller, slug, if_match)


@get("/groups/{slug:str}/members", opt=needs("group.read"), tags=_TAGS)
async def list_group_members(slug: FromPath[str], services: NamedDependency[Services]) -> Response[list[Person]]:
    """The people of a group; the ETag is the group's."""
    return _people(*await services.user_groups.members(slug))


@put("/groups/{slug:str}/members", opt=needs("group.edit"), tags=_TAGS)
async def put_group_members(
    slug: FromPath[str],
    data: JSONBody[People],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    if_match: NamedDependency[int | None],
) -> Response[list[Person]]:
    """Replace the people of a group, named by e-mail."""
    return _people(*await services.user_groups.put_members(caller, slug, data, if_match))


def _people(records: list[Record], version: int) -> Response[Any]:
    return Response([present(Person, record["person"]) for record in records], headers=etag(version))


GROUP_ROUTES: Final[list[ControllerRouterHandler]] = [
    list_groups,
    create_group,
    get_group,
    update_group,
    delete_group,
    list_group_members,
    put_group_members,
]
