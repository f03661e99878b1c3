"""Signing in and out, the caller, and the caller's tokens."""

from __future__ import annotations

from operator import itemgetter
from typing import Any, Final

from litestar import Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler

from penstock.domain.access.decide import Principal, permissions
from penstock.services.container import Services
from penstock.web.auth import COOKIE, Credential, session_cookie
from penstock.web.guards import PUBLIC, needs
from penstock.web.paging import PageSize, PageToken, cut, page_of
from penstock.web.present import present
from penstock.web.schemas.accounts import CreatedToken, Login, Me, NewToken, TokenOut
from penstock.web.schemas.common import Page

_TAGS: Final = ["auth"]


@post("/auth/login", opt=needs(PUBLIC), tags=_TAGS, status_code=200)
async def login(
    request: Request[Any, Any, Any], data: JSONBody[Login], services: NamedDependency[Services]
) -> Response[Me]:
    """Sign in with a session of a new id."""
    address = request.client.host if request.client else "unknown"
    found = await services.sessions.login(data.email, data.password, address, request.cookies.get(COOKIE))
    lifetime = int(services.sessions.policy.lifetime.total_seconds())
    cookie = session_cookie(request, found.new_id, lifetime, request.app.state.web.secure_cookies)
    return Response(await _me(services, found.principal, found.csrf_token), cookies=[cookie])


@post("/auth/logout", opt=needs("account.self"), tags=_TAGS, status_code=204)
async def logout(
    request: Request[Any, Any, Any], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> Response[None]:
    """End this session."""
    if session_id := request.cookies.get(COOKIE):
        await services.sessions.logout(caller, session_id)
    cookie = session_cookie(request, None, 0, request.app.state.web.secure_cookies)
    return Response(None, status_code=204, cookies=[cookie])


@get("/auth/me", opt=needs("account.self"), tags=_TAGS)
async def get_me(
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    credential: NamedDependency[Credential],
) -> Me:
    """The caller and what they may do."""
    return await _me(services, caller, credential.csrf_token)


@get("/auth/tokens", opt=needs("account.self"), tags=_TAGS)
async def list_tokens(
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Page[TokenOut]:
    """The caller's tokens, and those of service accounts for who may edit them."""
    return page_of(TokenOut, await services.tokens.listing(caller, cut(page_size, page_token)))


@post("/auth/tokens", opt=needs("account.self", idempotent=True), tags=_TAGS)
async def create_token(
    data: JSONBody[NewToken], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> CreatedToken:
    """Make a token, which is shown this once."""
    record = await services.tokens.create(
        caller, name=data.name, service_account=data.service_account, expires_in_days=data.expires_in_days
    )
    return present(CreatedToken, record)


@delete("/auth/tokens/{token_id:int}", opt=needs("account.self"), tags=_TAGS)
async def delete_token(
    token_id: FromPath[int], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> None:
    """End a token at once."""
    await services.tokens.revoke(caller, token_id)


async def _me(services: Services, caller: Principal, csrf_token: str | None) -> Me:
    slugs = await services.projects.slugs(caller.projects)
    memberships = [
        {"project": slugs[project], "role": role, "permissions": sorted(permissions(caller, project))}
        for project, role in caller.projects.items()
        if project in slugs
    ]
    record = {
        "id": caller.id,
        "email": caller.email,
        "name": caller.name,
        "kind": caller.kind,
        "workspace_role": caller.workspace_role,
        "permissions": sorted(permissions(caller)),
        "projects": sorted(memberships, key=itemgetter("project")),
        "csrf_token": csrf_token,
    }
    return present(Me, record)


AUTH_ROUTES: Final[list[ControllerRouterHandler]] = [
    login,
    logout,
    get_me,
    list_tokens,
    create_token,
    delete_token,
]
