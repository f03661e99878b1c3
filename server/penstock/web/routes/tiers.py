"""Approval tiers."""

from __future__ import annotations

from typing import Final

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler

from penstock.domain.access.decide import Principal
from penstock.services.container import Services
from penstock.web.guards import needs
from penstock.web.paging import PageSize, PageToken, cut, page_of
from penstock.web.present import changes, versioned
from penstock.web.schemas.catalog import NewTier, Opening, PatchTier, TierOut, WindowsPreview
from penstock.web.schemas.common import Page

_TAGS: Final = ["approval tiers"]


@get("/approval-tiers", opt=needs("tier.read"), tags=_TAGS)
async def list_tiers(
    services: NamedDependency[Services], page_size: PageSize = 50, page_token: PageToken = None
) -> Page[TierOut]:
    """Approval tiers by slug."""
    return page_of(TierOut, await services.tiers.listing(cut(page_size, page_token)))


@post("/approval-tiers", opt=needs("tier.edit", idempotent=True), tags=_TAGS)
async def create_tier(
    data: JSONBody[NewTier], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> Response[TierOut]:
    """Add an approval tier."""
    rules = changes(data)
    slug, name = rules.pop("slug"), rules.pop("name")
    return versioned(TierOut, await services.tiers.create(caller, slug=slug, name=name, rules=rules), 201)


@post("/approval-tiers/openings", opt=needs("tier.read"), status_code=200, tags=_TAGS)
async def preview_windows(data: JSONBody[WindowsPreview], services: NamedDependency[Services]) -> list[Opening]:
    """When windows that are not saved yet would be open next; nothing is stored."""
    spans = await services.tiers.openings([msgspec.to_builtins(w) for w in data.windows])
    return [Opening(starts=span.starts, ends=span.ends) for span in spans]


@get("/approval-tiers/{slug:str}", opt=needs("tier.read"), tags=_TAGS)
async def get_tier(slug: FromPath[str], services: NamedDependency[Services]) -> Response[TierOut]:
    """One approval tier."""
    return versioned(TierOut, await services.tiers.get(slug))


@patch("/approval-tiers/{slug:str}", opt=needs("tier.edit"), tags=_TAGS)
async def update_tier(
    slug: FromPath[str],
    data: JSONBody[PatchTier],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    if_match: NamedDependency[int | None],
) -> Response[TierOut]:
    """Change an approval tier; open stages are asked again under the new rules."""
    return versioned(TierOut, await services.tiers.update(caller, slug, changes(data), if_match))


@delete("/approval-tiers/{slug:str}", opt=needs("tier.edit"), tags=_TAGS)
async def delete_tier(
    slug: FromPath[str],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    if_match: NamedDependency[int | None],
) -> None:
    """Remove an approval tier that no environment uses."""
    await services.tiers.delete(caller, slug, if_match)


TIER_ROUTES: Final[list[ControllerRouterHandler]] = [
    list_tiers,
    create_tier,
    preview_windows,
    get_tier,
    update_tier,
    delete_tier,
]
