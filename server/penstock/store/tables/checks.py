"""Status checks: what other systems report of releases, what is required, and which errors a person let pass."""

from __future__ import annotations

import sqlalchemy as sa

from penstock.domain.checks import STATES
from penstock.store.tables.base import created_at, identity, metadata, one_of, ref

# Every context that was ever reported in a project; only these can be required.
check_context = sa.Table(
    "check_context",
    metadata,
    ref("project_id", "project.id", ondelete="CASCADE"),
    sa.Column("context", sa.Text, nullable=False),
    created_at(),
    sa.PrimaryKeyConstraint("project_id", "context"),
)

status_report = sa.Table(
    "status_report",
    metadata,
    identity(),  # the history: of one release, a later report has a larger id
    sa.Column("project_id", sa.BigInteger, nullable=False),
    ref("release_id", "release.id"),
    ref("environment_id", "environment.id", index=True),
    ref("database_id", "database.id", nullable=True, index=True),
    sa.Column("context", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("target_url", sa.Text),
    sa.Column("description", sa.Text, nullable=False, server_default=""),
    sa.Column("commit", sa.Text),
    sa.Column("propagate", sa.Boolean, nullable=False, server_default=sa.text("false")),
    ref("account_id", "account.id"),
    created_at(),
    one_of("state", STATES),
    sa.ForeignKeyConstraint(
        ["project_id", "context"],
        ["check_context.project_id", "check_context.context"],
        name="status_report_context_fkey",
    ),
    sa.Index("status_report_latest_idx", "release_id", "environment_id", "context", "database_id", "id"),
    sa.Index("status_report_place_idx", "project_id", "environment_id", "context", "id"),
    sa.Index("status_report_project_idx", "project_id", "id"),
)

required_check = sa.Table(
    "required_check",
    metadata,
    sa.Column("project_id", sa.BigInteger, nullable=False),
    ref("environment_id", "environment.id", ondelete="CASCADE", index=True),
    sa.Column("context", sa.Text, nullable=False),
    ref("account_id", "account.id"),
    created_at(),
    sa.PrimaryKeyConstraint("project_id", "environment_id", "context"),
    sa.ForeignKeyConstraint(
        ["project_id", "context"],
        ["check_context.project_id", "check_context.context"],
        name="required_check_context_fkey",
        ondelete="CASCADE",
    ),
)

check_override = sa.Table(
    "check_override",
    metadata,
    ref("stage_id", "stage.id"),
    # For what was known then: a further report of the context asks anew.
    ref("release_id", "release.id"),
    ref("environment_id", "environment.id"),
    sa.Column("context", sa.Text, nullable=False),
    ref("revision", "status_report.id"),
    sa.Column("reason", sa.Text, nullable=False),
    ref("account_id", "account.id"),
    created_at(),
    sa.PrimaryKeyConstraint("stage_id", "release_id", "environment_id", "context", "revision"),
)
