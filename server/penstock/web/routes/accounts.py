"""People and service accounts."""

from __future__ import annotations

from typing import Final

from litestar import get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler

from penstock.domain.access.decide import Principal
from penstock.services.container import Services
from penstock.web.auth import Credential
from penstock.web.guards import needs
from penstock.web.paging import PageSize, PageToken, cut, page_of
from penstock.web.present import changes, present
from penstock.web.schemas.accounts import (
    NewServiceAccount,
    NewUser,
    PatchServiceAccount,
    PatchUser,
    ServiceAccountOut,
    UserOut,
)
from penstock.web.schemas.common import Page

_TAGS: Final = ["accounts"]


@get("/users", opt=needs("user.read"), tags=_TAGS)
async def list_users(
    services: NamedDependency[Services], page_size: PageSize = 50, page_token: PageToken = None
) -> Page[UserOut]:
    """People, oldest first."""
    return page_of(UserOut, await services.accounts.listing(cut(page_size, page_token), "person"))


@post("/users", opt=needs("user.edit", idempotent=True), tags=_TAGS)
async def create_user(
    data: JSONBody[NewUser], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> UserOut:
    """Add a person."""
    record = await services.accounts.create_user(
        caller, email=data.email, name=data.name, password=data.password, workspace_role=data.workspace_role
    )
    return present(UserOut, record)


@patch("/users/{user_id:int}", opt=needs("account.self"), tags=_TAGS)
async def update_user(
    user_id: FromPath[int],
    data: JSONBody[PatchUser],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    credential: NamedDependency[Credential],
) -> UserOut:
    """Change one's own name or password, or with ``user.edit`` anything about anybody."""
    record = await services.accounts.update_user(caller, user_id, changes(data), csrf_token=credential.csrf_token)
    return present(UserOut, record)


@get("/service-accounts", opt=needs("service_account.edit"), tags=_TAGS)
async def list_service_accounts(
    services: NamedDependency[Services], page_size: PageSize = 50, page_token: PageToken = None
) -> Page[ServiceAccountOut]:
    """Service accounts, oldest first."""
    found = await services.accounts.listing(cut(page_size, page_token), "service_account")
    return page_of(ServiceAccountOut, found)


@post("/service-accounts", opt=needs("service_account.edit", idempotent=True), tags=_TAGS)
async def create_service_account(
    data: JSONBody[NewServiceAccount],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
) -> ServiceAccountOut:
    """Add a service account; it signs in with tokens only."""
    return present(ServiceAccountOut, await services.accounts.create_service_account(caller, name=data.name))


@patch("/service-accounts/{account_id:int}", opt=needs("service_account.edit"), tags=_TAGS)
async def update_service_account(
    account_id: FromPath[int],
    data: JSONBody[PatchServiceAccount],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
) -> ServiceAccountOut:
    """Rename, disable or enable a service account."""
    record = await services.accounts.update_service_account(caller, account_id, changes(data))
    return present(ServiceAccountOut, record)


ACCOUNT_ROUTES: Final[list[ControllerRouterHandler]] = [
    list_users,
    create_user,
    update_user,
    list_service_accounts,
    create_service_account,
    update_service_account,
]
