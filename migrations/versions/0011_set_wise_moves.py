"""Moves of many tasks that go on over several transactions, and what is still to be done about many stages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the marks of what is under way, and the list of errands."""
    op.add_column("stage", sa.Column("skipping", postgresql.JSONB(), nullable=True))
    op.add_column("stage", sa.Column("retrying_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("stage", sa.Column("rewriting", postgresql.JSONB(), nullable=True))
    op.add_column("pipeline", sa.Column("canceled_by", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("pipeline_canceled_by_fkey"), "pipeline", "account", ["canceled_by"], ["id"])
    op.create_index(
        "pipeline_unfinished_idx", "pipeline", ["updated_at"], postgresql_where=sa.text("NOT started"), unique=False
    )
    op.create_table(
        "errand",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("environment_id", sa.BigInteger(), nullable=True),
        sa.Column("after_id", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('environment', 'account', 'above', 'instance')", name=op.f("errand_kind_check")),
        sa.ForeignKeyConstraint(
            ["environment_id"], ["environment.id"], name=op.f("errand_environment_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("errand_pkey")),
    )
    op.create_index(op.f("errand_environment_id_idx"), "errand", ["environment_id"])


def downgrade() -> None:
    """Take them away."""
    op.drop_table("errand")
    op.drop_index("pipeline_unfinished_idx", "pipeline")
    op.drop_column("pipeline", "canceled_by")
    op.drop_column("stage", "rewriting")
    op.drop_column("stage", "retrying_until")
    op.drop_column("stage", "skipping")
