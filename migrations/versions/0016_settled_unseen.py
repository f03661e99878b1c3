"""Settlements of tasks whose target is gone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Say which settlements the target's ledger knows nothing of."""
    op.add_column("settlement", sa.Column("unseen", sa.Boolean(), server_default=sa.text("false"), nullable=False))


def downgrade() -> None:
    """Forget it."""
    op.drop_column("settlement", "unseen")
