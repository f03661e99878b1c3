"""Releases on their way: promote them, see what that would do, see where they are, take them back."""

from __future__ import annotations

from typing import Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler

from penstock.domain.access.decide import Principal
from penstock.services.container import Services
from penstock.services.promotion_preview import preview
from penstock.services.promotions import NewPromotion
from penstock.web.guards import needs
from penstock.web.paging import PageSize, PageToken, cut, encode, page_of
from penstock.web.pipelines import fan_out_from
from penstock.web.present import present
from penstock.web.routes.databases import reference
from penstock.web.schemas import promotions as schemas
from penstock.web.schemas.common import Page

_TAGS: Final = ["promotions"]


def _promotion_from(data: schemas.NewPromotion) -> NewPromotion:
    return NewPromotion(
        project=data.project,
        release_id=data.release,
        source_environment=data.source.environment if data.source is not None else None,
        source_database=data.source.database if data.source is not None else None,
        target_environment=data.targets.environment if data.targets is not None else None,
        target_databases=data.targets.databases if data.targets is not None else None,
        override=data.override.reason if data.override is not None else None,
        title=data.title,
        description=data.description,
        fan_out=fan_out_from(data.fan_out),
    )


@post("/promotions", opt=needs("issue.create", idempotent=True), tags=_TAGS)
async def promote(
    data: JSONBody[schemas.NewPromotion], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> schemas.PromotionOut:
    """Move a release to the next environment: files an issue with the same release, same id and same digest."""
    return present(schemas.PromotionOut, await services.promotions.create(caller, _promotion_from(data)))


@post("/promotions/preview", opt=needs("issue.create"), status_code=200, tags=_TAGS)
async def preview_promotion(
    data: JSONBody[schemas.NewPromotion], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> schemas.PromotionPreview:
    """What a promotion would run, where, and what stands against it; stores nothing."""
    return present(schemas.PromotionPreview, await preview(services.database, caller, _promotion_from(data)))


@get("/projects/{slug:str}/board", opt=needs("release.read"), tags=_TAGS)
async def get_board(
    slug: FromPath[str],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> schemas.Board:
    """Which release every database of a project has, and what could be promoted; paged by databases."""
    record, key = await services.board.get(caller, slug, cut(page_size, page_token))
    return present(schemas.Board, record | {"next_page_token": None if key is None else encode(key)})


@get("/databases/{database:str}/releases", opt=needs("release.read"), tags=_TAGS)
async def list_database_releases(
    database: FromPath[str],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Page[schemas.DatabaseRelease]:
    """The releases that a database had, newest first; the first of them is its current one."""
    found = await services.board.releases_of(caller, reference(database), cut(page_size, page_token))
    return page_of(schemas.DatabaseRelease, found)


@post("/issues/{issue:int}/revert", opt=needs("issue.create", idempotent=True), tags=_TAGS)
async def revert_issue(
    issue: FromPath[int],
    data: JSONBody[schemas.NewRevert],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
) -> schemas.RevertOut:
    """File an issue that takes back what this one applied, by its changes' ``revert``, last change first."""
    made = await services.reverts.create(caller, issue, title=data.title, description=data.description)
    return present(schemas.RevertOut, made)


PROMOTION_ROUTES: Final[list[ControllerRouterHandler]] = [
    promote,
    preview_promotion,
    get_board,
    list_database_releases,
    revert_issue,
]
