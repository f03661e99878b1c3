"""Tasks that gave something to those after them, found by index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it."""
    op.create_index(
        "task_outputs_idx", "task", ["stage_id", "position"], postgresql_where=sa.text("outputs IS NOT NULL")
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_index("task_outputs_idx", "task")
