"""Logins of command lines that a person allows in a browser."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    op.create_table(
        "device_login",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="pending", nullable=False),
        sa.Column("account_id", sa.BigInteger()),
        sa.Column("token_id", sa.BigInteger()),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("polled_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "\"status\" IN ('pending', 'allowed', 'denied', 'used')", name=op.f("device_login_status_check")
        ),
        sa.CheckConstraint("octet_length(code_hash) = 32", name=op.f("device_login_hashed_check")),
        sa.CheckConstraint("user_code ~ '^[BCDFGHJKLMNPQRSTVWXZ]{8}$'", name=op.f("device_login_user_code_check")),
        sa.CheckConstraint("(status = 'pending') = (account_id IS NULL)", name=op.f("device_login_decided_by_check")),
        sa.CheckConstraint("(status = 'used') = (token_id IS NOT NULL)", name=op.f("device_login_used_once_check")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("device_login_account_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["token_id"], ["token.id"], name=op.f("device_login_token_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("device_login_pkey")),
        sa.UniqueConstraint("user_code", name=op.f("device_login_user_code_key")),
        sa.UniqueConstraint("token_id", name=op.f("device_login_token_id_key")),
    )
    op.create_index("device_login_account_id_idx", "device_login", ["account_id"])
    op.create_index("device_login_expires_at_idx", "device_login", ["expires_at"])


def downgrade() -> None:
    """Remove them."""
    op.drop_table("device_login")
