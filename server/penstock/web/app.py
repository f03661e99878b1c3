"""Builds the web application from the services: routes, who may call them, how errors are answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from litestar import Litestar, Request, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from penstock.domain.access.decide import Principal
from penstock.services.container import Services
from penstock.web import openapi, problems
from penstock.web.auth import Authentication, Credential
from penstock.web.etag import if_match
from penstock.web.guards import check_permission, check_routes
from penstock.web.idempotency import IdempotencyKeys
from penstock.web.routes import ALL_ROUTES
from penstock.web.routes.health import HEALTH_ROUTES
from penstock.web.routes.reference import REFERENCE_ROUTES
from penstock.web.server import Application
from penstock.web.settings import WebSettings
from penstock.web.spa import spa
from penstock.web.strict import MAX_BODY_BYTES, strict


def create_app(
    services: Services,
    *,
    stopping: asyncio.Event | None = None,
    dist: Path | None = None,
    settings: WebSettings | None = None,
    routes: Sequence[ControllerRouterHandler] = ALL_ROUTES,
) -> Litestar:
    """The application; its lifespan runs the event hub and leaves the database to whoever opened it.

    Args:
        stopping: set it when the process stops: open streams then end at once.
        dist: the built user interface; without one only the API is served.
        routes: handlers below ``/api/v1``.

    Raises:
        RuntimeError: a route declares no permission.
    """
    web = settings or WebSettings()

    @asynccontextmanager
    async def hub(_: Litestar) -> AsyncIterator[None]:
        await services.hub.start()
        try:
            yield
        finally:
            await services.hub.stop()

    api = Router("/api/v1", route_handlers=routes, before_request=strict)
    interface = [spa(dist)] if dist is not None else []
    app = Application(
        [api, *REFERENCE_ROUTES, *HEALTH_ROUTES, *interface],
        lifespan=[hub],
        state=State({"services": services, "stopping": stopping or asyncio.Event(), "web": web}),
        dependencies={
            "services": Provide(_services, sync_to_thread=False),
            "caller": Provide(_caller, sync_to_thread=False),
            "credential": Provide(_credential, sync_to_thread=False),
            "if_match": Provide(_if_match, sync_to_thread=False),
        },
        guards=[check_permission],
        middleware=[Authentication(services, web.secure_cookies), IdempotencyKeys(services)],
        exception_handlers=problems.HANDLERS,
        request_max_body_size=MAX_BODY_BYTES,
        openapi_config=openapi.config(),
        logging_config=None,
    )
    check_routes(app)
    return app


def _services(state: State) -> Services:
    services: Services = state.services
    return services


def _caller(request: Request[Any, Any, Any]) -> Principal:
    caller: Principal = request.user
    return caller


def _credential(request: Request[Any, Any, Any]) -> Credential:
    credential: Credential = request.auth
    return credential


def _if_match(request: Request[Any, Any, Any]) -> int | None:
    return if_match(request)
