"""Status checks: reports, and what is required."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from penstock.web.schemas.common import Person, Request, Response, Slug, Utc
from penstock.web.schemas.issues import DatabaseRef

ContextName = Annotated[str, msgspec.Meta(min_length=1, max_length=200, description="system_type/unique_name")]


class NewStatus(Request, kw_only=True):
    """What a system thinks of a release in an environment; without ``database``, in all of its databases there.

    ``state`` is one of pending, success, failure, error.  ``commit`` is what ``propagate`` sends it on for: that of
    the release if it is not given.
    """

    environment: Slug
    database: DatabaseRef | None = None
    context: Annotated[str, msgspec.Meta(max_length=1_000)]
    state: Annotated[str, msgspec.Meta(max_length=100)]
    target_url: Annotated[str, msgspec.Meta(max_length=2_000)] | None = None
    description: Annotated[str, msgspec.Meta(max_length=2_000)] = ""
    commit: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    propagate: bool | None = None
    propogate: bool | None = None  # the same


class StatusOut(Response, kw_only=True):
    """A report; a later one of the same context about the same database takes its place."""

    id: int
    release: int
    environment: str
    database: str | None  # instance/name; null: all of the release's databases there
    context: str
    state: Literal["pending", "success", "failure", "error"]
    target_url: str | None
    description: str
    commit: str | None
    propagate: bool
    reported_by: Person
    created_at: Utc


class RequiredChecks(Request, kw_only=True):
    contexts: Annotated[list[ContextName], msgspec.Meta(max_length=200)]


class RequiredChecksOut(Response, kw_only=True):
    contexts: list[str]


class CheckedEnvironment(Response, kw_only=True):
    slug: str
    name: str


class CheckCell(Response, kw_only=True):
    """How a context stands in an environment, for the release that it reported on there last."""

    environment: str
    required: bool
    state: Literal["success", "error", "pending", "missing", "failure"]
    latest: StatusOut | None


class CheckRow(Response, kw_only=True):
    context: str
    environments: list[CheckCell]


class CheckMatrix(Response, kw_only=True):
    """One page of a project's contexts; every row has a cell for each of ``environments``, in their order."""

    items: list[CheckRow]
    next_page_token: str | None
    environments: list[CheckedEnvironment]
    can_require: bool
