"""Stages that only read, which nobody has to approve, with or without an issue."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the mark; so far, what had no issue only read."""
    op.add_column("stage", sa.Column("read_only", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.execute(
        "UPDATE stage SET read_only = true WHERE NOT EXISTS"
        " (SELECT FROM issue WHERE issue.pipeline_id = stage.pipeline_id)"
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_column("stage", "read_only")
