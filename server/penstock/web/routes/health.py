"""Whether the process lives, whether it can work, and its metrics: all outside the API."""

from __future__ import annotations

from typing import Final

from litestar import HttpMethod, Response, get, route
from litestar.di import NamedDependency
from litestar.types import ControllerRouterHandler
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from penstock.services.container import Services
from penstock.web.guards import PUBLIC, needs

_METRICS: Final = CONTENT_TYPE_LATEST.removesuffix("; charset=utf-8")  # which Litestar adds by itself
_PROBE: Final = [HttpMethod.GET, HttpMethod.HEAD]


@route("/healthz", http_method=_PROBE, opt=needs(PUBLIC), include_in_schema=False, sync_to_thread=False)
def healthz() -> dict[str, str]:
    """The process answers: nothing else is asked, so an outage of the database restarts nothing."""
    return {"status": "ok"}


@route("/readyz", http_method=_PROBE, opt=needs(PUBLIC), include_in_schema=False)
async def readyz(services: NamedDependency[Services]) -> dict[str, str]:
    """The metadata database answers and has the schema of this version."""
    await services.readiness.check()
    return {"status": "ready"}


@get("/metrics", opt=needs("metrics.read"), include_in_schema=False, sync_to_thread=False)
def metrics() -> Response[bytes]:
    """Everything that is counted, for Prometheus."""
    return Response(generate_latest(REGISTRY), media_type=_METRICS)


HEALTH_ROUTES: Final[list[ControllerRouterHandler]] = [healthz, readyz, metrics]
