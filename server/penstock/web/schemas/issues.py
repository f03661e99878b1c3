"""Releases, issues, pipelines, stages, tasks, runs."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from penstock.web.schemas.common import BlockerOut, Labels, Person, Reason, Request, Response, Slug, Text, Utc

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
    commit: Annotated[str, msgspec.Meta(max_length=200)] | None = None  # of the repository that it was made from


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
    """Statements, by index, that run in one transaction; or the one that runs outside of any.

    Args:
        line: of the first of them; None for scripts that were filed before lines were kept.
        undecidable: if a crash interrupts it, nobody can tell whether it took effect.
        kinds: of its statements, each once, in order.
        reads, writes, creates, drops: what they name, each once; at most 100 each.
        destructive: one of them removes data.
        opaque: what one of them does cannot be read from its text.
    """

    index: int
    transactional: bool
    statements: list[int]
    line: int | None = None
    undecidable: bool = False
    kinds: list[str] = msgspec.field(default_factory=list)
    reads: list[str] = msgspec.field(default_factory=list)
    writes: list[str] = msgspec.field(default_factory=list)
    creates: list[str] = msgspec.field(default_factory=list)
    drops: list[str] = msgspec.field(default_factory=list)
    destructive: bool = False
    opaque: bool = False


class NewReview(Request, kw_only=True):
    """SQL to review without filing it; with a database, its catalog is asked as well."""

    engine: Literal["postgres", "mysql", "mariadb"]
    statement: str
    database: DatabaseRef | None = None


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
    commit: str | None
    changes: list[ChangeOut]
    created_by: Person
    created_at: Utc


class ReleaseSummary(Response, kw_only=True):
    id: int
    project: str
    digest: str
    commit: str | None
    change_count: int
    created_by: Person
    created_at: Utc


class IssueRelease(Request, kw_only=True):
    changes: Annotated[list[NewChange], msgspec.Meta(max_length=5_000)]


class Targets(Request, kw_only=True):
    """Exactly one of the three: databases, every database of the project in these environments, or those that a
    database group selects when the issue is filed."""

    databases: Annotated[list[DatabaseRef], msgspec.Meta(max_length=10_000)] | None = None
    environments: Annotated[list[Slug], msgspec.Meta(max_length=100)] | None = None
    group: Slug | None = None


BatchSize = Annotated[int, msgspec.Meta(ge=1)] | Annotated[str, msgspec.Meta(pattern=r"^(100|[1-9][0-9]?)%$(?!\n)")]
Batch = Annotated[list[BatchSize], msgspec.Meta(min_length=1, max_length=100)]
Limit = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class FanOut(Request, kw_only=True):
    """How a stage hands its tasks out to databases.

    ``batch``: sizes, in tasks or per cent of the stage's; the next begins when the one before has passed, and the last
    size is used again. ``max_parallel``: tasks at once. ``max_failures``: after that many nothing further starts.
    """

    batch: Batch | None = None
    max_parallel: Limit | None = None
    max_failures: Limit | None = None


OutputValue: TypeAlias = bool | int | float | str | None
OutputName = Annotated[str, msgspec.Meta(min_length=1, max_length=63)]


class OutputCondition(Request, kw_only=True):
    """A comparison with an output of a task before; one that nobody has given meets nothing."""

    output: OutputName
    op: Literal["eq", "ne", "lt", "le", "gt", "ge"] = "eq"
    value: Annotated[str, msgspec.Meta(max_length=1_000)] | bool | int | float | None


class NewTask(Request, kw_only=True):
    """One operation of an explicit stage.

    A change without release and statement applies the issue's. A baseline runs nothing: it records the changes of its
    own release as applied, or, without one, what the history tables of other tools say. ``database.create`` makes an
    empty database of that name, with an ``owner`` and an ``encoding`` (or character set). A sync reads a whole instance
    and takes no database. A query asks one SELECT and changes nothing: ``expect`` says what its answer must be
    (``no_rows``, or ``true`` for one row with one true value), ``output`` which columns of its first row are kept under
    which names. ``only_if`` passes any task over unless all its conditions on outputs of tasks before hold.
    ``timeout``: seconds that an attempt may take.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    type: Literal["database.change", "database.create", "schema.baseline", "schema.sync", "database.query"] = (
        "database.change"
    )
    instance: Slug
    database: DatabaseName | int | None = None
    release: int | None = None
    statement: str | None = None
    when: Literal["on_success", "on_failure", "always"] = "on_success"
    allow_failure: bool = False
    expect: Literal["no_rows", "true"] | bool | None = None
    output: dict[OutputName, Annotated[str, msgspec.Meta(min_length=1, max_length=200)]] | None = None
    only_if: Annotated[list[OutputCondition], msgspec.Meta(max_length=100)] = msgspec.field(default_factory=list)
    timeout: Annotated[int, msgspec.Meta(ge=1, le=86_400)] | None = None
    owner: DatabaseName | None = None
    encoding: Annotated[str, msgspec.Meta(min_length=1, max_length=40)] | None = None


class NewStage(Request, kw_only=True):
    """Stages run in parallel unless ``needs``, ``phase`` or the pipeline's order relates them; their tasks in order."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"^[^/\s][^/]*$")]
    environment: Slug
    tasks: Annotated[list[NewTask], msgspec.Meta(max_length=10_000)]
    needs: list[str] | None = None
    phase: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    task_order: Literal["sequential", "parallel"] = "sequential"
    advance: Literal["auto", "manual"] = "auto"
    not_before: Annotated[Utc, msgspec.Meta(tz=True)] | None = None
    batch: Batch | None = None
    max_parallel: Limit | None = None
    max_failures: Limit | None = None
    allow_failure: bool = False
    independent: bool = False


class NewPipeline(Request, kw_only=True):
    """Exactly one of ``stages`` and ``tasks``; tasks alone make one stage, so they share one environment.

    For an issue, ``id`` alone: a pipeline that has no issue yet.
    """

    id: int | None = None

    order: Literal["sequential", "parallel"] = "parallel"
    fail_fast: bool = False
    stages: Annotated[list[NewStage], msgspec.Meta(max_length=10_000)] | None = None
    tasks: Annotated[list[NewTask], msgspec.Meta(max_length=10_000)] | None = None


class NewLonePipeline(Request, kw_only=True):
    """A pipeline without an issue: it only reads, or all its environments are open to everybody."""

    project: Slug
    order: Literal["sequential", "parallel"] = "parallel"
    fail_fast: bool = False
    stages: Annotated[list[NewStage], msgspec.Meta(max_length=10_000)] | None = None
    tasks: Annotated[list[NewTask], msgspec.Meta(max_length=10_000)] | None = None


class PatchStage(Request, kw_only=True):
    """Limits to change; null lifts one."""

    max_parallel: Limit | msgspec.UnsetType | None = msgspec.UNSET
    max_failures: Limit | msgspec.UnsetType | None = msgspec.UNSET


class PatchTask(Request, kw_only=True):
    """Exactly one of the three."""

    release: int | None = None
    changes: Annotated[list[NewChange], msgspec.Meta(max_length=5_000)] | None = None
    statement: str | None = None


class NewIssue(Request, kw_only=True):
    project: Slug
    title: Title
    description: Text = ""
    labels: Labels = msgspec.field(default_factory=dict)
    release: int | IssueRelease | None = None
    statement: str | None = None
    targets: Targets | None = None
    fan_out: FanOut | None = None  # of every stage that the targets make
    pipeline: NewPipeline | None = None


class PatchIssue(Request, kw_only=True):
    title: Title | msgspec.UnsetType = msgspec.UNSET
    description: Text | msgspec.UnsetType = msgspec.UNSET
    labels: Labels | msgspec.UnsetType = msgspec.UNSET


class AskAgain(Request, kw_only=True):
    """What to say to those who are asked again."""

    comment: Text = ""


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
    # fresh: it counts; stale: of an earlier digest; void: the person may no longer approve; withdrawn: decided anew;
    # unused: no step needs it now.
    state: Literal["fresh", "stale", "void", "withdrawn", "unused"]
    why: str | None  # why it does not count
    digest: str
    at: Utc


class ApprovalStepOut(Response, kw_only=True):
    """One step of the stage's tier: who may fill it, who did, whether it is next."""

    index: int
    label: str  # for example "project owner or DBA"
    any_of: list[str]
    count: int
    because: str | None  # why an escalation added it; null for the tier's own steps
    approved_by: list[Person]
    candidates: list[Person]  # who could fill it, the first 20
    more_candidates: bool
    satisfied: bool
    next: bool  # the steps before it are satisfied, so its candidates could approve now
    can_approve: bool  # the caller could fill it now


class PipelineSummary(Response, kw_only=True):
    """A pipeline as a line of a list."""

    id: int
    status: Literal["open", "done", "canceled"]
    result: str
    stages: list[StageDot]
    created_at: Utc
    updated_at: Utc


class Batches(Response, kw_only=True):
    """Which batch of how many is under way."""

    current: int
    total: int


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
    not_before: Utc | None
    batch: list[int | str] | None
    batches: Batches | None
    max_parallel: int | None
    max_failures: int | None
    independent: bool
    bypassed: list[str]  # gates of place and time that a person passed over for this digest
    status: str
    digest: str
    counts: StageCounts
    blockers: list[BlockerOut]
    steps: list[ApprovalStepOut]
    approvals: list[ApprovalOut]
    actions: list[str]  # what the caller may do now: approve, reject, advance, bypass, retry_failed, edit_limits


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


class GroupTargets(Response, kw_only=True):
    """The database group that an issue was filed for."""

    slug: str | None  # null when the group is gone
    selector: str  # as its databases were chosen
    joined: int  # databases that the group selects now, and that the issue does not have
    joined_databases: list[str]  # the first 20
    left: int  # databases on which nothing has started, and that it no longer selects


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
    group: GroupTargets | None
    promoted_from: str | None  # the environment that its release comes from
    reverts: int | None  # the issue that it takes back
    actions: list[
        str
    ]  # what the caller may do now: revert, approve, reject, cancel, reopen, edit, comment, hold, resume
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
    data: dict[str, Any] | None  # what else is known, for whoever has to settle it


class LockOut(Response, kw_only=True):
    """A lock that a session holds, or waits for."""

    kind: str  # "penstock" is ours on the database
    object: str | None
    mode: str | None
    granted: bool


class SessionOut(Response, kw_only=True):
    """A session on the target server; literals of its statement are hidden."""

    pid: int
    role: Literal["own", "holder", "blocker"]  # the task's; has our lock on the database; is waited for
    certain: bool  # false: the server does not tell who holds the lock, and this one might
    task: int | None  # the task of this installation that it belongs to
    attempt: int | None
    username: str | None
    database: str | None
    application_name: str
    client: str | None
    state: str | None
    started_at: Utc | None
    transaction_started_at: Utc | None
    waits_for: str | None
    blocked_by: list[int]
    query: str
    locks: list[LockOut]


class TaskSessions(Response, kw_only=True):
    """What a task waits for in its target, as it was at that moment."""

    observed_at: Utc
    sessions: list[SessionOut]


class NewSettlement(Request, kw_only=True):
    """What a person found in the database: whether the change is there, as a whole."""

    outcome: Literal["applied", "not_applied"]
    reason: Reason
    unreachable: bool = False  # the target is gone for good: settle without its ledger


class SettlementOut(Response, kw_only=True):
    """What somebody said of a change of which nobody could know."""

    version: str
    outcome: Literal["applied", "not_applied"]
    reason: str
    unseen: bool  # the target was gone, so its ledger knows nothing of it
    person: Person
    at: Utc


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
    when: Literal["on_success", "on_failure", "always"]
    allow_failure: bool
    attempts: int
    failure: Failure | None
    progress: str | None
    started_at: Utc | None
    ended_at: Utc | None
    latest_run: int | None
    actions: list[str]  # what the caller may do now: settle, retry, cancel, skip, sessions


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


class QueryOut(Response, kw_only=True):
    """What a query task asks, and what its answer must be."""

    statement: str
    expect: Literal["no_rows", "true"] | None
    output: dict[str, str] | None  # name -> column; null keeps every column of the first row


class NewDatabaseOut(Response, kw_only=True):
    """The database that a task makes; null leaves it to the server."""

    database: str
    owner: str | None
    encoding: str | None


class ConditionOut(Response, kw_only=True):
    """A condition on an output."""

    output: str
    op: Literal["eq", "ne", "lt", "le", "gt", "ge"]
    value: OutputValue


class TaskBefore(Response, kw_only=True):
    """How a task before had ended when this one was dispatched."""

    name: str
    status: str
    skip_reason: str | None
    failure_class: Literal["failed", "error"] | None


class StageBefore(Response, kw_only=True):
    """A stage that a task follows, as it stood when the task was dispatched; at most 200 tasks of all stages.

    ``relation``: ``needs`` hands its result down, ``phase`` only its end; ``sequence`` is the task's own stage, with
    the tasks before it.
    """

    name: str
    relation: Literal["needs", "phase", "sequence"]
    phase: int
    status: str
    passes: bool
    task_count: int
    tasks: list[TaskBefore]


class TaskContext(Response, kw_only=True):
    """What a task is told of those before it; empty until it is dispatched."""

    stages: list[StageBefore]
    omitted_stages: int
    outputs: dict[str, OutputValue]


class TaskOut(TaskSummary, kw_only=True):
    pipeline: int
    issue: int | None
    release: int | None
    blockers: list[BlockerOut]
    changes: list[TaskChange]
    run_at: Utc | None
    runs: list[RunOut]
    settlements: list[SettlementOut]
    query: QueryOut | None
    creates: NewDatabaseOut | None
    only_if: list[ConditionOut]
    outputs: dict[str, OutputValue]
    context: TaskContext
    timeout: int  # seconds that an attempt may take


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
