"""Drifts, and what databases were."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

import msgspec

from penstock.schema.changes import Change
from penstock.web.schemas.common import Person, Request, Response, Utc

DriftStatus = Literal["open", "ignored", "accepted", "ended"]
Comment = Annotated[str, msgspec.Meta(max_length=2_000)]
Fingerprint = Annotated[str, msgspec.Meta(pattern=r"^sha256:[0-9a-f]{64}$(?!\n)")]


class AcceptDrift(Request, kw_only=True):
    """``found``: what you saw there; if it is something else by now, the answer is 409."""

    comment: Comment = ""
    found: Fingerprint | None = None


class IgnoreDrift(Request, kw_only=True):
    """Until the database changes again, or, if that comes first, until a time."""

    comment: Comment = ""
    found: Fingerprint | None = None
    until: Annotated[dt.datetime, msgspec.Meta(tz=True)] | None = None


class ChangeCounts(Response, kw_only=True):
    """How many objects there are more, less, and otherwise than expected."""

    added: int
    removed: int
    changed: int


class DriftOut(Response, kw_only=True):
    """A database that is, or was, not as it is expected to be."""

    id: int
    status: DriftStatus
    database: int
    database_name: str
    instance: str
    engine: Literal["postgres", "mysql", "mariadb"]
    environment: str
    project: str | None
    expected: str  # fingerprints
    found: str
    changes: ChangeCounts | None  # null for a moment, until they are counted
    first_seen_at: Utc
    last_seen_at: Utc
    decided_by: Person | None  # who accepted or ignored it
    decided_at: Utc | None
    comment: str
    ignored_until: Utc | None
    ended_at: Utc | None
    ended_because: Literal["gone", "vanished", "left"] | None
    version: int


class DriftDetail(DriftOut, kw_only=True):
    """``diff``: what has to change in the database as it is expected to be, for it to be as it was found."""

    diff: list[Change]


class SnapshotOut(Response, kw_only=True):
    """What a database was, from when to when; without an end it is so still."""

    id: int
    database: int
    fingerprint: str
    first_seen_at: Utc
    last_seen_at: Utc | None
    current: bool
    expected: bool  # it is what the database is expected to be now


class SnapshotDetail(SnapshotOut, kw_only=True):
    """``schemas`` is the structure of ``penstock.schema.model``."""

    schemas: list[Any]
