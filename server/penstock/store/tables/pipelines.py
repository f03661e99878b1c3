"""The execution side: pipelines, stages with their permits, tasks with their leases, runs with their logs, slots."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from penstock.domain.pipeline.status import ACTIVE, CONDITIONS, COUNTED, SKIP_REASONS, TASK_STATUSES
from penstock.store.tables.base import created_at, identity, json, metadata, one_of, ref, time, updated_at
from penstock.store.tables.changes import ISSUE_STATUSES

pipeline = sa.Table(
    "pipeline",
    metadata,
    identity(),
    ref("project_id", "project.id", nullable=True, index=True),
    sa.Column("status", sa.Text, nullable=False, server_default="open"),
    sa.Column("attempt", sa.Integer, nullable=False, server_default=sa.text("1")),
    # Filed whole: while its tasks are being stored, nobody sees it and nothing of it moves.
    sa.Column("started", sa.Boolean, nullable=False, server_default=sa.text("false")),
    sa.Column("ended", sa.Boolean, nullable=False, server_default=sa.text("false")),
    sa.Column("order", sa.Text, nullable=False, server_default="sequential"),
    sa.Column("fail_fast", sa.Boolean, nullable=False, server_default=sa.text("false")),
    # Allocates event versions; always moved under the row lock.
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    time("held_at"),
    ref("held_by", "account.id", nullable=True),
    sa.Column("held_reason", sa.Text),
    ref("canceled_by", "account.id", nullable=True),
    created_at(),
    updated_at(),
    one_of("status", ISSUE_STATUSES),
    one_of("order", ("sequential", "parallel")),
    sa.UniqueConstraint("id", "status"),
    sa.CheckConstraint("(held_at IS NULL) = (held_reason IS NULL)", name="held"),
)

# Not by ``updated_at``: whoever announces something writes that, and the row must stay where its indexes point.
sa.Index("pipeline_unfinished_idx", pipeline.c.id, postgresql_where=~pipeline.c.started)

# Those of instances, which are forgotten in time.
sa.Index("pipeline_lone_idx", pipeline.c.created_at, postgresql_where=pipeline.c.project_id.is_(None))

stage = sa.Table(
    "stage",
    metadata,
    identity(),
    ref("pipeline_id", "pipeline.id"),
    sa.Column("name", sa.Text, nullable=False),
    ref("environment_id", "environment.id", index=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("phase", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Column("needs", pg.ARRAY(sa.BigInteger), nullable=False, server_default=sa.text("'{}'")),
    sa.Column("task_order", sa.Text, nullable=False),
    sa.Column("advance", sa.Text, nullable=False),
    time("not_before"),
    # Waits for what it needs, whatever comes of it, and takes no notice of fail_fast.
    sa.Column("independent", sa.Boolean, nullable=False, server_default=sa.text("false")),
    # Nothing in it changes a target: nobody has to approve it.
    sa.Column("read_only", sa.Boolean, nullable=False, server_default=sa.text("false")),
    # Some task runs not only when all went well before it.
    sa.Column("conditional", sa.Boolean, nullable=False, server_default=sa.text("false")),
    sa.Column("digest", sa.Text, nullable=False),
    json("findings", "{}"),  # severity -> how many, over the stage's changes
    json("catalog_findings", "[]"),  # those of them that come from the catalogs of its databases, with their change
    json("review_facts", "{}"),  # domain.gates.escalation.ReviewFacts, of the latest review
    time("advanced_at"),
    ref("advanced_by", "account.id", nullable=True),
    # The permit: present while the stage is open.
    sa.Column("permit_digest", sa.Text),
    sa.Column("permit_generation", sa.BigInteger),
    time("permit_valid_until"),
    time("opened_at"),
    time("wake_at"),
    # The answer of the gates when they were last asked, for lists; the issue page asks them live.
    json("blockers", "[]"),
    # Fan-out: how many tasks at once, after how many failures nothing further starts, and in which batches.
    sa.Column("max_parallel", sa.Integer),
    sa.Column("max_failures", sa.Integer),
    json("batch", nullable=True),
    sa.Column("batch_current", sa.Integer, nullable=False, server_default=sa.text("1")),
    # What many transactions do to its tasks, a part each, while none of them starts: {reason, count} of tasks that
    # are being skipped; {old, new, task, after} of tasks that get another release or digest, up to a position.
    json("skipping", nullable=True),
    json("rewriting", nullable=True),
    # Somebody had tried again what failed up to here.
    time("retrying_until"),
    # Counters instead of a status: a stage's status derives from them in O(1).
    *(sa.Column(f"n_{s}", sa.Integer, nullable=False, server_default=sa.text("0")) for s in COUNTED),
    sa.UniqueConstraint("pipeline_id", "name"),
    sa.UniqueConstraint("pipeline_id", "position"),
    one_of("task_order", ("sequential", "parallel")),
    one_of("advance", ("auto", "manual")),
    sa.CheckConstraint("phase >= 0", name="phase"),
    sa.CheckConstraint("max_parallel >= 1", name="max_parallel"),
    sa.CheckConstraint("max_failures >= 1", name="max_failures"),
    sa.CheckConstraint("batch_current >= 1", name="batch_current"),
    *(sa.CheckConstraint(f"n_{s} >= 0", name=f"n_{s}") for s in COUNTED),
    sa.CheckConstraint(
        "(permit_digest IS NULL) = (permit_valid_until IS NULL)"
        " AND (permit_digest IS NULL) = (permit_generation IS NULL)",
        name="permit_whole",
    ),
)
sa.Index("stage_wake_idx", stage.c.wake_at, postgresql_where=stage.c.wake_at.is_not(None))
sa.Index(
    "stage_below_idx",
    stage.c.pipeline_id,
    postgresql_where=sa.text("""blockers @> '[{"gate": "lower-environments"}]'"""),
)

sa.Index(
    "stage_unchecked_idx",
    stage.c.pipeline_id,
    postgresql_where=sa.text("""blockers @> '[{"gate": "status-check"}]'"""),
)

slot = sa.Table("slot", metadata, sa.Column("key", sa.Text, primary_key=True))

runner = sa.Table(
    "runner",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),  # new per process start
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    time("started_at", nullable=False),
    time("beat_at", nullable=False),
    sa.Column("draining", sa.Boolean, nullable=False, server_default=sa.text("false")),
)

# What tasks are told of those before them: all that became ready while these stood alike are told the same.
context = sa.Table(
    "context",
    metadata,
    identity(),
    ref("stage_id", "stage.id"),
    sa.Column("seen", sa.Text, nullable=False),  # digest of how everything before stood
    json("content", "{}"),
    created_at(),
    sa.UniqueConstraint("stage_id", "seen"),
)

_active = ", ".join(f"'{s}'" for s in ACTIVE)

task = sa.Table(
    "task",
    metadata,
    identity(),
    ref("pipeline_id", "pipeline.id"),
    ref("stage_id", "stage.id"),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    ref("instance_id", "instance.id"),
    ref("database_id", "database.id", nullable=True),
    ref("release_id", "release.id", nullable=True),
    json("options", "{}"),
    json("outputs", nullable=True),  # name -> scalar: what a query that succeeded found
    ref("context_id", "context.id", nullable=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False, server_default="waiting"),
    sa.Column("skip_reason", sa.Text),
    sa.Column("skip_note", sa.Text),
    json("failure", nullable=True),
    sa.Column("failure_class", sa.Text),
    sa.Column("when", sa.Text, nullable=False, server_default="on_success"),
    sa.Column("allow_failure", sa.Boolean, nullable=False, server_default=sa.text("false")),
    sa.Column("progress", sa.Text),
    json("waiting_on", nullable=True),
    sa.Column("sent", sa.Boolean, nullable=False, server_default=sa.text("false")),  # some attempt sent a statement
    # Queue: claimable means "could run now".
    sa.Column("slot_key", sa.Text, sa.ForeignKey("slot.key"), nullable=False),
    sa.Column("claimable", sa.Boolean, nullable=False, server_default=sa.text("false")),
    sa.Column("priority", sa.Integer, nullable=False, server_default=sa.text("100")),
    time("run_at", nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Column("lease", sa.LargeBinary),
    sa.Column("runner_id", sa.Uuid, sa.ForeignKey("runner.id")),
    time("lease_until"),
    time("deadline"),
    sa.Column("timeout_seconds", sa.Integer, nullable=False, server_default=sa.text("3600")),
    time("cancel_requested_at"),
    ref("cancel_requested_by", "account.id", nullable=True),
    sa.Column("rescues", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Column("failures", sa.Integer, nullable=False, server_default=sa.text("0")),
    time("started_at"),
    time("ended_at"),
    # An attempt saw that the database which the task is to make was not there, and then sent for it: if it is there
    # afterwards, it is the task's.
    time("intended_at"),
    created_at(),
    sa.UniqueConstraint("stage_id", "position"),
    sa.UniqueConstraint("stage_id", "name"),
    one_of("status", TASK_STATUSES),
    one_of("when", CONDITIONS),
    one_of("skip_reason", SKIP_REASONS),
    one_of("type", ("database.change", "schema.sync", "schema.baseline", "database.query", "database.create")),
    one_of("failure_class", ("failed", "error")),
    sa.CheckConstraint(f"(status IN ({_active})) = (lease IS NOT NULL)", name="lease"),
    sa.CheckConstraint("(lease IS NULL) = (lease_until IS NULL)", name="lease_until"),
    sa.CheckConstraint("NOT claimable OR status = 'ready'", name="claimable"),
    sa.CheckConstraint("(status = 'skipped') = (skip_reason IS NOT NULL)", name="skip_reason_set"),
    sa.CheckConstraint("(status = 'failed') = (failure_class IS NOT NULL)", name="failure_class_set"),
    sa.CheckConstraint(
        "type <> 'database.change' OR (database_id IS NOT NULL AND release_id IS NOT NULL)", name="change"
    ),
    sa.CheckConstraint("type <> 'schema.baseline' OR database_id IS NOT NULL", name="baseline"),
    sa.CheckConstraint(
        "type <> 'database.query'"
        " OR (database_id IS NOT NULL AND release_id IS NULL AND options ->> 'statement' IS NOT NULL)",
        name="query",
    ),
    sa.CheckConstraint(
        "type <> 'database.create'"
        " OR (database_id IS NULL AND release_id IS NULL AND options ->> 'database' IS NOT NULL)",
        name="create",
    ),
    sa.CheckConstraint("intended_at IS NULL OR type = 'database.create'", name="intended_at"),
    sa.CheckConstraint("outputs IS NULL OR (status = 'succeeded' AND type = 'database.query')", name="outputs"),
    sa.CheckConstraint("attempt >= 0", name="attempt"),
)
sa.Index(
    "task_active_slot_key",
    task.c.slot_key,
    unique=True,
    postgresql_where=sa.text(f"claimable OR status IN ({_active})"),
)
sa.Index("task_claim_idx", task.c.priority, task.c.run_at, task.c.id, postgresql_where=task.c.claimable)
sa.Index("task_lease_idx", task.c.lease_until, postgresql_where=task.c.lease_until.is_not(None))
sa.Index(
    "task_instance_active_idx",
    task.c.instance_id,
    postgresql_where=sa.text(f"claimable OR status IN ({_active})"),
)
sa.Index(
    "task_instance_ready_idx",
    task.c.instance_id,
    task.c.priority,
    task.c.run_at,
    task.c.id,
    postgresql_where=sa.text("status = 'ready' AND NOT claimable"),
)
sa.Index("task_pipeline_idx", task.c.pipeline_id, task.c.stage_id, task.c.status, task.c.id)
sa.Index("task_stage_status_idx", task.c.stage_id, task.c.status, task.c.position)
sa.Index("task_outputs_idx", task.c.stage_id, task.c.position, postgresql_where=task.c.outputs.is_not(None))
sa.Index("task_runner_idx", task.c.runner_id, postgresql_where=task.c.runner_id.is_not(None))
sa.Index("task_database_idx", task.c.database_id)
sa.Index("task_release_idx", task.c.release_id)
# What an instance's place concerns beside the tasks of its databases.
sa.Index("task_create_idx", task.c.instance_id, postgresql_where=sa.text("type = 'database.create'"))
# The releases of a database, as they came.
sa.Index(
    "task_released_idx",
    task.c.database_id,
    task.c.ended_at,
    task.c.id,
    postgresql_where=sa.text("status = 'succeeded' AND release_id IS NOT NULL"),
)
# Nobody knows how these ended, so nothing else runs on their databases until a person settles them.
UNKNOWN = "status = 'failed' AND (failure ->> 'kind') = 'outcome_unknown'"
UNRESOLVED = "status = 'ready' AND sent"  # an attempt may have done something; the next one finds out
sa.Index("task_unresolved_idx", task.c.instance_id, task.c.slot_key, postgresql_where=sa.text(UNRESOLVED))
sa.Index("task_unknown_idx", task.c.instance_id, task.c.slot_key, postgresql_where=sa.text(UNKNOWN))

task_run = sa.Table(
    "task_run",
    metadata,
    ref("task_id", "task.id"),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False, unique=True),
    sa.Column("lease", sa.LargeBinary, nullable=False),
    sa.Column("runner_id", sa.Uuid, sa.ForeignKey("runner.id"), nullable=False),
    time("started_at", nullable=False),
    time("ended_at"),
    sa.Column("outcome", sa.Text),
    sa.Column("sqlstate", sa.Text),
    sa.Column("last_seq", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.PrimaryKeyConstraint("task_id", "attempt"),
    one_of("outcome", ("succeeded", "failed", "canceled", "interrupted", "retried")),
    sa.CheckConstraint("(ended_at IS NULL) = (outcome IS NULL)", name="ended"),
)

run_log = sa.Table(
    "run_log",
    metadata,
    sa.Column("run_id", sa.BigInteger, sa.ForeignKey("task_run.id"), nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    time("at", nullable=False),
    sa.Column("level", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("statement_index", sa.Integer),
    sa.PrimaryKeyConstraint("run_id", "seq"),
    one_of("level", ("debug", "info", "warning", "error")),
)

task_change = sa.Table(
    "task_change",
    metadata,
    ref("task_id", "task.id"),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("run_id", sa.BigInteger, sa.ForeignKey("task_run.id")),
    sa.Column("kept", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.PrimaryKeyConstraint("task_id", "version"),
    one_of("state", ("applied", "already_applied", "failed", "unknown")),
    sa.CheckConstraint("kept >= 0", name="kept"),
)

settlement = sa.Table(
    "settlement",
    metadata,
    identity(),
    ref("task_id", "task.id", index=True),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    # The target had been unreachable for so long that it was taken for gone: its ledger knows nothing of this.
    sa.Column("unseen", sa.Boolean, nullable=False, server_default=sa.text("false")),
    ref("account_id", "account.id"),
    created_at(),
    one_of("outcome", ("applied", "not_applied")),
)

project_turn = sa.Table(
    "project_turn",
    metadata,
    sa.Column("project_id", sa.BigInteger, sa.ForeignKey("project.id", ondelete="CASCADE"), primary_key=True),
    time("served_at", nullable=False),
)

approval = sa.Table(
    "approval",
    metadata,
    identity(),
    ref("stage_id", "stage.id", index=True),
    sa.Column("digest", sa.Text, nullable=False),
    ref("account_id", "account.id"),
    sa.Column("decision", sa.Text, nullable=False),
    sa.Column("step", sa.Integer),
    sa.Column("comment", sa.Text, nullable=False, server_default=""),
    created_at(),
    one_of("decision", ("approve", "reject")),
    sa.CheckConstraint("(decision = 'approve') = (step IS NOT NULL)", name="step"),
)
