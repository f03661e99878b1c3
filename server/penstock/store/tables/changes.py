"""What is applied and who asked for it: changes, releases, issues, comments."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from penstock.store.tables.base import created_at, identity, json, metadata, one_of, ref, updated_at

change = sa.Table(
    "change",
    metadata,
    identity(),
    ref("project_id", "project.id"),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("statement", sa.LargeBinary, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("engine", sa.Text),
    sa.Column("environments", pg.ARRAY(sa.Text)),
    sa.Column("revert", sa.Text),
    sa.Column("verify", sa.Text),
    sa.Column("statements", sa.Integer, nullable=False),
    # What review found in the text alone, and the steps that it is cut into: both follow from the bytes.
    json("findings", "[]"),
    json("steps", "[]"),
    created_at(),
    # One version may have several texts over time (a failed one is corrected); the target's ledger decides which one is
    # applied: a second text is refused there.  The same text is stored once.
    sa.Index("change_content_idx", "project_id", "version", "digest"),
    one_of("engine", ("postgres", "mysql", "mariadb")),
)

release = sa.Table(
    "release",
    metadata,
    identity(),
    ref("project_id", "project.id"),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("change_count", sa.Integer, nullable=False),
    ref("created_by", "account.id"),
    created_at(),
    sa.Index("release_project_idx", "project_id", "id"),
    sa.CheckConstraint("change_count > 0", name="has_changes"),
)

release_change = sa.Table(
    "release_change",
    metadata,
    ref("release_id", "release.id"),
    sa.Column("position", sa.Integer, nullable=False),
    ref("change_id", "change.id", index=True),
    sa.PrimaryKeyConstraint("release_id", "position"),
)

ISSUE_STATUSES = ("open", "done", "canceled")

issue = sa.Table(
    "issue",
    metadata,
    identity(),
    ref("project_id", "project.id"),
    sa.Column("pipeline_id", sa.BigInteger, nullable=False, unique=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False, server_default=""),
    json("labels", "{}"),
    ref("author_id", "account.id", index=True),
    ref("last_editor_id", "account.id"),
    # Null when every task of an explicit pipeline brings a release of its own.
    ref("release_id", "release.id", nullable=True),
    sa.Column("revision", sa.Integer, nullable=False, server_default=sa.text("1")),
    created_at(),
    updated_at(),
    one_of("status", ISSUE_STATUSES),
    # One issue, one pipeline, one status: the database keeps them equal, nobody has to remember to.
    sa.ForeignKeyConstraint(
        ["pipeline_id", "status"],
        ["pipeline.id", "pipeline.status"],
        name="issue_pipeline_fkey",
        onupdate="CASCADE",
    ),
    sa.Index("issue_project_idx", "project_id", "id"),
    sa.Index("issue_status_idx", "status", "id"),
)

comment = sa.Table(
    "comment",
    metadata,
    identity(),
    ref("issue_id", "issue.id", index=True),
    ref("author_id", "account.id"),
    sa.Column("body", sa.Text, nullable=False),
    created_at(),
)
