"""Releases: immutable, ordered lists of changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ControllerRouterHandler

from penstock.domain.access.decide import Principal
from penstock.services.container import Services
from penstock.services.releases import NewChange
from penstock.web.guards import needs
from penstock.web.paging import PageSize, PageToken, cut, page_of
from penstock.web.present import present
from penstock.web.schemas import issues as schemas
from penstock.web.schemas.common import Page

_TAGS: Final = ["releases"]


def changes_from(filed: Sequence[schemas.NewChange]) -> list[NewChange]:
    """Changes of a request as the services take them."""
    return [
        NewChange(
            statement=c.statement,
            version=c.version,
            name=c.name,
            engine=c.engine,
            environments=c.environments,
            revert=c.revert,
            verify=c.verify,
        )
        for c in filed
    ]


@post("/releases", opt=needs("release.create", idempotent=True), tags=_TAGS)
async def create_release(
    data: JSONBody[schemas.NewRelease],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
) -> schemas.ReleaseOut:
    """Store a release without filing an issue for it."""
    record = await services.releases.create(caller, data.project, changes_from(data.changes), data.commit)
    return present(schemas.ReleaseOut, record)


@get("/releases", opt=needs("release.read"), tags=_TAGS)
async def list_releases(
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    project: FromQuery[str | None] = None,
    digest: FromQuery[str | None] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Page[schemas.ReleaseSummary]:
    """Releases that the caller sees, newest first; ``digest`` finds those with the same contents."""
    found = await services.releases.listing(caller, cut(page_size, page_token), project=project, digest=digest)
    return page_of(schemas.ReleaseSummary, found)


@get("/releases/{release:int}", opt=needs("release.read"), tags=_TAGS)
async def get_release(
    release: FromPath[int], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> schemas.ReleaseOut:
    """A release with the text of its changes."""
    return present(schemas.ReleaseOut, await services.releases.get(caller, release))


RELEASE_ROUTES: Final[list[ControllerRouterHandler]] = [create_release, list_releases, get_release]
