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
    # What records of databases call it; see `penstock.domain.releases.recorded_as`, which says the same.
    sa.Column(
        "recorded_as",
        sa.Text,
        sa.Computed(
            "CASE WHEN starts_with(version, 'R__') THEN version || '@' || substr(digest, 8, 12) ELSE version END",
            persisted=True,
        ),
    ),
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
    sa.Column("commit", sa.Text),  # of the repository that it was made from, if whoever stored it said so
    ref("created_by", "account.id"),
    created_at(),
    sa.Index("release_project_idx", "project_id", "id"),
    sa.Index("release_digest_idx", "project_id", "digest"),
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
    # The database group that it was filed for, and the selector by which its databases were chosen then.
    ref("database_group_id", "database_group.id", nullable=True, ondelete="SET NULL", index=True),
    sa.Column("selector", sa.Text),
    # The issue that it was filed to take back.
    ref("reverts_id", "issue.id", nullable=True, index=True),
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
    sa.CheckConstraint("database_group_id IS NULL OR selector IS NOT NULL", name="selector"),
    sa.Index("issue_project_idx", "project_id", "id"),
    sa.Index("issue_status_idx", "status", "id"),
)

promotion = sa.Table(
    "promotion",
    metadata,
    # An issue that moves a release on.  Its databases stand here, too: its tasks may still be on their way in.
    sa.Column("issue_id", sa.BigInteger, sa.ForeignKey("issue.id"), primary_key=True, autoincrement=False),
    ref("release_id", "release.id", index=True),
    ref("source_environment_id", "environment.id", index=True),
    sa.Column("sources", pg.ARRAY(sa.BigInteger), nullable=False),  # databases that had it
    sa.Column("targets", pg.ARRAY(sa.BigInteger), nullable=False),  # databases that it was filed for
    created_at(),
    sa.CheckConstraint("cardinality(sources) > 0", name="sources"),
    sa.CheckConstraint("cardinality(targets) > 0", name="targets"),
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
