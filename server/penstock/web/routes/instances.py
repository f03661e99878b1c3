"""Instances: settings, test, sync.  A password is written, never read."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ControllerRouterHandler

from penstock.domain.access.decide import Principal
from penstock.engines.base import InstanceReport
from penstock.services.container import Services
from penstock.web.guards import needs
from penstock.web.paging import PageSize, PageToken, cut, page_of
from penstock.web.present import changes, versioned
from penstock.web.schemas.catalog import (
    InstanceOut,
    InstanceTest,
    NewInstance,
    PatchInstance,
    SyncStarted,
)
from penstock.web.schemas.common import Page

_TAGS: Final = ["instances"]


@get("/instances", opt=needs("instance.read"), tags=_TAGS)
async def list_instances(
    services: NamedDependency[Services],
    environment: FromQuery[str | None] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Page[InstanceOut]:
    """Instances by slug."""
    return page_of(InstanceOut, await services.instances.listing(cut(page_size, page_token), environment))


@post("/instances", opt=needs("instance.edit", idempotent=True), tags=_TAGS)
async def create_instance(
    data: JSONBody[NewInstance], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> Response[InstanceOut]:
    """Add an instance; it is synced every quarter of an hour from then on."""
    record = await services.instances.create(caller, data.slug, _settings(data), data.password)
    return versioned(InstanceOut, record, 201)


@get("/instances/{slug:str}", opt=needs("instance.read"), tags=_TAGS)
async def get_instance(slug: FromPath[str], services: NamedDependency[Services]) -> Response[InstanceOut]:
    """One instance."""
    return versioned(InstanceOut, await services.instances.get(slug))


@patch("/instances/{slug:str}", opt=needs("instance.edit"), tags=_TAGS)
async def update_instance(
    slug: FromPath[str],
    data: JSONBody[PatchInstance],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    if_match: NamedDependency[int | None],
) -> Response[InstanceOut]:
    """Change an instance; a new host, port or TLS mode needs the password again."""
    given = changes(data)
    password = given.pop("password", None)
    return versioned(InstanceOut, await services.instances.update(caller, slug, given, password, if_match))


@delete("/instances/{slug:str}", opt=needs("instance.edit"), tags=_TAGS)
async def delete_instance(
    slug: FromPath[str],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    if_match: NamedDependency[int | None],
) -> None:
    """Remove an instance on which nothing was ever run."""
    await services.instances.delete(caller, slug, if_match)


@post("/instances/test", opt=needs("instance.edit"), tags=_TAGS, status_code=200)
async def test_settings(
    data: JSONBody[NewInstance], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> InstanceTest:
    """Try to reach an instance before it is saved."""
    return _test(await services.instances.test_settings(caller, _settings(data), data.password))


@post("/instances/{slug:str}/test", opt=needs("instance.edit"), tags=_TAGS, status_code=200)
async def test_instance(
    slug: FromPath[str], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> InstanceTest:
    """Try to reach an instance, step by step."""
    return _test(await services.instances.test(caller, slug))


@post("/instances/{slug:str}/sync", opt=needs("instance.sync", idempotent=True), tags=_TAGS, status_code=202)
async def sync_instance(
    slug: FromPath[str], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> SyncStarted:
    """Read the databases and schemas of an instance now."""
    pipeline, already_running = await services.schedules.sync_now(caller, slug)
    return SyncStarted(pipeline=pipeline, already_running=already_running)


def _settings(data: NewInstance) -> dict[str, Any]:
    settings: dict[str, Any] = msgspec.to_builtins(data)
    del settings["slug"], settings["password"]
    return settings | {"name": data.name or data.slug}


def _test(report: InstanceReport) -> InstanceTest:
    return msgspec.convert(report, InstanceTest, from_attributes=True)


INSTANCE_ROUTES: Final[list[ControllerRouterHandler]] = [
    list_instances,
    create_instance,
    get_instance,
    update_instance,
    delete_instance,
    test_settings,
    test_instance,
    sync_instance,
]
