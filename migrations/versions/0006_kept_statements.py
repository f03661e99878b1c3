"""How much of a change that failed is in the database all the same."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it."""
    op.add_column("task_change", sa.Column("kept", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.create_check_constraint(op.f("task_change_kept_check"), "task_change", "kept >= 0")


def downgrade() -> None:
    """Take it away."""
    op.drop_constraint(op.f("task_change_kept_check"), "task_change")
    op.drop_column("task_change", "kept")
