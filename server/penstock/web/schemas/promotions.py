"""Releases on their way through the environments: promotions, the board, what a database had, reverts."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from penstock.web.schemas.common import BlockerOut, Reason, Request, Response, Slug, Text, Utc
from penstock.web.schemas.issues import DatabaseRef, FanOut, Title


class PromotionSource(Request, kw_only=True):
    """Where the release comes from: a database, or an environment whose databases all have the same."""

    database: DatabaseRef | None = None
    environment: Slug | None = None


class PromotionTargets(Request, kw_only=True):
    """Where it goes: some databases of one environment, or all that the project has there."""

    databases: Annotated[list[DatabaseRef], msgspec.Meta(min_length=1, max_length=10_000)] | None = None
    environment: Slug | None = None


class Override(Request, kw_only=True):
    """Why errors of required status checks are to be let pass."""

    reason: Reason


class NewPromotion(Request, kw_only=True):
    """What to move on: a release by its id, or what the source has now.

    Without targets it goes to every database of the project in the next environment.
    """

    project: Slug
    release: int | None = None
    source: PromotionSource | None = None
    targets: PromotionTargets | None = None
    override: Override | None = None
    title: Title | None = None
    description: Text = ""
    fan_out: FanOut | None = None


class PromotionOut(Response, kw_only=True):
    """The issue that moves a release."""

    issue: int
    pipeline: int
    release: int
    digest: str


class PromotionRefusal(Response, kw_only=True):
    """Why a promotion would be refused, as the request itself would say it."""

    status: int
    code: str
    message: str
    issue: int | None  # the open issue that does it already
    stage: str | None


class PromotedDatabase(Response, kw_only=True):
    """A target, and how much of the release it lacks, as far as Penstock applied it."""

    id: int
    instance: str
    name: str
    pending: int


class PromotedChange(Response, kw_only=True):
    """A change of the release, and how many of the targets lack it."""

    version: str
    name: str
    digest: str
    pending: int


class PromotionPreview(Response, kw_only=True):
    """What a promotion would do, and why it may or may not; nothing of it is stored.

    Args:
        release, source, target: null as long as a refusal comes before they are known.
        sources: databases that the release comes from, the first 20.
        blockers: what would hold its stage once it is filed.
        approvals: the steps that it would need, in order.
    """

    allowed: bool
    refusals: list[PromotionRefusal]
    release: int | None
    digest: str | None
    source: str | None
    sources: list[str]
    target: str | None
    databases: list[PromotedDatabase]
    changes: list[PromotedChange]
    blockers: list[BlockerOut]
    approvals: list[str]


class ReleaseSource(Response, kw_only=True):
    """How a release came to a database."""

    kind: Literal["promotion", "issue", "revert", "baseline", "pipeline"]
    issue: int | None
    environment: str | None  # of a promotion
    databases: list[str]  # of a promotion


class DatabaseRelease(Response, kw_only=True):
    """A release that a database had; ``v1`` is its first."""

    version: str
    current: bool
    release: int
    digest: str
    changes: int
    applied: int  # of these, the ones that ran here; the others were there
    applied_at: Utc
    task: int
    source: ReleaseSource
    description: str


class BoardNext(Response, kw_only=True):
    """A release that some database here has and some in the next environment lacks.

    Args:
        databases: that have it here as their current one.
        missing: that lack it in the next environment.
        issue: an open one that is about to apply it there.
    """

    release: int
    digest: str
    changes: int
    applied_at: Utc
    databases: int
    missing: int
    issue: int | None


class BoardEnvironment(Response, kw_only=True):
    """A column: an environment with what could go on from it, newest first, at most five."""

    slug: str
    name: str
    position: int
    tier: str
    databases: int
    next: str | None
    promotable: list[BoardNext]


class BoardRelease(Response, kw_only=True):
    version: str
    release: int
    digest: str
    applied_at: Utc


class BoardIssue(Response, kw_only=True):
    """The newest open issue that is still to apply something here."""

    issue: int
    release: int
    status: str


class BoardDatabase(Response, kw_only=True):
    """A card.

    Args:
        behind: releases that databases of the environment below have and this one lacks.
    """

    id: int
    name: str
    instance: str
    engine: str
    environment: str
    current: BoardRelease | None
    coming: BoardIssue | None
    behind: int


class Board(Response, kw_only=True):
    """A project's releases: its environments, and one page of its databases."""

    project: str
    environments: list[BoardEnvironment]
    items: list[BoardDatabase]
    next_page_token: str | None


class NewRevert(Request, kw_only=True):
    title: Title | None = None
    description: Text = ""


class RevertOut(Response, kw_only=True):
    """The issue that takes another one back."""

    issue: int
    pipeline: int
