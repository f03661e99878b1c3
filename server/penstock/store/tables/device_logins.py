"""Logins of command lines that a person allows in a browser."""

from __future__ import annotations

import sqlalchemy as sa

from penstock.store.tables.base import created_at, identity, metadata, one_of, ref, time

device_login = sa.Table(
    "device_login",
    metadata,
    identity(),
    sa.Column("code_hash", sa.LargeBinary, nullable=False),
    sa.Column("user_code", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False, server_default="pending"),
    ref("account_id", "account.id", nullable=True, ondelete="CASCADE", index=True),
    sa.Column("token_id", sa.ForeignKey("token.id", ondelete="CASCADE"), unique=True),
    created_at(),
    time("expires_at", nullable=False),
    time("polled_at"),
    one_of("status", ("pending", "allowed", "denied", "used")),
    sa.CheckConstraint("octet_length(code_hash) = 32", name="hashed"),
    sa.CheckConstraint("user_code ~ '^[BCDFGHJKLMNPQRSTVWXZ]{8}$'", name="user_code"),
    # Somebody decided, and a token was made once: neither without the other.
    sa.CheckConstraint("(status = 'pending') = (account_id IS NULL)", name="decided_by"),
    sa.CheckConstraint("(status = 'used') = (token_id IS NOT NULL)", name="used_once"),
)
sa.Index("device_login_expires_at_idx", device_login.c.expires_at)
