"""Plugins and their deliveries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    op.create_table(
        "plugin",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=True),
        sa.Column("types", postgresql.JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("settings", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=True),
        sa.Column("old_secret", sa.LargeBinary(), nullable=True),
        sa.Column("old_secret_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint("\"kind\" IN ('webhook', 'chat', 'email')", name=op.f("plugin_kind_check")),
        sa.CheckConstraint("(old_secret IS NULL) = (old_secret_until IS NULL)", name=op.f("plugin_old_secret_check")),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("plugin_project_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("plugin_pkey")),
    )
    op.create_index(op.f("plugin_project_id_idx"), "plugin", ["project_id"])
    op.create_table(
        "delivery",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("message_id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("plugin_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), server_default="pending", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease", sa.Uuid(), nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("last_ms", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("\"status\" IN ('pending', 'delivered', 'dead')", name=op.f("delivery_status_check")),
        sa.CheckConstraint("(status = 'pending') = (ended_at IS NULL)", name=op.f("delivery_ended_check")),
        sa.ForeignKeyConstraint(["plugin_id"], ["plugin.id"], name=op.f("delivery_plugin_id_fkey"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["position"], ["event.position"], name=op.f("delivery_position_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("delivery_pkey")),
        sa.UniqueConstraint("message_id", name=op.f("delivery_message_id_key")),
        sa.UniqueConstraint("plugin_id", "position", name=op.f("delivery_plugin_id_position_key")),
    )
    op.create_index("delivery_plugin_idx", "delivery", ["plugin_id", "id"])
    pending = sa.text("status = 'pending'")
    op.create_index("delivery_due_idx", "delivery", ["next_at", "id"], postgresql_where=pending)
    op.create_index("delivery_ended_idx", "delivery", ["ended_at"], postgresql_where=sa.text("ended_at IS NOT NULL"))


def downgrade() -> None:
    """Take them away."""
    op.drop_table("delivery")
    op.drop_table("plugin")
