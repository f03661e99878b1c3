"""Git repositories, their pull requests and webhooks; releases are found by their digest."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    op.create_table(
        "repository",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("api", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("branch", sa.Text(), nullable=False),
        sa.Column("directory", sa.Text(), nullable=False),
        sa.Column("layout", sa.Text()),
        sa.Column("pattern", sa.Text()),
        sa.Column("engine", sa.Text()),
        sa.Column("environment_id", sa.BigInteger()),
        sa.Column("preview_instance_id", sa.BigInteger()),
        sa.Column("token", sa.LargeBinary()),
        sa.Column("hook_secret", sa.LargeBinary()),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint("\"system\" IN ('github', 'gitlab')", name=op.f("repository_system_check")),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("repository_project_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("repository_account_id_fkey")),
        sa.ForeignKeyConstraint(["environment_id"], ["environment.id"], name=op.f("repository_environment_id_fkey")),
        sa.ForeignKeyConstraint(
            ["preview_instance_id"],
            ["instance.id"],
            name=op.f("repository_preview_instance_id_fkey"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("repository_pkey")),
        sa.UniqueConstraint("slug", name=op.f("repository_slug_key")),
    )
    op.create_index("repository_project_id_idx", "repository", ["project_id"])
    op.create_table(
        "pull_request",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("url", sa.Text()),
        sa.Column("head", sa.Text()),
        sa.Column("verdict", sa.Text()),
        sa.Column("comment", sa.Text()),
        sa.Column("scratch_instance_id", sa.BigInteger()),
        sa.Column("scratch", sa.Text()),
        sa.Column("release_id", sa.BigInteger()),
        sa.Column("issue_id", sa.BigInteger()),
        sa.Column("due_at", sa.DateTime(timezone=True)),
        sa.Column("lease", sa.Uuid()),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("\"state\" IN ('open', 'merged', 'closed')", name=op.f("pull_request_state_check")),
        sa.CheckConstraint(
            "(scratch IS NULL) = (scratch_instance_id IS NULL)", name=op.f("pull_request_scratch_check")
        ),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repository.id"], name=op.f("pull_request_repository_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["scratch_instance_id"], ["instance.id"], name=op.f("pull_request_scratch_instance_id_fkey")
        ),
        sa.ForeignKeyConstraint(["release_id"], ["release.id"], name=op.f("pull_request_release_id_fkey")),
        sa.ForeignKeyConstraint(["issue_id"], ["issue.id"], name=op.f("pull_request_issue_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("pull_request_pkey")),
        sa.UniqueConstraint("repository_id", "number", name=op.f("pull_request_repository_id_number_key")),
    )
    op.create_index("pull_request_due_idx", "pull_request", ["due_at"], postgresql_where=sa.text("due_at IS NOT NULL"))
    op.create_table(
        "git_delivery",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("delivery", sa.Text(), nullable=False),
        sa.Column("body_digest", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repository.id"], name=op.f("git_delivery_repository_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("git_delivery_pkey")),
        sa.UniqueConstraint("repository_id", "delivery", name=op.f("git_delivery_repository_id_delivery_key")),
        sa.UniqueConstraint("repository_id", "body_digest", name=op.f("git_delivery_repository_id_body_digest_key")),
    )
    op.create_index("git_delivery_created_idx", "git_delivery", ["created_at"])
    op.create_index("release_digest_idx", "release", ["project_id", "digest"])


def downgrade() -> None:
    """Remove them."""
    op.drop_index("release_digest_idx", "release")
    op.drop_table("git_delivery")
    op.drop_table("pull_request")
    op.drop_table("repository")
