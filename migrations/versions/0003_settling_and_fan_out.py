"""Settling by a person, fan-out limits of stages, and tasks that adopt a database."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

UNKNOWN = "status = 'failed' AND (failure ->> 'kind') = 'outcome_unknown'"
TYPE = '"type" IN ({})'


def upgrade() -> None:
    """Add them."""
    op.create_table(
        "settlement",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("\"outcome\" IN ('applied', 'not_applied')", name=op.f("settlement_outcome_check")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("settlement_account_id_fkey")),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("settlement_task_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("settlement_pkey")),
    )
    op.create_index(op.f("settlement_task_id_idx"), "settlement", ["task_id"])
    op.create_index("task_unknown_idx", "task", ["instance_id", "slot_key"], postgresql_where=sa.text(UNKNOWN))
    op.add_column("stage", sa.Column("max_parallel", sa.Integer(), nullable=True))
    op.add_column("stage", sa.Column("max_failures", sa.Integer(), nullable=True))
    op.add_column("stage", sa.Column("batch", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("stage", sa.Column("batch_current", sa.Integer(), server_default=sa.text("1"), nullable=False))
    op.create_check_constraint(op.f("stage_max_parallel_check"), "stage", "max_parallel >= 1")
    op.create_check_constraint(op.f("stage_max_failures_check"), "stage", "max_failures >= 1")
    op.create_check_constraint(op.f("stage_batch_current_check"), "stage", "batch_current >= 1")
    op.drop_constraint(op.f("task_type_check"), "task")
    types = "'database.change', 'schema.sync', 'schema.baseline'"
    op.create_check_constraint(op.f("task_type_check"), "task", TYPE.format(types))
    op.create_check_constraint(
        op.f("task_baseline_check"), "task", "type <> 'schema.baseline' OR database_id IS NOT NULL"
    )


def downgrade() -> None:
    """Take them away; fails while a task of the new type is there."""
    op.drop_constraint(op.f("task_baseline_check"), "task")
    op.drop_constraint(op.f("task_type_check"), "task")
    op.create_check_constraint(op.f("task_type_check"), "task", TYPE.format("'database.change', 'schema.sync'"))
    for column in ("batch_current", "batch", "max_failures", "max_parallel"):
        op.drop_column("stage", column)
    op.drop_index("task_unknown_idx", table_name="task", postgresql_where=sa.text(UNKNOWN))
    op.drop_index(op.f("settlement_task_id_idx"), table_name="settlement")
    op.drop_table("settlement")
