"""Gates of place and time: freezes, bypasses, and the time before which a stage does not start."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    op.add_column("stage", sa.Column("not_before", sa.DateTime(timezone=True), nullable=True))
    below = """blockers @> '[{"gate": "lower-environments"}]'"""
    op.create_index("stage_below_idx", "stage", ["pipeline_id"], postgresql_where=sa.text(below))
    op.create_table(
        "freeze",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("environment_id", sa.BigInteger(), nullable=True),
        sa.Column("project_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("environment_id IS NULL OR project_id IS NULL", name=op.f("freeze_one_scope_check")),
        sa.ForeignKeyConstraint(
            ["environment_id"], ["environment.id"], name=op.f("freeze_environment_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("freeze_project_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("freeze_account_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("freeze_pkey")),
    )
    op.create_index(
        "freeze_scope_key",
        "freeze",
        [sa.literal_column("COALESCE(environment_id, 0)"), sa.literal_column("COALESCE(project_id, 0)")],
        unique=True,
    )
    op.create_table(
        "gate_bypass",
        sa.Column("stage_id", sa.BigInteger(), nullable=False),
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "\"gate\" IN ('lower-environments', 'soak', 'window', 'freeze')", name=op.f("gate_bypass_gate_check")
        ),
        sa.ForeignKeyConstraint(["stage_id"], ["stage.id"], name=op.f("gate_bypass_stage_id_fkey")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("gate_bypass_account_id_fkey")),
        sa.PrimaryKeyConstraint("stage_id", "gate", "digest", name=op.f("gate_bypass_pkey")),
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_table("gate_bypass")
    op.drop_table("freeze")
    op.drop_index("stage_below_idx", table_name="stage")
    op.drop_column("stage", "not_before")
