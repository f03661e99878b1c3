"""Freezing environments and projects, and stopping everything."""

from __future__ import annotations

from typing import Final

from litestar import delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler

from penstock.domain.access.decide import Principal
from penstock.services.container import Services
from penstock.web.guards import needs
from penstock.web.present import present
from penstock.web.schemas.catalog import WithReason
from penstock.web.schemas.gates import FreezeOut, Frozen, NewFreeze

_TAGS: Final = ["freezes"]


@get("/freezes", opt=needs("environment.read"), tags=_TAGS)
async def list_freezes(services: NamedDependency[Services], caller: NamedDependency[Principal]) -> list[Frozen]:
    """Every freeze in force that concerns the caller: of the workspace, of environments, of their projects."""
    return [present(Frozen, record) for record in await services.freezes.listing(caller)]


@get("/environments/{slug:str}/freeze", opt=needs("environment.read"), tags=_TAGS)
async def get_environment_freeze(
    slug: FromPath[str], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> FreezeOut:
    """Whether an environment is frozen."""
    return present(FreezeOut, await services.freezes.get(caller, environment=slug))


@put("/environments/{slug:str}/freeze", opt=needs("environment.freeze"), tags=_TAGS)
async def freeze_environment(
    slug: FromPath[str],
    data: JSONBody[NewFreeze],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
) -> FreezeOut:
    """Let nothing start in an environment, until a time or until somebody ends it."""
    return present(FreezeOut, await services.freezes.put(caller, data.reason, data.until, environment=slug))


@delete("/environments/{slug:str}/freeze", opt=needs("environment.freeze"), tags=_TAGS)
async def thaw_environment(
    slug: FromPath[str], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> None:
    """End the freeze of an environment."""
    await services.freezes.delete(caller, environment=slug)


@get("/projects/{slug:str}/freeze", opt=needs("project.read"), tags=_TAGS)
async def get_project_freeze(
    slug: FromPath[str], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> FreezeOut:
    """Whether a project is frozen."""
    return present(FreezeOut, await services.freezes.get(caller, project=slug))


@put("/projects/{slug:str}/freeze", opt=needs("project.freeze"), tags=_TAGS)
async def freeze_project(
    slug: FromPath[str],
    data: JSONBody[NewFreeze],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
) -> FreezeOut:
    """Let nothing start in a project, until a time or until somebody ends it."""
    return present(FreezeOut, await services.freezes.put(caller, data.reason, data.until, project=slug))


@delete("/projects/{slug:str}/freeze", opt=needs("project.freeze"), tags=_TAGS)
async def thaw_project(
    slug: FromPath[str], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> None:
    """End the freeze of a project."""
    await services.freezes.delete(caller, project=slug)


@get("/workspace/stop", opt=needs("environment.read"), tags=_TAGS)
async def get_stop(services: NamedDependency[Services], caller: NamedDependency[Principal]) -> FreezeOut:
    """Whether everything is stopped."""
    return present(FreezeOut, await services.freezes.get(caller))


@put("/workspace/stop", opt=needs("workspace.stop"), tags=_TAGS)
async def stop_everything(
    data: JSONBody[WithReason], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> FreezeOut:
    """Stop everything: what runs goes on to its end, nothing further starts anywhere."""
    return present(FreezeOut, await services.freezes.put(caller, data.reason))


@delete("/workspace/stop", opt=needs("workspace.stop"), tags=_TAGS)
async def end_stop(services: NamedDependency[Services], caller: NamedDependency[Principal]) -> None:
    """Let work start again."""
    await services.freezes.delete(caller)


FREEZE_ROUTES: Final[list[ControllerRouterHandler]] = [
    list_freezes,
    get_environment_freeze,
    freeze_environment,
    thaw_environment,
    get_project_freeze,
    freeze_project,
    thaw_project,
    get_stop,
    stop_everything,
    end_stop,
]
