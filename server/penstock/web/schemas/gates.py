"""What people order about gates: freezes and bypasses."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from penstock.web.schemas.common import Person, Reason, Request, Response, Utc


class NewFreeze(Request, kw_only=True):
    reason: Reason
    until: Annotated[Utc, msgspec.Meta(tz=True)] | None = None


class FreezeOut(Response, kw_only=True):
    """Whether a place is frozen; the rest is null when it is not."""

    frozen: bool
    reason: str | None
    until: Utc | None
    by: Person | None
    created_at: Utc | None


class Override(Request, kw_only=True):
    """Why errors of required checks are let pass."""

    reason: Reason


class Advance(Request, kw_only=True):
    override: Override | None = None


class Frozen(Response, kw_only=True):
    """A freeze in force; of the whole workspace when it names neither environment nor project."""

    environment: str | None
    project: str | None
    reason: str
    until: Utc | None
    by: Person
    created_at: Utc


class NewBypass(Request, kw_only=True):
    """Gates of place and time to pass over, for what the stage does now."""

    gates: Annotated[
        list[Literal["lower-environments", "soak", "window", "freeze"]], msgspec.Meta(min_length=1, max_length=4)
    ]
    reason: Reason
