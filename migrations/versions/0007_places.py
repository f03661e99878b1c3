"""How many tasks an environment runs at once, and tasks that keep their place because an attempt is not resolved."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    op.add_column("environment", sa.Column("max_running_tasks", sa.Integer(), nullable=True))
    op.create_check_constraint(op.f("environment_max_running_tasks_check"), "environment", "max_running_tasks >= 1")
    op.create_index(
        "task_unresolved_idx",
        "task",
        ["instance_id", "slot_key"],
        postgresql_where=sa.text("status = 'ready' AND sent"),
    )
    op.execute("INSERT INTO slot (key) SELECT 'e:' || id FROM environment ON CONFLICT DO NOTHING")


def downgrade() -> None:
    """Take them away."""
    op.execute("DELETE FROM slot WHERE key LIKE 'e:%'")
    op.drop_index("task_unresolved_idx", table_name="task", postgresql_where=sa.text("status = 'ready' AND sent"))
    op.drop_constraint(op.f("environment_max_running_tasks_check"), "environment")
    op.drop_column("environment", "max_running_tasks")
