"""Configuration: projects, environments, approval tiers, instances, databases, schedules."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

import msgspec

from penstock.web.schemas.common import Labels, Name, Person, Reason, Request, Response, Slug, Text, Utc


class NewProject(Request, kw_only=True):
    slug: Slug
    name: Name
    description: Text = ""


class PatchProject(Request, kw_only=True):
    name: Name | msgspec.UnsetType = msgspec.UNSET
    description: Text | msgspec.UnsetType = msgspec.UNSET


class ProjectOut(Response, kw_only=True):
    slug: str
    name: str
    description: str
    databases: int
    open_issues: int
    my_role: str | None
    created_at: Utc
    version: int  # also the ETag


class NewEnvironment(Request, kw_only=True):
    slug: Slug
    name: Name
    tier: Slug
    position: Annotated[int, msgspec.Meta(ge=0, le=10_000)] | None = None


class PatchEnvironment(Request, kw_only=True):
    name: Name | msgspec.UnsetType = msgspec.UNSET
    tier: Slug | msgspec.UnsetType = msgspec.UNSET
    position: Annotated[int, msgspec.Meta(ge=0, le=10_000)] | msgspec.UnsetType = msgspec.UNSET


class EnvironmentOut(Response, kw_only=True):
    slug: str
    name: str
    position: int
    tier: str
    instances: int
    databases: int
    version: int


class Filler(Request, kw_only=True, omit_defaults=True):
    """Who may fill a step: exactly one of role (``project:owner``, ``workspace:dba``) or user (an e-mail)."""

    role: str | None = None
    user: str | None = None


class TierStep(Request, kw_only=True):
    any_of: Annotated[list[Filler], msgspec.Meta(min_length=1, max_length=20)]
    count: Annotated[int, msgspec.Meta(ge=1, le=10)] = 1


class NewTier(Request, kw_only=True):
    slug: Slug
    name: Name
    steps: Annotated[list[TierStep], msgspec.Meta(max_length=10)] = msgspec.field(default_factory=list)
    self_approval: bool = False
    rollout: Literal["auto", "manual"] = "auto"
    blocking_severity: Literal["error", "warning", "info"] = "error"


class PatchTier(Request, kw_only=True):
    name: Name | msgspec.UnsetType = msgspec.UNSET
    steps: Annotated[list[TierStep], msgspec.Meta(max_length=10)] | msgspec.UnsetType = msgspec.UNSET
    self_approval: bool | msgspec.UnsetType = msgspec.UNSET
    rollout: Literal["auto", "manual"] | msgspec.UnsetType = msgspec.UNSET
    blocking_severity: Literal["error", "warning", "info"] | msgspec.UnsetType = msgspec.UNSET


class TierOut(Response, kw_only=True):
    slug: str
    name: str
    steps: list[TierStep]
    self_approval: bool
    rollout: Literal["auto", "manual"]
    blocking_severity: Literal["error", "warning", "info"]
    environments: list[str]
    version: int


EngineName = Literal["postgres", "mysql", "mariadb"]
Tls = Literal["disable", "prefer", "require", "verify-full"]


class InstanceOptions(Request, kw_only=True):
    max_running_tasks: Annotated[int, msgspec.Meta(ge=1, le=64)] = 4
    maintenance_database: Annotated[str, msgspec.Meta(min_length=1, max_length=63)] = "postgres"


class NewInstance(Request, kw_only=True):
    slug: Slug
    name: Name | None = None
    engine: EngineName
    environment: Slug
    host: Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)]
    username: Annotated[str, msgspec.Meta(max_length=63)] | None = None
    password: Annotated[str, msgspec.Meta(max_length=1_000)] | None = None
    dsn_env: Annotated[str, msgspec.Meta(pattern=r"^PENSTOCK_DSN_[A-Z0-9_]+$(?!\n)")] | None = None
    tls: Tls = "prefer"
    options: InstanceOptions = msgspec.field(default_factory=InstanceOptions)


class PatchInstance(Request, kw_only=True):
    """A new host, port or TLS mode drops the stored password: send it again with the change."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    host: Annotated[str, msgspec.Meta(min_length=1, max_length=253)] | msgspec.UnsetType = msgspec.UNSET
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] | msgspec.UnsetType = msgspec.UNSET
    username: Annotated[str, msgspec.Meta(max_length=63)] | msgspec.UnsetType = msgspec.UNSET
    password: Annotated[str, msgspec.Meta(max_length=1_000)] | msgspec.UnsetType = msgspec.UNSET
    tls: Tls | msgspec.UnsetType = msgspec.UNSET
    options: InstanceOptions | msgspec.UnsetType = msgspec.UNSET


class InstanceOut(Response, kw_only=True):
    slug: str
    name: str
    engine: EngineName
    environment: str
    host: str
    port: int
    username: str | None
    has_password: bool
    dsn_env: str | None
    tls: Tls
    options: InstanceOptions
    server_version: str | None
    databases: int
    last_synced_at: Utc | None
    last_sync_error: str | None
    sync_pipeline: int | None  # the newest sync pipeline
    version: int


class TestStep(Response, kw_only=True):
    name: str  # dns | tcp | tls | login | version | privileges
    ok: bool
    detail: str
    ms: float


class InstanceTest(Response, kw_only=True):
    reachable: bool
    authenticated: bool
    version: str | None
    privileges: list[str]
    ledger: str
    steps: list[TestStep]


class SyncStarted(Response, kw_only=True):
    pipeline: int
    already_running: bool


class PatchDatabase(Request, kw_only=True):
    project: Slug | msgspec.UnsetType | None = msgspec.UNSET
    labels: Labels | msgspec.UnsetType = msgspec.UNSET


class DatabaseOut(Response, kw_only=True):
    id: int
    name: str
    instance: str
    engine: EngineName
    environment: str
    project: str | None
    labels: dict[str, str]
    tables: int | None
    synced_at: Utc | None
    vanished_at: Utc | None
    version: int


class SchemaOut(Response, kw_only=True):
    """The newest snapshot of a database: ``schemas`` is the structure of ``penstock.schema.model``."""

    database: int
    synced_at: Utc
    fingerprint: str
    schemas: list[Any]


class NewSchedule(Request, kw_only=True):
    instance: Slug
    kind: Literal["schema.sync"] = "schema.sync"
    cron: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    time_zone: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "UTC"
    enabled: bool = True


class PatchSchedule(Request, kw_only=True):
    cron: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | msgspec.UnsetType = msgspec.UNSET
    time_zone: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | msgspec.UnsetType = msgspec.UNSET
    enabled: bool | msgspec.UnsetType = msgspec.UNSET


class ScheduleOut(Response, kw_only=True):
    id: int
    kind: str
    instance: str
    cron: str
    time_zone: str
    enabled: bool
    next_at: Utc | None
    last_slot: dt.datetime | None
    last_pipeline: int | None


class EventOut(Response, kw_only=True):
    position: int
    type: str
    at: Utc
    actor: Person | None
    project: str | None
    issue: int | None
    pipeline: int | None
    version: int | None
    data: dict[str, Any]


class EventPage(Response, kw_only=True):
    items: list[EventOut]
    next_after: int


class AuditOut(Response, kw_only=True):
    id: int
    at: Utc
    actor: Person | None
    action: str
    resource: str
    data: dict[str, Any]


class WithReason(Request, kw_only=True):
    reason: Reason
