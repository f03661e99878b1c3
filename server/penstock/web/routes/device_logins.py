"""Signing in a command line by browser: start, decide, fetch the token (RFC 8628)."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler

from penstock.domain.access.decide import Principal
from penstock.services.container import Services
from penstock.web.auth import Credential
from penstock.web.guards import PUBLIC, needs
from penstock.web.present import present
from penstock.web.schemas.accounts import CreatedToken
from penstock.web.schemas.device_logins import (
    DeviceCode,
    DeviceDecision,
    DeviceLoginOut,
    DeviceLoginStarted,
    NewDeviceLogin,
)

_TAGS: Final = ["auth"]
_PAGE: Final = "/device"


@post("/auth/device", opt=needs(PUBLIC), tags=_TAGS, status_code=200)
async def start_device_login(
    request: Request[Any, Any, Any], data: JSONBody[NewDeviceLogin], services: NamedDependency[Services]
) -> DeviceLoginStarted:
    """Begin to sign in a command line."""
    address = request.client.host if request.client else "unknown"
    started = await services.device_logins.start(data.name, address)
    policy = services.device_logins.policy
    return DeviceLoginStarted(
        device_code=started.device_code,
        user_code=started.user_code,
        verification_path=_PAGE,
        interval=int(policy.interval.total_seconds()),
        expires_in=int(policy.lifetime.total_seconds()),
    )


@post("/auth/device/token", opt=needs(PUBLIC), tags=_TAGS, status_code=200)
async def fetch_device_token(data: JSONBody[DeviceCode], services: NamedDependency[Services]) -> CreatedToken:
    """The token of a login that was allowed, once; until then 400 with ``authorization_pending`` or ``slow_down``, and
    ``access_denied`` or ``expired_token`` when it will not come."""
    return present(CreatedToken, await services.device_logins.fetch(data.device_code))


@get("/auth/device/{user_code:str}", opt=needs("account.self"), tags=_TAGS)
async def get_device_login(
    user_code: FromPath[str], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> DeviceLoginOut:
    """What asks to be signed in under a code."""
    return present(DeviceLoginOut, await services.device_logins.look(caller, user_code))


@post("/auth/device/{user_code:str}", opt=needs("account.self"), tags=_TAGS, status_code=204)
async def decide_device_login(
    user_code: FromPath[str],
    data: JSONBody[DeviceDecision],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    credential: NamedDependency[Credential],
) -> None:
    """Allow it, and it gets a token of the caller's; or deny it. For people at a browser only."""
    by_session = credential.csrf_token is not None
    await services.device_logins.decide(caller, user_code, data.decision, by_session=by_session)


DEVICE_LOGIN_ROUTES: Final[list[ControllerRouterHandler]] = [
    start_device_login,
    fetch_device_token,
    get_device_login,
    decide_device_login,
]
