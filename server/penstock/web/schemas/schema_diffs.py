"""Two schemas, and what differs between them."""

from __future__ import annotations

from typing import Literal

from penstock.schema.changes import Change
from penstock.web.schemas.common import Request, Response
from penstock.web.schemas.drifts import Fingerprint
from penstock.web.schemas.issues import DatabaseRef


class DiffSide(Request, kw_only=True):
    """One of the two: a database as of its newest sync, by id or as ``instance/name``; or a snapshot's fingerprint."""

    database: DatabaseRef | None = None
    snapshot: Fingerprint | None = None


class NewSchemaDiff(Request, kw_only=True):
    left: DiffSide
    right: DiffSide


class DiffSideOut(Response, kw_only=True):
    database: str | None  # instance/name, where one was named
    snapshot: str  # the fingerprint
    engine: Literal["postgres", "mysql", "mariadb"]


class SchemaDiffOut(Response, kw_only=True):
    """What has to change on the left, for it to be like the right."""

    left: DiffSideOut
    right: DiffSideOut
    equal: bool
    changes: list[Change]
    left_out: int  # changes beyond those that are listed
    unrendered: int  # changes that ddl has no statement for; each says why
    ddl: str
