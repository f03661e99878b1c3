"""Plugins: who is told of events outside, and every message to them."""

from __future__ import annotations

from typing import Final, Literal

from litestar import Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ControllerRouterHandler

from penstock.domain.access.decide import Principal
from penstock.services.container import Services
from penstock.web.guards import needs
from penstock.web.paging import PageSize, PageToken, cut, page_of
from penstock.web.present import changes, present, versioned
from penstock.web.schemas.common import Page
from penstock.web.schemas.plugins import DeliveryOut, NewPlugin, PatchPlugin, PluginOut

_TAGS: Final = ["plugins"]


@get("/plugins", opt=needs("plugin.read"), tags=_TAGS)
async def list_plugins(
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Page[PluginOut]:
    """Plugins that the caller may see, oldest first."""
    return page_of(PluginOut, await services.plugins.listing(caller, cut(page_size, page_token)))


@post("/plugins", opt=needs("plugin.edit", idempotent=True), tags=_TAGS)
async def create_plugin(
    data: JSONBody[NewPlugin], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> Response[PluginOut]:
    """Add a receiver. The signing secret of a webhook is in this answer and in no other."""
    given = changes(data)
    return versioned(PluginOut, await services.plugins.create(caller, **given), 201)


@get("/plugins/{plugin:int}", opt=needs("plugin.read"), tags=_TAGS)
async def get_plugin(
    plugin: FromPath[int], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> Response[PluginOut]:
    """One receiver."""
    return versioned(PluginOut, await services.plugins.get(caller, plugin))


@patch("/plugins/{plugin:int}", opt=needs("plugin.edit"), tags=_TAGS)
async def update_plugin(
    plugin: FromPath[int],
    data: JSONBody[PatchPlugin],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    if_match: NamedDependency[int | None],
) -> Response[PluginOut]:
    """Change a receiver, switch it off or on again."""
    return versioned(PluginOut, await services.plugins.update(caller, plugin, changes(data), if_match))


@delete("/plugins/{plugin:int}", opt=needs("plugin.edit"), tags=_TAGS)
async def delete_plugin(
    plugin: FromPath[int],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    if_match: NamedDependency[int | None],
) -> None:
    """Remove a receiver and its deliveries."""
    await services.plugins.delete(caller, plugin, if_match)


@post("/plugins/{plugin:int}/rotate", opt=needs("plugin.edit"), status_code=200, tags=_TAGS)
async def rotate_secret(
    plugin: FromPath[int], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> Response[PluginOut]:
    """Give a webhook a new signing secret; for a day, messages carry the old one's signature too."""
    return versioned(PluginOut, await services.plugins.rotate(caller, plugin))


@get("/plugins/{plugin:int}/deliveries", opt=needs("plugin.read"), tags=_TAGS)
async def list_deliveries(
    plugin: FromPath[int],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    status: FromQuery[Literal["pending", "delivered", "dead"] | None] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Page[DeliveryOut]:
    """Messages to a receiver, newest first."""
    found = await services.plugins.deliveries(caller, plugin, cut(page_size, page_token), status)
    return page_of(DeliveryOut, found)


@post("/deliveries/{delivery:int}/replay", opt=needs("plugin.edit"), status_code=200, tags=_TAGS)
async def replay_delivery(
    delivery: FromPath[int], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> DeliveryOut:
    """Send a message again that was delivered or given up."""
    return present(DeliveryOut, await services.plugins.replay(caller, delivery))


PLUGIN_ROUTES: Final[list[ControllerRouterHandler]] = [
    list_plugins,
    create_plugin,
    get_plugin,
    update_plugin,
    delete_plugin,
    rotate_secret,
    list_deliveries,
    replay_delivery,
]
