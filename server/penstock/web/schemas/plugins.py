"""Plugins and their deliveries."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from penstock.web.schemas.common import Email, Name, Request, Response, Slug, Utc

Url = Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]
EventTypes = Annotated[list[Annotated[str, msgspec.Meta(max_length=50)]], msgspec.Meta(max_length=50)]


class Smtp(Request, kw_only=True):
    """A mail server; ``password`` goes in and never comes out."""

    host: Annotated[str, msgspec.Meta(min_length=1, max_length=253, pattern=r"^[^\s/]+$(?!\n)")]
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = 587
    tls: Literal["none", "starttls", "tls"] = "starttls"
    username: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    password: Annotated[str, msgspec.Meta(max_length=1_000)] | None = None
    sender: Email
    recipients: Annotated[list[Email], msgspec.Meta(min_length=1, max_length=50)]


class SmtpOut(Response, kw_only=True):
    host: str
    port: int
    tls: Literal["none", "starttls", "tls"]
    username: str | None
    sender: str
    recipients: list[str]


class CommitStatus(Request, kw_only=True):
    """A repository; ``token`` goes in and never comes out.

    ``url`` is the root of the system's REST API, for those that are not github.com or gitlab.com.
    """

    system: Literal["github", "gitlab"]
    repository: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    token: Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)] | None = None
    url: Url | None = None


class CommitStatusOut(Response, kw_only=True):
    system: Literal["github", "gitlab"]
    repository: str
    url: str


class NewPlugin(Request, kw_only=True):
    """Who is to be told: ``url`` for a webhook or a chat, ``smtp`` for mail; without ``project``, of everything.

    A ``commit-status`` posts the checks of one ``project`` that are to be sent on to a repository.
    """

    kind: Literal["webhook", "chat", "email", "commit-status"]
    name: Name
    project: Slug | None = None
    types: EventTypes = msgspec.field(default_factory=list)
    url: Url | None = None
    smtp: Smtp | None = None
    commit_status: CommitStatus | None = None


class PatchPlugin(Request, kw_only=True):
    name: Name | msgspec.UnsetType = msgspec.UNSET
    types: EventTypes | msgspec.UnsetType = msgspec.UNSET
    enabled: bool | msgspec.UnsetType = msgspec.UNSET
    url: Url | msgspec.UnsetType = msgspec.UNSET
    smtp: Smtp | msgspec.UnsetType = msgspec.UNSET
    commit_status: CommitStatus | msgspec.UnsetType = msgspec.UNSET


class PluginOut(Response, kw_only=True):
    id: int
    kind: Literal["webhook", "chat", "email", "commit-status"]
    name: str
    project: str | None
    types: list[str]
    to: str  # the address, as far as it is no secret
    smtp: SmtpOut | None
    commit_status: CommitStatusOut | None
    enabled: bool
    disabled_reason: str | None
    pending: int
    dead: int
    secret: str | None  # of a webhook, in the answer that makes it and in no other
    created_at: Utc
    version: int


class DeliveryOut(Response, kw_only=True):
    """A message: what it is about, how often it was tried, and what came of the last try."""

    id: int
    position: int
    type: str
    issue: int | None
    pipeline: int | None
    status: Literal["pending", "delivered", "dead"]
    attempts: int
    next_at: Utc
    last_status: int | None
    last_error: str | None
    last_ms: int | None
    created_at: Utc
    ended_at: Utc | None
