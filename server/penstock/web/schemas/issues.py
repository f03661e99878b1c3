"""Releases, issues, pipelines, stages, tasks, runs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from penstock.web.schemas.common import BlockerOut, Labels, Person, Request, Response, Slug, Text, Utc

Version = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$(?!\n)")]
Title = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
DatabaseName = Annotated[str, msgspec.Meta(min_length=1, max_length=63)]
DatabaseRef = int | Annotated[str, msgspec.Meta(min_length=3, max_length=200)]  # an id or "instance/name"


class NewChange(Request, kw_only=True):
    version: Version | None = None  # a UUIDv7 when absent
    name: Annotated[str, msgspec.Meta(max_length=200)] = ""
    statement: str
    engine: Literal["postgres", "mysql", "mariadb"] | None = None
    environments: list[Slug] | None = None
    revert: str | None = None
    verify: str | None = None


class NewRelease(Request, kw_only=True):
    project: Slug
    changes: Annotated[list[NewChange], msgspec.Meta(max_length=5_000)]


class FindingOut(Response, kw_only=True):
    """What a review rule says about one place of a change."""

    rule: str
    severity: Literal["error", "warning", "info"]
    message: str
    hint: str | None
    statement_index: int | None
    line: int | None
    column: int | None


class IssueFinding(FindingOut, kw_only=True):
    """A finding in one of an issue's changes."""

    change: str


class StepOut(Response, kw_only=True):
    """Statements, by index, that run in one transaction; or the one that runs outside of any."""

    index: int
    transactional: bool
    statements: list[int]


class NewReview(Request, kw_only=True):
    """SQL to review without filing it."""

    engine: Literal["postgres", "mysql", "mariadb"]
    statement: str


class ReviewOut(Response, kw_only=True):
    """What review says of a script."""

    findings: list[FindingOut]
    steps: list[StepOut]


class RuleOut(Response, kw_only=True):
    """A rule of review, with what to do instead."""

    id: str
    engines: list[str]
    severity: Literal["error", "warning", "info"]
    message: str
    instead: str


class ChangeOut(Response, kw_only=True):
    version: str
    name: str
    digest: str
    engine: str | None
    environments: list[str] | None
    statement: str
    revert: str | None
    verify: str | None
    bytes: int
    statements: int
    findings: list[FindingOut]
    steps: list[StepOut]


class ReleaseOut(Response, kw_only=True):
    id: int
    project: str
    digest: str
    changes: list[ChangeOut]
    created_by: Person
    created_at: Utc


class ReleaseSummary(Response, kw_only=True):
    id: int
    project: str
    digest: str
    change_count: int
    created_by: Person
    created_at: Utc


class IssueRelease(Request, kw_only=True):
    changes: Annotated[list[NewChange], msgspec.Meta(max_length=5_000)]


class Targets(Request, kw_only=True):
    """Exactly one of the two: databases, or every database of the project in these environments."""

    databases: Annotated[list[DatabaseRef], msgspec.Meta(max_length=10_000)] | None = None
    environments: Annotated[list[Slug], msgspec.Meta(max_length=100)] | None = None


class NewTask(Request, kw_only=True):
    """One operation of an explicit stage; without release and statement it applies the issue's."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    type: Literal["database.change"] = "database.change"
    instance: Slug
    database: DatabaseName | int
    release: int | None = None
    statement: str | None = None


class NewStage(Request, kw_only=True):
    """Stages run in parallel unless ``needs``, ``phase`` or the pipeline's order relates them; their tasks in order."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"^[^/\s][^/]*$")]
    environment: Slug
    tasks: Annotated[list[NewTask], msgspec.Meta(max_length=10_000)]
    needs: list[str] | None = None
    phase: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    task_order: Literal["sequential", "parallel"] = "sequential"
    advance: Literal["auto", "manual"] = "auto"


class NewPipeline(Request, kw_only=True):
    """Exactly one of ``stages`` and ``tasks``; tasks alone make one stage, so they share one environment."""

    order: Literal["sequential", "parallel"] = "parallel"
    stages: Annotated[list[NewStage], msgspec.Meta(max_length=10_000)] | None = None
    tasks: Annotated[list[NewTask], msgspec.Meta(max_length=10_000)] | None = None


class NewIssue(Request, kw_only=True):
    project: Slug
    title: Title
    description: Text = ""
    labels: Labels = msgspec.field(default_factory=dict)
    release: int | IssueRelease | None = None
    statement: str | None = None
    targets: Targets | None = None
    pipeline: NewPipeline | None = None


class PatchIssue(Request, kw_only=True):
    title: Title | msgspec.UnsetType = msgspec.UNSET
    description: Text | msgspec.UnsetType = msgspec.UNSET
    labels: Labels | msgspec.UnsetType = msgspec.UNSET


class PutRelease(Request, kw_only=True):
    """Exactly one of the three."""

    release: int | None = None
    changes: Annotated[list[NewChange], msgspec.Meta(max_length=5_000)] | None = None
    statement: str | None = None


class StageCounts(Response, kw_only=True):
    waiting: int
    ready: int
    scheduled: int
    running: int
    canceling: int
    succeeded: int
    failed: int
    canceled: int
    skipped: int
    total: int


class ApprovalOut(Response, kw_only=True):
    id: int
    stage: str
    step: int | None
    person: Person
    decision: Literal["approve", "reject"]
    comment: str
    state: Literal["fresh", "stale", "void", "withdrawn"]
    digest: str
    at: Utc


class ApprovalStepOut(Response, kw_only=True):
    """One step of the stage's tier: who may fill it, who did, whether it is next."""

    index: int
    label: str  # for example "project owner or DBA"
    any_of: list[str]
    count: int
    approved_by: list[Person]
    candidates: list[Person]  # who could approve this now, the first 20
    satisfied: bool
    can_approve: bool  # the caller could fill it now


class PipelineSummary(Response, kw_only=True):
    """A pipeline as a line of a list."""

    id: int
    status: Literal["open", "done", "canceled"]
    result: str
    stages: list[StageDot]
    created_at: Utc
    updated_at: Utc


class StageOut(Response, kw_only=True):
    id: int
    name: str
    environment: str
    environment_name: str
    tier: str
    position: int
    phase: int
    needs: list[str]
    task_order: Literal["sequential", "parallel"]
    advance: Literal["auto", "manual"]
    status: str
    digest: str
    counts: StageCounts
    blockers: list[BlockerOut]
    steps: list[ApprovalStepOut]
    approvals: list[ApprovalOut]
    actions: list[str]  # what the caller may do now: approve, reject, advance, retry_failed


class PipelineOut(Response, kw_only=True):
    id: int
    issue: int | None
    project: str | None
    status: Literal["open", "done", "canceled"]
    result: str
    order: Literal["sequential", "parallel"]
    fail_fast: bool
    held: bool
    held_by: Person | None
    held_reason: str | None
    stages: list[StageOut]
    version: int
    created_at: Utc
    updated_at: Utc


class IssueOut(Response, kw_only=True):
    id: int
    project: str
    title: str
    description: str
    status: Literal["open", "done", "canceled"]
    labels: dict[str, str]
    author: Person
    last_editor: Person
    release: int | None
    release_digest: str | None
    revision: int
    actions: list[str]  # what the caller may do now: approve, reject, cancel, reopen, edit, comment, hold, resume
    waiting_for: list[str]
    pipeline: PipelineOut
    created_at: Utc
    updated_at: Utc


class StageDot(Response, kw_only=True):
    name: str
    status: str
    counts: StageCounts


class IssueSummary(Response, kw_only=True):
    id: int
    project: str
    title: str
    status: Literal["open", "done", "canceled"]
    result: str
    labels: dict[str, str]
    author: Person
    stages: list[StageDot]
    waiting_for: list[str]
    approvals_done: int
    approvals_needed: int
    created_at: Utc
    updated_at: Utc


class Failure(Response, kw_only=True):
    kind: str
    failure_class: str = msgspec.field(name="class")
    code: str
    message: str
    statement_index: int | None
    line: int | None
    column: int | None
    hint: str | None


class TaskChange(Response, kw_only=True):
    version: str
    name: str
    state: Literal["applied", "already_applied", "failed", "unknown", "not_run"]
    run: int | None


class TaskSummary(Response, kw_only=True):
    id: int
    name: str
    type: str
    stage: str
    environment: str
    instance: str
    database: str | None
    database_id: int | None
    status: str
    skip_reason: str | None
    skip_note: str | None
    attempts: int
    failure: Failure | None
    progress: str | None
    started_at: Utc | None
    ended_at: Utc | None
    latest_run: int | None
    actions: list[str]  # retry, cancel, skip


class RunOut(Response, kw_only=True):
    """One attempt of a task; ``runner`` is ``host:pid``."""

    id: int
    task: int
    attempt: int
    runner: str | None
    started_at: Utc
    ended_at: Utc | None
    outcome: str | None
    last_seq: int


class TaskOut(TaskSummary, kw_only=True):
    pipeline: int
    issue: int | None
    release: int | None
    blockers: list[BlockerOut]
    changes: list[TaskChange]
    run_at: Utc | None
    runs: list[RunOut]


class LogLine(Response, kw_only=True):
    seq: int
    at: Utc
    level: Literal["debug", "info", "warning", "error"]
    text: str
    statement_index: int | None


class LogPage(Response, kw_only=True):
    items: list[LogLine]
    next_after: int
    ended: bool


class NewApproval(Request, kw_only=True):
    stages: list[str] | Literal["all"]
    digest: dict[str, str]
    decision: Literal["approve", "reject"]
    comment: Text = ""


class NewComment(Request, kw_only=True):
    body: Annotated[str, msgspec.Meta(min_length=1, max_length=20_000)]


class ActivityOut(Response, kw_only=True):
    """A comment or an event of the issue's timeline, oldest first."""

    id: str
    kind: Literal["comment", "event"]
    at: Utc
    actor: Person | None
    type: str | None
    body: str | None
    data: dict[str, Any]
