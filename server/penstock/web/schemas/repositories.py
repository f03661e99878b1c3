"""Git repositories and their pull requests."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from penstock.web.schemas.common import Person, Request, Response, Slug, Utc

Path = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
Branch = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Directory = Annotated[str, msgspec.Meta(max_length=500)]
Address = Annotated[str, msgspec.Meta(min_length=8, max_length=2_000)]
Secret = Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]
Layout = Literal["flyway", "golang-migrate", "dbmate", "sqitch", "alembic-offline", "numbered"]
Pattern = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Engine = Literal["postgres", "mysql", "mariadb"]


class NewRepository(Request, kw_only=True):
    """Where migrations come from.

    ``url`` is the API of a host of one's own. ``environment``: where a merge goes by itself. ``preview_instance``:
    where scripts of an open pull request are tried, on a database of their own. ``acts_as``: the service account that
    files the issues. ``token`` reads files and writes comments and statuses; it never comes out again.
    ``signing_token``: what GitLab signs its webhooks with, ``whsec_…``; without one there is a ``webhook_secret``.
    """

    slug: Slug
    project: Slug
    system: Literal["github", "gitlab"]
    url: Address | None = None
    repository: Path
    branch: Branch = "main"
    directory: Directory = ""
    layout: Layout | None = None
    pattern: Pattern | None = None
    engine: Engine | None = None
    environment: Slug | None = None
    preview_instance: Slug | None = None
    acts_as: int
    token: Secret
    signing_token: Secret | None = None


class PatchRepository(Request, kw_only=True):
    """``signing_token`` takes the place of the webhook's secret at once."""

    url: Address | msgspec.UnsetType = msgspec.UNSET
    repository: Path | msgspec.UnsetType = msgspec.UNSET
    branch: Branch | msgspec.UnsetType = msgspec.UNSET
    directory: Directory | msgspec.UnsetType = msgspec.UNSET
    layout: Layout | msgspec.UnsetType | None = msgspec.UNSET
    pattern: Pattern | msgspec.UnsetType | None = msgspec.UNSET
    engine: Engine | msgspec.UnsetType | None = msgspec.UNSET
    environment: Slug | msgspec.UnsetType | None = msgspec.UNSET
    preview_instance: Slug | msgspec.UnsetType | None = msgspec.UNSET
    acts_as: int | msgspec.UnsetType = msgspec.UNSET
    token: Secret | msgspec.UnsetType = msgspec.UNSET
    signing_token: Secret | msgspec.UnsetType = msgspec.UNSET
    enabled: bool | msgspec.UnsetType = msgspec.UNSET


class RepositoryOut(Response, kw_only=True):
    """``webhook_secret`` is in the answers that made it, and null in all others; a signing token is in none."""

    slug: str
    project: str
    system: Literal["github", "gitlab"]
    url: str
    repository: str
    branch: str
    directory: str
    layout: str | None
    pattern: str | None
    engine: str | None
    environment: str | None
    preview_instance: str | None
    acts_as: Person
    enabled: bool
    webhook_path: str
    webhook_secret: str | None
    created_at: Utc
    version: int


class PullRequestOut(Response, kw_only=True):
    """A pull request as last looked at; ``pending`` says that it will be looked at again."""

    number: int
    state: Literal["open", "merged", "closed"]
    title: str
    url: str | None
    head: str | None
    verdict: str | None
    release: int | None
    issue: int | None
    issue_status: str | None
    pending: bool
    error: str | None


class HookTaken(Response, kw_only=True):
    """``pull_request`` will be looked at; null when the webhook is of no interest."""

    pull_request: int | None
