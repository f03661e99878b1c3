"""Groups of people and of databases, and the facts on which approval tiers ask for more approvals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    op.create_table(
        "user_group",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("user_group_pkey")),
        sa.UniqueConstraint("slug", name=op.f("user_group_slug_key")),
    )
    op.create_table(
        "user_group_member",
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["user_group.id"], name=op.f("user_group_member_group_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("user_group_member_account_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_id", "account_id", name=op.f("user_group_member_pkey")),
    )
    op.create_index(op.f("user_group_member_account_id_idx"), "user_group_member", ["account_id"])
    op.create_table(
        "database_group",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("selector", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("database_group_project_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("database_group_pkey")),
        sa.UniqueConstraint("project_id", "slug", name=op.f("database_group_project_id_slug_key")),
    )
    op.add_column("issue", sa.Column("database_group_id", sa.BigInteger(), nullable=True))
    op.add_column("issue", sa.Column("selector", sa.Text(), nullable=True))
    op.create_foreign_key(
        op.f("issue_database_group_id_fkey"),
        "issue",
        "database_group",
        ["database_group_id"],
        ["id"],
        ondelete="SET NULL",
    )
    op.create_index(op.f("issue_database_group_id_idx"), "issue", ["database_group_id"])
    op.create_check_constraint(
        op.f("issue_selector_check"), "issue", "database_group_id IS NULL OR selector IS NOT NULL"
    )
    op.add_column(
        "stage",
        sa.Column(
            "review_facts",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_column("stage", "review_facts")
    op.drop_constraint(op.f("issue_selector_check"), "issue")
    op.drop_index(op.f("issue_database_group_id_idx"), "issue")
    op.drop_constraint(op.f("issue_database_group_id_fkey"), "issue")
    op.drop_column("issue", "selector")
    op.drop_column("issue", "database_group_id")
    op.drop_table("database_group")
    op.drop_index(op.f("user_group_member_account_id_idx"), "user_group_member")
    op.drop_table("user_group_member")
    op.drop_table("user_group")
