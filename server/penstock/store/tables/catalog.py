"""What changes are applied to: environments with their tiers, instances with their secrets, databases, schedules."""

from __future__ import annotations

import sqlalchemy as sa

from penstock.domain.drift import ENDS, REASONS, STANDING, STATUSES
from penstock.store.tables.base import created_at, identity, json, metadata, one_of, ref, time, version

approval_tier = sa.Table(
    "approval_tier",
    metadata,
    identity(),
    sa.Column("slug", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    json("rules"),  # domain.gates.approval.TierRules
    version(),
)

environment = sa.Table(
    "environment",
    metadata,
    identity(),
    sa.Column("slug", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    ref("tier_id", "approval_tier.id", index=True),
    # Bumped by every change that may close a gate; a permit of another generation is void.
    sa.Column("generation", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    sa.Column("max_running_tasks", sa.Integer),  # on all its instances together; none when it is not set
    version(),
    sa.CheckConstraint("max_running_tasks >= 1", name="max_running_tasks"),
    sa.UniqueConstraint("position", deferrable=True, initially="DEFERRED"),
)

instance = sa.Table(
    "instance",
    metadata,
    identity(),
    sa.Column("slug", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("engine", sa.Text, nullable=False),
    ref("environment_id", "environment.id", index=True),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("port", sa.Integer, nullable=False),
    sa.Column("username", sa.Text),
    sa.Column("dsn_env", sa.Text),
    sa.Column("tls", sa.Text, nullable=False, server_default="prefer"),
    json("options", "{}"),
    sa.Column("max_running_tasks", sa.Integer, nullable=False, server_default=sa.text("4")),
    sa.Column("identity", sa.Text),  # the server's own id, once it was read
    sa.Column("server_version", sa.Text),
    time("synced_at"),
    sa.Column("sync_error", sa.Text),
    created_at(),
    version(),
    one_of("engine", ("postgres", "mysql", "mariadb")),
    one_of("tls", ("disable", "prefer", "require", "verify-full")),
    sa.CheckConstraint("port BETWEEN 1 AND 65535", name="port"),
    sa.CheckConstraint("max_running_tasks BETWEEN 1 AND 64", name="max_running_tasks"),
)

secret = sa.Table(
    "secret",
    metadata,
    ref("instance_id", "instance.id", ondelete="CASCADE"),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("key_id", sa.Text, nullable=False),
    sa.Column("wrapped_key", sa.LargeBinary, nullable=False),
    sa.Column("ciphertext", sa.LargeBinary, nullable=False),
    created_at(),
    sa.PrimaryKeyConstraint("instance_id", "name"),
)

database = sa.Table(
    "database",
    metadata,
    identity(),
    ref("instance_id", "instance.id"),
    sa.Column("name", sa.Text, nullable=False),
    ref("project_id", "project.id", nullable=True, index=True),
    json("labels", "{}"),
    sa.Column("fingerprint", sa.Text),
    sa.Column("tables", sa.Integer),
    time("synced_at"),
    time("read_at"),  # when the newest reading that is stored here began
    time("vanished_at"),
    # As what it is expected: since when and why, and the latest reading that found it so: when that began, and how it
    # was read (`domain.drift.reading`).  A change of ours that ended later may have made another of it.
    sa.Column("expected", sa.Text, sa.ForeignKey("schema_snapshot.fingerprint"), index=True),
    time("expected_since"),
    sa.Column("expected_because", sa.Text),
    time("expected_read_at"),
    sa.Column("expected_reading", sa.Text),
    created_at(),
    version(),
    sa.UniqueConstraint("instance_id", "name"),
    one_of("expected_because", REASONS),
    sa.CheckConstraint(
        "num_nulls(expected, expected_since, expected_because, expected_read_at, expected_reading) IN (0, 5)",
        name="expected_whole",
    ),
)
sa.Index("database_fingerprint_idx", database.c.fingerprint)

database_group = sa.Table(
    "database_group",
    metadata,
    identity(),
    ref("project_id", "project.id", ondelete="CASCADE"),
    sa.Column("slug", sa.Text, nullable=False),
    sa.Column("selector", sa.Text, nullable=False),  # domain.selector
    created_at(),
    version(),
    sa.UniqueConstraint("project_id", "slug"),
)

schema_snapshot = sa.Table(
    "schema_snapshot",
    metadata,
    # Content-addressed: a thousand databases with one schema store it once.
    sa.Column("fingerprint", sa.Text, primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),  # canonical JSON of schema.model, zstd-compressed
    created_at(),
)

# What a database was, and from when to when; without an end it is so still.
database_snapshot = sa.Table(
    "database_snapshot",
    metadata,
    identity(),
    ref("database_id", "database.id", ondelete="CASCADE"),
    sa.Column("fingerprint", sa.Text, sa.ForeignKey("schema_snapshot.fingerprint"), nullable=False, index=True),
    time("first_seen_at", nullable=False),
    time("last_seen_at"),
    sa.CheckConstraint("last_seen_at >= first_seen_at", name="seen"),
)
sa.Index("database_snapshot_database_id_idx", database_snapshot.c.database_id, database_snapshot.c.id)
sa.Index(
    "database_snapshot_current_key",
    database_snapshot.c.database_id,
    unique=True,
    postgresql_where=database_snapshot.c.last_seen_at.is_(None),
)

drift = sa.Table(
    "drift",
    metadata,
    identity(),
    ref("database_id", "database.id", ondelete="CASCADE", index=True),
    sa.Column("expected", sa.Text, sa.ForeignKey("schema_snapshot.fingerprint"), nullable=False, index=True),
    sa.Column("found", sa.Text, sa.ForeignKey("schema_snapshot.fingerprint"), nullable=False, index=True),
    # The latest reading that found it so: when it began, and how it was read.
    time("read_at", nullable=False),
    sa.Column("reading", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False, server_default="open"),
    time("first_seen_at", nullable=False),
    time("last_seen_at", nullable=False),
    json("changes", nullable=True),  # how many {added, removed, changed}; null until they are counted
    # Who accepted or ignored it, and what they said.
    ref("decided_by", "account.id", nullable=True),
    time("decided_at"),
    sa.Column("comment", sa.Text, nullable=False, server_default=""),
    time("ignored_until"),  # or until it changes again
    time("ended_at"),
    sa.Column("ended_because", sa.Text),
    version(),
    one_of("status", STATUSES),
    one_of("ended_because", ENDS),
    sa.CheckConstraint("expected <> found", name="differs"),
    sa.CheckConstraint("(status IN ('accepted', 'ended')) = (ended_at IS NOT NULL)", name="ended_at"),
    sa.CheckConstraint("(status = 'ended') = (ended_because IS NOT NULL)", name="ended_because_set"),
    sa.CheckConstraint("(decided_by IS NULL) = (decided_at IS NULL)", name="decided"),
    sa.CheckConstraint(
        "CASE status WHEN 'open' THEN decided_by IS NULL WHEN 'ended' THEN true ELSE decided_by IS NOT NULL END",
        name="decided_by",
    ),
    sa.CheckConstraint("ignored_until IS NULL OR status IN ('ignored', 'ended')", name="ignored_until"),
)
# A database drifts once at a time.
sa.Index(
    "drift_standing_key",
    drift.c.database_id,
    unique=True,
    postgresql_where=drift.c.status.in_([sa.literal_column(f"'{s}'") for s in STANDING]),
)

schedule = sa.Table(
    "schedule",
    metadata,
    identity(),
    sa.Column("kind", sa.Text, nullable=False),
    ref("instance_id", "instance.id", ondelete="CASCADE"),
    sa.Column("cron", sa.Text, nullable=False),
    sa.Column("time_zone", sa.Text, nullable=False, server_default="UTC"),
    sa.Column("jitter_seconds", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Column("enabled", sa.Boolean, nullable=False, server_default=sa.text("true")),
    time("next_slot", nullable=False),
    time("next_at", nullable=False),
    created_at(),
    one_of("kind", ("schema.sync",)),
    sa.CheckConstraint("jitter_seconds BETWEEN 0 AND 3600", name="jitter_seconds"),
    sa.UniqueConstraint("kind", "instance_id"),
)
sa.Index("schedule_due_idx", schedule.c.next_at, postgresql_where=schedule.c.enabled)

schedule_fire = sa.Table(
    "schedule_fire",
    metadata,
    ref("schedule_id", "schedule.id", ondelete="CASCADE"),
    # The nominal instant, before jitter: two replicas can never fire one slot twice.
    time("slot", nullable=False),
    ref("pipeline_id", "pipeline.id", nullable=True, ondelete="SET NULL", index=True),
    sa.Column("outcome", sa.Text, nullable=False),
    created_at(),
    sa.PrimaryKeyConstraint("schedule_id", "slot"),
    one_of("outcome", ("fired", "skipped")),
)
