"""Who is told of events outside, and every message to them."""

from __future__ import annotations

import sqlalchemy as sa

from penstock.domain.plugins import KINDS
from penstock.store.tables.base import created_at, identity, json, metadata, one_of, ref, time, version

plugin = sa.Table(
    "plugin",
    metadata,
    identity(),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    # Null: it hears of every project.
    ref("project_id", "project.id", nullable=True, ondelete="CASCADE", index=True),
    json("types", "[]"),  # names of events; empty: all that may be told
    json("settings", "{}"),
    sa.Column("secret", sa.LargeBinary),  # sealed
    sa.Column("old_secret", sa.LargeBinary),
    time("old_secret_until"),
    sa.Column("enabled", sa.Boolean, nullable=False, server_default=sa.text("true")),
    sa.Column("disabled_reason", sa.Text),
    # Events up to here have their deliveries.
    sa.Column("position", sa.BigInteger, nullable=False),
    created_at(),
    version(),
    one_of("kind", KINDS),
    sa.CheckConstraint("(old_secret IS NULL) = (old_secret_until IS NULL)", name="old_secret"),
)

DELIVERY_STATUSES = ("pending", "delivered", "dead")

delivery = sa.Table(
    "delivery",
    metadata,
    identity(),
    sa.Column("message_id", sa.Uuid, nullable=False, unique=True, server_default=sa.text("gen_random_uuid()")),
    ref("plugin_id", "plugin.id", ondelete="CASCADE"),
    sa.Column("position", sa.BigInteger, sa.ForeignKey("event.position"), nullable=False),
    sa.Column("status", sa.Text, nullable=False, server_default="pending"),
    sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
    time("next_at", nullable=False),
    sa.Column("lease", sa.Uuid),
    sa.Column("last_status", sa.Integer),
    sa.Column("last_error", sa.Text),
    sa.Column("last_ms", sa.Integer),
    created_at(),
    time("ended_at"),
    one_of("status", DELIVERY_STATUSES),
    sa.CheckConstraint("(status = 'pending') = (ended_at IS NULL)", name="ended"),
    sa.UniqueConstraint("plugin_id", "position"),
    sa.Index("delivery_plugin_idx", "plugin_id", "id"),
    sa.Index("delivery_position_idx", "position"),
)
sa.Index("delivery_due_idx", delivery.c.next_at, delivery.c.id, postgresql_where=delivery.c.status == "pending")
sa.Index("delivery_ended_idx", delivery.c.ended_at, postgresql_where=delivery.c.ended_at.is_not(None))
