"""Conditions of tasks, failures that are allowed, stages that go their own way."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    op.add_column("stage", sa.Column("independent", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("stage", sa.Column("conditional", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("stage", sa.Column("n_absorbed", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.create_check_constraint(op.f("stage_n_absorbed_check"), "stage", "n_absorbed >= 0")
    op.add_column("task", sa.Column("when", sa.Text(), server_default="on_success", nullable=False))
    op.add_column("task", sa.Column("allow_failure", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.create_check_constraint(op.f("task_when_check"), "task", "\"when\" IN ('on_success', 'on_failure', 'always')")


def downgrade() -> None:
    """Take them away."""
    op.drop_constraint(op.f("task_when_check"), "task")
    op.drop_column("task", "allow_failure")
    op.drop_column("task", "when")
    op.drop_column("stage", "n_absorbed")
    op.drop_column("stage", "conditional")
    op.drop_column("stage", "independent")
