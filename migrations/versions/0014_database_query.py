"""Queries that verify: their outputs, and what tasks are told of those before them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_BEFORE = "'database.change', 'schema.sync', 'schema.baseline'"


def upgrade() -> None:
    """Add them."""
    op.create_table(
        "context",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("stage_id", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.Text(), nullable=False),
        sa.Column("content", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["stage_id"], ["stage.id"], name=op.f("context_stage_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("context_pkey")),
        sa.UniqueConstraint("stage_id", "seen", name=op.f("context_stage_id_seen_key")),
    )
    op.add_column("task", sa.Column("outputs", postgresql.JSONB(), nullable=True))
    op.add_column("task", sa.Column("context_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("task_context_id_fkey"), "task", "context", ["context_id"], ["id"])
    op.drop_constraint(op.f("task_type_check"), "task")
    op.create_check_constraint(op.f("task_type_check"), "task", f"type IN ({_BEFORE}, 'database.query')")
    op.create_check_constraint(
        op.f("task_query_check"),
        "task",
        "type <> 'database.query'"
        " OR (database_id IS NOT NULL AND release_id IS NULL AND options ->> 'statement' IS NOT NULL)",
    )
    op.create_check_constraint(
        op.f("task_outputs_check"),
        "task",
        "outputs IS NULL OR (status = 'succeeded' AND type = 'database.query')",
    )


def downgrade() -> None:
    """Take them away; there must be no query any more."""
    op.drop_constraint(op.f("task_outputs_check"), "task")
    op.drop_constraint(op.f("task_query_check"), "task")
    op.drop_constraint(op.f("task_type_check"), "task")
    op.create_check_constraint(op.f("task_type_check"), "task", f"type IN ({_BEFORE})")
    op.drop_constraint(op.f("task_context_id_fkey"), "task")
    op.drop_column("task", "context_id")
    op.drop_column("task", "outputs")
    op.drop_table("context")
