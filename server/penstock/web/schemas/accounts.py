"""Sign-in, tokens, users, service accounts, members."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from penstock.web.schemas.common import Email, Name, Person, Request, Response, Utc

WorkspaceRole = Literal["admin", "dba", "member"]
ProjectRole = Literal["owner", "releaser", "developer", "viewer"]
Password = Annotated[str, msgspec.Meta(min_length=12, max_length=1_000)]


class Login(Request, kw_only=True):
    email: Annotated[str, msgspec.Meta(max_length=254)]
    password: Annotated[str, msgspec.Meta(max_length=1_000)]


class ProjectMembership(Response, kw_only=True):
    project: str
    role: ProjectRole
    permissions: list[str]


class Me(Response, kw_only=True):
    """The caller. ``csrf_token`` must come back in the ``X-CSRF-Token`` header of every changing request of a
    session."""

    id: int
    email: str | None
    name: str
    kind: str
    workspace_role: WorkspaceRole
    permissions: list[str]
    projects: list[ProjectMembership]
    csrf_token: str | None


class NewToken(Request, kw_only=True):
    name: Name
    service_account: int | None = None
    expires_in_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] | None = 90


class TokenOut(Response, kw_only=True):
    id: int
    name: str
    owner: Person
    prefix: str
    created_at: Utc
    expires_at: Utc | None
    last_used_at: Utc | None


class CreatedToken(TokenOut, kw_only=True):
    """``token`` is shown once and stored only as a hash."""

    token: str


class NewUser(Request, kw_only=True):
    email: Email
    name: Name
    password: Password
    workspace_role: WorkspaceRole = "member"


class PatchUser(Request, kw_only=True):
    name: Name | msgspec.UnsetType = msgspec.UNSET
    password: Password | msgspec.UnsetType = msgspec.UNSET
    workspace_role: WorkspaceRole | msgspec.UnsetType = msgspec.UNSET
    disabled: bool | msgspec.UnsetType = msgspec.UNSET


class UserOut(Response, kw_only=True):
    id: int
    email: str
    name: str
    workspace_role: WorkspaceRole
    disabled: bool
    created_at: Utc


class NewServiceAccount(Request, kw_only=True):
    name: Name


class PatchServiceAccount(Request, kw_only=True):
    name: Name | msgspec.UnsetType = msgspec.UNSET
    disabled: bool | msgspec.UnsetType = msgspec.UNSET


class ServiceAccountOut(Response, kw_only=True):
    id: int
    name: str
    disabled: bool
    created_at: Utc


class Member(Request, kw_only=True):
    """``principal`` is ``user:<email>`` or ``service:<id>``."""

    principal: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    role: ProjectRole


class MemberOut(Response, kw_only=True):
    principal: str
    role: ProjectRole
    person: Person
