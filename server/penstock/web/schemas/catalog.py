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


EnvironmentLimit = Annotated[
    int, msgspec.Meta(ge=1, le=10_000, description="Tasks at once on all its instances together; null: no limit.")
]


class NewEnvironment(Request, kw_only=True):
    slug: Slug
    name: Name
    tier: Slug
    position: Annotated[int, msgspec.Meta(ge=0, le=10_000)] | None = None
    max_running_tasks: EnvironmentLimit | None = None


class PatchEnvironment(Request, kw_only=True):
    name: Name | msgspec.UnsetType = msgspec.UNSET
    tier: Slug | msgspec.UnsetType = msgspec.UNSET
    position: Annotated[int, msgspec.Meta(ge=0, le=10_000)] | msgspec.UnsetType = msgspec.UNSET
    max_running_tasks: EnvironmentLimit | msgspec.UnsetType | None = msgspec.UNSET


class EnvironmentOut(Response, kw_only=True):
    slug: str
    name: str
    position: int
    tier: str
    max_running_tasks: int | None
    instances: int
    databases: int
    version: int


class Filler(Request, kw_only=True, omit_defaults=True):
    """Who may fill a step: exactly one of role (``project:owner``, ``workspace:dba``), group (a slug) or user (an
    e-mail)."""

    role: str | None = None
    user: str | None = None
    group: str | None = None


class TierStep(Request, kw_only=True):
    any_of: Annotated[list[Filler], msgspec.Meta(min_length=1, max_length=20)]
    count: Annotated[int, msgspec.Meta(ge=1, le=10)] = 1


class EscalationWhen(Request, kw_only=True, omit_defaults=True):
    """Conditions on what review found; all that are given must hold. What is not known counts as holding."""

    finding_severity: Literal["error", "warning", "info"] | None = None
    destructive: bool | None = None
    rows_over: Annotated[int, msgspec.Meta(ge=0, le=10**15)] | None = None
    table_bytes_over: Annotated[int, msgspec.Meta(ge=0, le=10**18)] | None = None


class TierEscalation(Request, kw_only=True):
    """Steps that follow the tier's own where the conditions hold."""

    when: EscalationWhen
    add_steps: Annotated[list[TierStep], msgspec.Meta(min_length=1, max_length=10)]


Escalations = Annotated[list[TierEscalation], msgspec.Meta(max_length=20)]


class TierWindow(Request, kw_only=True):
    """A span in which work may start: it begins whenever the cron expression fires in its time zone."""

    cron: Annotated[str, msgspec.Meta(min_length=9, max_length=200)]
    duration_minutes: Annotated[int, msgspec.Meta(ge=1, le=10_080)]
    time_zone: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "UTC"


Windows = Annotated[list[TierWindow], msgspec.Meta(max_length=20)]
# Minutes, at most a year.
Soak = Annotated[int, msgspec.Meta(ge=0, le=525_600)]


class NewTier(Request, kw_only=True):
    slug: Slug
    name: Name
    steps: Annotated[list[TierStep], msgspec.Meta(max_length=10)] = msgspec.field(default_factory=list)
    self_approval: bool = False
    rollout: Literal["auto", "manual"] = "auto"
    blocking_severity: Literal["error", "warning", "info"] = "error"
    requires_lower_environments: bool = False
    soak: Soak = 0
    windows: Windows = msgspec.field(default_factory=list)
    escalations: Escalations = msgspec.field(default_factory=list)


class PatchTier(Request, kw_only=True):
    name: Name | msgspec.UnsetType = msgspec.UNSET
    steps: Annotated[list[TierStep], msgspec.Meta(max_length=10)] | msgspec.UnsetType = msgspec.UNSET
    self_approval: bool | msgspec.UnsetType = msgspec.UNSET
    rollout: Literal["auto", "manual"] | msgspec.UnsetType = msgspec.UNSET
    blocking_severity: Literal["error", "warning", "info"] | msgspec.UnsetType = msgspec.UNSET
    requires_lower_environments: bool | msgspec.UnsetType = msgspec.UNSET
    soak: Soak | msgspec.UnsetType = msgspec.UNSET
    windows: Windows | msgspec.UnsetType = msgspec.UNSET
    escalations: Escalations | msgspec.UnsetType = msgspec.UNSET


class TierOut(Response, kw_only=True):
    slug: str
    name: str
    steps: list[TierStep]
    self_approval: bool
    rollout: Literal["auto", "manual"]
    blocking_severity: Literal["error", "warning", "info"]
    requires_lower_environments: bool
    soak: int
    windows: list[TierWindow]
    escalations: list[TierEscalation]
    next_windows: list[Utc]  # when the next three begin; empty without windows
    environments: list[str]
    version: int


class WindowsPreview(Request, kw_only=True):
    """Windows that nobody has saved yet."""

    windows: Windows


class Opening(Response, kw_only=True):
    """A time in which work may start."""

    starts: Utc
    ends: Utc


class NewGroup(Request, kw_only=True):
    slug: Slug
    name: Name


class PatchGroup(Request, kw_only=True):
    name: Name | msgspec.UnsetType = msgspec.UNSET


class GroupOut(Response, kw_only=True):
    """A group of people, whom approval tiers may ask."""

    slug: str
    name: str
    members: int
    created_at: Utc
    version: int


Selector = Annotated[
    str,
    msgspec.Meta(min_length=1, max_length=2_000, description="Labels as in Kubernetes: env=prod,tier in (a,b),!x."),
]


class NewDatabaseGroup(Request, kw_only=True):
    slug: Slug
    selector: Selector


class PatchDatabaseGroup(Request, kw_only=True):
    selector: Selector | msgspec.UnsetType = msgspec.UNSET


class DatabaseGroupOut(Response, kw_only=True):
    """Databases of a project by their labels."""

    slug: str
    project: str
    selector: str
    databases: int  # that it selects now
    created_at: Utc
    version: int


EngineName = Literal["postgres", "mysql", "mariadb"]
Tls = Literal["disable", "prefer", "require", "verify-full"]
Support = Literal["supported", "experimental"]


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
    support: Support  # experimental: the conformance suite has not run on servers of this kind
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
    flavour: str | None  # what the server says it is: postgresql | mariadb | mysql
    support: Support | None  # of that flavour
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


Jitter = Annotated[int, msgspec.Meta(ge=0, le=3_600)]


class NewSchedule(Request, kw_only=True):
    """``jitter_seconds``: how much later than its slots it acts; some seconds of its own when it is not given."""

    instance: Slug
    kind: Literal["schema.sync"] = "schema.sync"
    cron: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    time_zone: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "UTC"
    jitter_seconds: Jitter | None = None
    enabled: bool = True


class PatchSchedule(Request, kw_only=True):
    cron: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | msgspec.UnsetType = msgspec.UNSET
    time_zone: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | msgspec.UnsetType = msgspec.UNSET
    jitter_seconds: Jitter | msgspec.UnsetType = msgspec.UNSET
    enabled: bool | msgspec.UnsetType = msgspec.UNSET


class ScheduleOut(Response, kw_only=True):
    """A schedule; a slot is the nominal time that its expression names, before the jitter."""

    id: int
    kind: str
    instance: str
    cron: str
    time_zone: str
    jitter_seconds: int
    enabled: bool
    next_at: Utc  # when it acts on the first of next_slots
    next_slots: list[Utc]  # the next five; none while it is switched off
    last_slot: dt.datetime | None
    last_outcome: Literal["fired", "skipped"] | None
    last_pipeline: int | None


class SlotOut(Response, kw_only=True):
    """What became of a slot: skipped where the pipeline before had not ended."""

    slot: Utc
    outcome: Literal["fired", "skipped"]
    pipeline: int | None
    at: Utc  # when it was acted upon


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


class AuditVerification(Response, kw_only=True):
    """Whether the chain of seals over the audit log holds."""

    ok: bool
    entries: int
    sealed: int  # the others are a moment old
    first_bad: int | None  # id of the first entry that is not what was sealed
    message: str


class AuditOut(Response, kw_only=True):
    id: int
    at: Utc
    actor: Person | None
    action: str
    resource: str
    data: dict[str, Any]


class WithReason(Request, kw_only=True):
    reason: Reason
