"""What happened: events (outbox), the audit log, answers kept for idempotency keys, the deployment's own facts."""

from __future__ import annotations

import sqlalchemy as sa

from penstock.store.tables.base import created_at, identity, json, metadata, ref, time

event = sa.Table(
    "event",
    metadata,
    identity(),
    # Stamped by the sequencer once committed: the only cursor anybody reads by.
    sa.Column("position", sa.BigInteger, unique=True),
    ref("project_id", "project.id", nullable=True),
    ref("pipeline_id", "pipeline.id", nullable=True),
    sa.Column("version", sa.BigInteger),
    ref("issue_id", "issue.id", nullable=True),
    sa.Column("type", sa.Text, nullable=False),
    ref("actor_id", "account.id", nullable=True),
    json("data", "{}"),
    created_at(),
    sa.UniqueConstraint("pipeline_id", "version"),
    sa.CheckConstraint("(pipeline_id IS NULL) = (version IS NULL)", name="version"),
)
sa.Index("event_unpositioned_idx", event.c.id, postgresql_where=event.c.position.is_(None))
sa.Index("event_issue_idx", event.c.issue_id, event.c.id, postgresql_where=event.c.issue_id.is_not(None))

event_position = sa.Table(
    "event_position",
    metadata,
    sa.Column("only", sa.Boolean, primary_key=True, server_default=sa.text("true")),
    sa.Column("last", sa.BigInteger, nullable=False),
    sa.CheckConstraint('"only"', name="only"),
)

audit = sa.Table(
    "audit",
    metadata,
    identity(),
    ref("actor_id", "account.id", nullable=True),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("resource", sa.Text, nullable=False),
    json("data", "{}"),
    created_at(),
    # The sequencer seals committed rows into a chain: seal = sha256(previous seal, row).
    sa.Column("sealed_as", sa.BigInteger, unique=True),
    sa.Column("seal", sa.LargeBinary),
    sa.CheckConstraint("(sealed_as IS NULL) = (seal IS NULL)", name="seal"),
)
sa.Index("audit_unsealed_idx", audit.c.id, postgresql_where=audit.c.sealed_as.is_(None))

idempotency = sa.Table(
    "idempotency",
    metadata,
    ref("account_id", "account.id", ondelete="CASCADE"),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("request_hash", sa.LargeBinary, nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("body", sa.LargeBinary),
    time("started_at", nullable=False),
    sa.PrimaryKeyConstraint("account_id", "key"),
    sa.CheckConstraint("(status IS NULL) = (body IS NULL)", name="answer"),
    sa.Index("idempotency_started_at_idx", "started_at"),
)

deployment = sa.Table(
    "deployment",
    metadata,
    sa.Column("only", sa.Boolean, primary_key=True, server_default=sa.text("true")),
    sa.Column("id", sa.Uuid, nullable=False),
    time("demo_seeded_at"),
    created_at(),
    sa.CheckConstraint('"only"', name="only"),
)
