"""Releases that move on, issues that take others back, and what records call a repeatable change."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

RECORDED_AS = "CASE WHEN starts_with(version, 'R__') THEN version || '@' || substr(digest, 8, 12) ELSE version END"


def upgrade() -> None:
    """Add them."""
    op.add_column("change", sa.Column("recorded_as", sa.Text(), sa.Computed(RECORDED_AS, persisted=True)))
    op.add_column("issue", sa.Column("reverts_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("issue_reverts_id_fkey"), "issue", "issue", ["reverts_id"], ["id"])
    op.create_index(op.f("issue_reverts_id_idx"), "issue", ["reverts_id"])
    op.create_table(
        "promotion",
        sa.Column("issue_id", sa.BigInteger(), nullable=False),
        sa.Column("release_id", sa.BigInteger(), nullable=False),
        sa.Column("source_environment_id", sa.BigInteger(), nullable=False),
        sa.Column("sources", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("targets", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("cardinality(sources) > 0", name=op.f("promotion_sources_check")),
        sa.CheckConstraint("cardinality(targets) > 0", name=op.f("promotion_targets_check")),
        sa.ForeignKeyConstraint(["issue_id"], ["issue.id"], name=op.f("promotion_issue_id_fkey")),
        sa.ForeignKeyConstraint(["release_id"], ["release.id"], name=op.f("promotion_release_id_fkey")),
        sa.ForeignKeyConstraint(
            ["source_environment_id"], ["environment.id"], name=op.f("promotion_source_environment_id_fkey")
        ),
        sa.PrimaryKeyConstraint("issue_id", name=op.f("promotion_pkey")),
    )
    op.create_index(op.f("promotion_release_id_idx"), "promotion", ["release_id"])
    op.create_index(op.f("promotion_source_environment_id_idx"), "promotion", ["source_environment_id"])
    op.create_index(
        "task_released_idx",
        "task",
        ["database_id", sa.text("ended_at"), "id"],
        postgresql_where=sa.text("status = 'succeeded' AND release_id IS NOT NULL"),
    )
    op.create_index("task_release_idx", "task", ["release_id"])


def downgrade() -> None:
    """Take them away."""
    op.drop_index("task_release_idx", "task")
    op.drop_index("task_released_idx", "task")
    op.drop_table("promotion")
    op.drop_index(op.f("issue_reverts_id_idx"), "issue")
    op.drop_constraint(op.f("issue_reverts_id_fkey"), "issue")
    op.drop_column("issue", "reverts_id")
    op.drop_column("change", "recorded_as")
