"""Unfinished pipelines, found without an index by when they were last touched: with it, every event of a pipeline moved
its row, and left an entry behind in each of its indexes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """By id instead."""
    _index_by("id")


def downgrade() -> None:
    """By time again."""
    _index_by("updated_at")


def _index_by(column: str) -> None:
    op.drop_index("pipeline_unfinished_idx", "pipeline")
    op.create_index("pipeline_unfinished_idx", "pipeline", [column], postgresql_where=sa.text("NOT started"))
