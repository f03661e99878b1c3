"""Who may do what: accounts, sessions, tokens, projects and their members."""

from __future__ import annotations

import sqlalchemy as sa

from penstock.store.tables.base import created_at, identity, metadata, one_of, ref, time, version

account = sa.Table(
    "account",
    metadata,
    identity(),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("email", sa.Text),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("password_hash", sa.Text),
    sa.Column("workspace_role", sa.Text, nullable=False, server_default="member"),
    time("disabled_at"),
    created_at(),
    one_of("kind", ("person", "service_account")),
    one_of("workspace_role", ("admin", "dba", "member")),
    # A person signs in by e-mail; a service account only ever has tokens and never a privileged workspace role.
    sa.CheckConstraint("(kind = 'person') = (email IS NOT NULL)", name="person_has_email"),
    sa.CheckConstraint("kind = 'person' OR password_hash IS NULL", name="service_has_no_password"),
    sa.CheckConstraint("kind = 'person' OR workspace_role = 'member'", name="service_is_member"),
)
sa.Index("account_email_key", sa.func.lower(account.c.email), unique=True)

session = sa.Table(
    "session",
    metadata,
    sa.Column("token_hash", sa.LargeBinary, primary_key=True),
    ref("account_id", "account.id", ondelete="CASCADE", index=True),
    sa.Column("csrf_token", sa.Text, nullable=False),
    created_at(),
    time("last_seen_at", nullable=False),
    time("expires_at", nullable=False),
    # A rotated session keeps its old hash for a few seconds, for requests already under way.
    sa.Column("previous_hash", sa.LargeBinary, unique=True),
    time("rotated_at", nullable=False),
)

token = sa.Table(
    "token",
    metadata,
    identity(),
    ref("account_id", "account.id", ondelete="CASCADE", index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("token_hash", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("prefix", sa.Text, nullable=False),
    ref("created_by", "account.id"),
    created_at(),
    time("expires_at"),
    time("last_used_at"),
    time("revoked_at"),
)

login_attempt = sa.Table(
    "login_attempt",
    metadata,
    # Keyed by what is limited: "email:<lower>", "address:<ip>", "device:<ip>", "device-code:<account>".
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    time("first_at", nullable=False),
)

project = sa.Table(
    "project",
    metadata,
    identity(),
    sa.Column("slug", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False, server_default=""),
    created_at(),
    version(),
)

member = sa.Table(
    "member",
    metadata,
    sa.Column("project_id", sa.ForeignKey("project.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("account_id", sa.ForeignKey("account.id", ondelete="CASCADE"), primary_key=True, index=True),
    sa.Column("role", sa.Text, nullable=False),
    one_of("role", ("owner", "releaser", "developer", "viewer")),
)

user_group = sa.Table(
    "user_group",
    metadata,
    identity(),
    sa.Column("slug", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    created_at(),
    version(),
)

user_group_member = sa.Table(
    "user_group_member",
    metadata,
    sa.Column("group_id", sa.ForeignKey("user_group.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("account_id", sa.ForeignKey("account.id", ondelete="CASCADE"), primary_key=True, index=True),
)
