"""Git repositories that migrations come from, their pull requests, and every word that their hosts sent us."""

from __future__ import annotations

import sqlalchemy as sa

from penstock.domain.repositories import STATES, SYSTEMS
from penstock.store.tables.base import created_at, identity, metadata, one_of, ref, time, version

repository = sa.Table(
    "repository",
    metadata,
    identity(),
    sa.Column("slug", sa.Text, nullable=False, unique=True),
    ref("project_id", "project.id", ondelete="CASCADE", index=True),
    # Who its issues are filed as: a service account, which can never approve them.
    ref("account_id", "account.id"),
    sa.Column("system", sa.Text, nullable=False),
    sa.Column("api", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("branch", sa.Text, nullable=False),
    sa.Column("directory", sa.Text, nullable=False),
    sa.Column("layout", sa.Text),
    sa.Column("pattern", sa.Text),
    sa.Column("engine", sa.Text),
    ref("environment_id", "environment.id", nullable=True),  # where a merge goes; null: nowhere by itself
    ref("preview_instance_id", "instance.id", nullable=True, ondelete="SET NULL"),
    sa.Column("token", sa.LargeBinary),  # sealed
    sa.Column("hook_secret", sa.LargeBinary),  # sealed
    sa.Column("enabled", sa.Boolean, nullable=False, server_default=sa.text("true")),
    created_at(),
    version(),
    one_of("system", SYSTEMS),
)

pull_request = sa.Table(
    "pull_request",
    metadata,
    identity(),
    ref("repository_id", "repository.id", ondelete="CASCADE"),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default="open"),
    sa.Column("title", sa.Text, nullable=False, server_default=""),
    sa.Column("url", sa.Text),
    sa.Column("head", sa.Text),  # the commit that the preview is of
    sa.Column("verdict", sa.Text),  # of the preview: success or failure
    sa.Column("comment", sa.Text),  # the host's id of ours
    # A preview's database, which is dropped at the end whatever becomes of the instance's settings meanwhile.
    ref("scratch_instance_id", "instance.id", nullable=True),
    sa.Column("scratch", sa.Text),
    ref("release_id", "release.id", nullable=True),
    ref("issue_id", "issue.id", nullable=True),
    # The queue: something is to be looked at from this time on, by whoever takes the lease.
    time("due_at"),
    sa.Column("lease", sa.Uuid),
    sa.Column("failures", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Column("error", sa.Text),
    created_at(),
    sa.UniqueConstraint("repository_id", "number"),
    one_of("state", STATES),
    sa.CheckConstraint("(scratch IS NULL) = (scratch_instance_id IS NULL)", name="scratch"),
)
sa.Index("pull_request_due_idx", pull_request.c.due_at, postgresql_where=pull_request.c.due_at.is_not(None))

git_delivery = sa.Table(
    "git_delivery",
    metadata,
    identity(),
    ref("repository_id", "repository.id", ondelete="CASCADE"),
    sa.Column("delivery", sa.Text, nullable=False),  # the host's id of it
    # The id is not signed, so a replay under another id is known by what it says.
    sa.Column("body_digest", sa.Text, nullable=False),
    created_at(),
    sa.UniqueConstraint("repository_id", "delivery"),
    sa.UniqueConstraint("repository_id", "body_digest"),
    sa.Index("git_delivery_created_idx", "created_at"),
)
