"""Projects and their members."""

from __future__ import annotations

from typing import Any, Final

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
from penstock.web.schemas.accounts import Member, MemberOut
from penstock.web.schemas.catalog import NewProject, PatchProject, ProjectOut
from penstock.web.schemas.common import Page

_TAGS: Final = ["projects"]


@get("/projects", opt=needs("project.list"), tags=_TAGS)
async def list_projects(
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Page[ProjectOut]:
    """The projects that the caller may see, by slug."""
    return page_of(ProjectOut, await services.projects.listing(caller, cut(page_size, page_token)))


@post("/projects", opt=needs("project.create", idempotent=True), tags=_TAGS)
async def create_project(
    data: JSONBody[NewProject], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> Response[ProjectOut]:
    """Add a project, owned by who makes it."""
    record = await services.projects.create(caller, slug=data.slug, name=data.name, description=data.description)
    return versioned(ProjectOut, record, 201)


@get("/projects/{slug:str}", opt=needs("project.read"), tags=_TAGS)
async def get_project(
    slug: FromPath[str], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> Response[ProjectOut]:
    """One project."""
    return versioned(ProjectOut, await services.projects.get(caller, slug))


@patch("/projects/{slug:str}", opt=needs("project.edit"), tags=_TAGS)
async def update_project(
    slug: FromPath[str],
    data: JSONBody[PatchProject],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    if_match: NamedDependency[int | None],
) -> Response[ProjectOut]:
    """Rename or describe a project."""
    return versioned(ProjectOut, await services.projects.update(caller, slug, changes(data), if_match))


@delete("/projects/{slug:str}", opt=needs("project.delete"), tags=_TAGS)
async def delete_project(
    slug: FromPath[str],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    if_match: NamedDependency[int | None],
) -> None:
    """Remove a project that holds nothing."""
    await services.projects.delete(caller, slug, if_match)


@get("/projects/{slug:str}/members", opt=needs("project.read"), tags=_TAGS)
async def list_members(
    slug: FromPath[str], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> Response[list[MemberOut]]:
    """The members of a project; the ETag is the project's."""
    return _members(*await services.projects.members(caller, slug))


@put("/projects/{slug:str}/members", opt=needs("member.edit"), tags=_TAGS)
async def put_members(
    slug: FromPath[str],
    data: JSONBody[list[Member]],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    if_match: NamedDependency[int | None],
) -> Response[list[MemberOut]]:
    """Replace the members of a project."""
    wanted = [(member.principal, member.role) for member in data]
    return _members(*await services.projects.put_members(caller, slug, wanted, if_match))


def _members(records: list[Record], version: int) -> Response[Any]:
    return Response([present(MemberOut, _named(record)) for record in records], headers=etag(version))


def _named(record: Record) -> Record:
    person = record["person"]
    named = f"user:{person['email']}" if person["kind"] == "person" else f"service:{person['id']}"
    return record | {"principal": named}


PROJECT_ROUTES: Final[list[ControllerRouterHandler]] = [
    list_projects,
    create_project,
    get_project,
    update_project,
    delete_project,
    list_members,
    put_members,
]
