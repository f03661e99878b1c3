"""Drifts: databases that are not as they are expected to be; and what databases were."""

from __future__ import annotations

from typing import Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ControllerRouterHandler

from penstock.domain.access.decide import Principal
from penstock.services.container import Services
from penstock.web.guards import needs
from penstock.web.paging import PageSize, PageToken, cut, page_of
from penstock.web.present import present, versioned
from penstock.web.routes.databases import reference
from penstock.web.schemas.common import Page
from penstock.web.schemas.drifts import (
    AcceptDrift,
    DriftDetail,
    DriftOut,
    DriftStatus,
    IgnoreDrift,
    SnapshotDetail,
    SnapshotOut,
)

_TAGS: Final = ["drifts"]


@get("/drifts", opt=needs("database.read"), tags=_TAGS)
async def list_drifts(
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    project: FromQuery[str | None] = None,
    status: FromQuery[DriftStatus | None] = None,
    database: FromQuery[str | None] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Page[DriftOut]:
    """Drifts of the databases that the caller may see, newest first."""
    of = None if database is None else reference(database)
    place = cut(page_size, page_token)
    found = await services.drifts.listing(caller, place, project=project, status=status, database=of)
    return page_of(DriftOut, found)


@get("/drifts/{drift:int}", opt=needs("database.read"), tags=_TAGS)
async def get_drift(
    drift: FromPath[int], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> Response[DriftDetail]:
    """One drift, with everything that differs."""
    found, changes = await services.drifts.get(caller, drift)
    return versioned(DriftDetail, found | {"diff": list(changes)})


@post("/drifts/{drift:int}/accept", opt=needs("drift.accept"), status_code=200, tags=_TAGS)
async def accept_drift(
    drift: FromPath[int],
    data: JSONBody[AcceptDrift],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
) -> DriftOut:
    """Expect the database to be as it was found, from now on."""
    return present(DriftOut, await services.drifts.accept(caller, drift, data.comment, data.found))


@post("/drifts/{drift:int}/ignore", opt=needs("drift.accept"), status_code=200, tags=_TAGS)
async def ignore_drift(
    drift: FromPath[int],
    data: JSONBody[IgnoreDrift],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
) -> DriftOut:
    """Leave it as it is until the database changes again, or until a time."""
    found = await services.drifts.ignore(caller, drift, data.comment, data.found, data.until)
    return present(DriftOut, found)


@get("/databases/{database:str}/snapshots", opt=needs("database.read"), tags=_TAGS)
async def list_snapshots(
    database: FromPath[str],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Page[SnapshotOut]:
    """What a database was, newest first; the newest hundred are kept."""
    found = await services.drifts.snapshots(caller, reference(database), cut(page_size, page_token))
    return page_of(SnapshotOut, found)


@get("/snapshots/{snapshot:int}", opt=needs("database.read"), tags=_TAGS)
async def get_snapshot(
    snapshot: FromPath[int], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> SnapshotDetail:
    """One of the snapshots of a database, with the schema."""
    found, schema = await services.drifts.snapshot(caller, snapshot)
    return present(SnapshotDetail, found | {"schemas": list(schema.schemas)})


DRIFT_ROUTES: Final[list[ControllerRouterHandler]] = [
    list_drifts,
    get_drift,
    accept_drift,
    ignore_drift,
    list_snapshots,
    get_snapshot,
]
