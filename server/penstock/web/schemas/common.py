"""What every resource's schema shares: pages, people, times, slugs.

Response structs carry no defaults: Litestar would mark such fields optional in the OpenAPI document.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Generic, TypeVar

import msgspec

T = TypeVar("T")

# In Python a "$" also matches before a last line break; "$(?!\n)" does not, there and in JavaScript.
Slug = Annotated[str, msgspec.Meta(min_length=1, max_length=63, pattern=r"^[a-z0-9][a-z0-9-]*$(?!\n)")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Text = Annotated[str, msgspec.Meta(max_length=20_000)]
Email = Annotated[str, msgspec.Meta(min_length=3, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$(?!\n)")]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]
Labels = dict[Annotated[str, msgspec.Meta(min_length=1, max_length=63)], Annotated[str, msgspec.Meta(max_length=200)]]
Utc = dt.datetime


class Request(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Base of request bodies: an unknown field is an error, never ignored."""


class Response(msgspec.Struct, kw_only=True):
    """Base of response bodies."""


class Page(Response, Generic[T], kw_only=True):
    """One page of a list; ``next_page_token`` is null on the last one."""

    items: list[T]
    next_page_token: str | None


class Person(Response, kw_only=True):
    """Who did something: a person or a service account."""

    id: int
    name: str
    email: str | None
    kind: str  # person | service_account


class BlockerOut(Response, kw_only=True):
    """Why something waits (see the design of gates): what, for whom, until when."""

    gate: str
    code: str
    message: str
    waiting_for: list[str]
    clears_at: str | None
