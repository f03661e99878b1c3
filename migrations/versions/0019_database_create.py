"""Tasks that make a database."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_BEFORE = "'database.change', 'schema.sync', 'schema.baseline', 'database.query'"


def upgrade() -> None:
    """Add them."""
    op.add_column("task", sa.Column("intended_at", sa.TIMESTAMP(timezone=True), nullable=True))
    op.drop_constraint(op.f("task_type_check"), "task")
    op.create_check_constraint(op.f("task_type_check"), "task", f"type IN ({_BEFORE}, 'database.create')")
    op.create_check_constraint(
        op.f("task_create_check"),
        "task",
        "type <> 'database.create'"
        " OR (database_id IS NULL AND release_id IS NULL AND options ->> 'database' IS NOT NULL)",
    )
    op.create_check_constraint(
        op.f("task_intended_at_check"), "task", "intended_at IS NULL OR type = 'database.create'"
    )
    op.create_index("task_create_idx", "task", ["instance_id"], postgresql_where=sa.text("type = 'database.create'"))


def downgrade() -> None:
    """Take them away; there must be no such task any more."""
    op.drop_index("task_create_idx", "task")
    op.drop_constraint(op.f("task_intended_at_check"), "task")
    op.drop_constraint(op.f("task_create_check"), "task")
    op.drop_constraint(op.f("task_type_check"), "task")
    op.create_check_constraint(op.f("task_type_check"), "task", f"type IN ({_BEFORE})")
    op.drop_column("task", "intended_at")
