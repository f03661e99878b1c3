"""First schema: accounts, catalog, changes, pipelines, records."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create everything."""
    op.create_table(
        "account",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("workspace_role", sa.Text(), server_default="member", nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("(kind = 'person') = (email IS NOT NULL)", name=op.f("account_person_has_email_check")),
        sa.CheckConstraint(
            "kind = 'person' OR password_hash IS NULL", name=op.f("account_service_has_no_password_check")
        ),
        sa.CheckConstraint(
            "kind = 'person' OR workspace_role = 'member'", name=op.f("account_service_is_member_check")
        ),
        sa.CheckConstraint("\"kind\" IN ('person', 'service_account')", name=op.f("account_kind_check")),
        sa.CheckConstraint(
            "\"workspace_role\" IN ('admin', 'dba', 'member')", name=op.f("account_workspace_role_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("account_pkey")),
    )
    op.create_index("account_email_key", "account", [sa.literal_column("lower(email)")], unique=True)
    op.create_table(
        "approval_tier",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rules", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("approval_tier_pkey")),
        sa.UniqueConstraint("slug", name=op.f("approval_tier_slug_key")),
    )
    op.create_table(
        "deployment",
        sa.Column("only", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("demo_seeded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint('"only"', name=op.f("deployment_only_check")),
        sa.PrimaryKeyConstraint("only", name=op.f("deployment_pkey")),
    )
    op.create_table(
        "event_position",
        sa.Column("only", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.CheckConstraint('"only"', name=op.f("event_position_only_check")),
        sa.PrimaryKeyConstraint("only", name=op.f("event_position_pkey")),
    )
    op.create_table(
        "login_attempt",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("login_attempt_pkey")),
    )
    op.create_table(
        "project",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("project_pkey")),
        sa.UniqueConstraint("slug", name=op.f("project_slug_key")),
    )
    op.create_table(
        "runner",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("draining", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("runner_pkey")),
    )
    op.create_table(
        "schema_snapshot",
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("schema_snapshot_pkey")),
    )
    op.create_table(
        "slot", sa.Column("key", sa.Text(), nullable=False), sa.PrimaryKeyConstraint("key", name=op.f("slot_pkey"))
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column(
            "data", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("sealed_as", sa.BigInteger(), nullable=True),
        sa.Column("seal", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("(sealed_as IS NULL) = (seal IS NULL)", name=op.f("audit_seal_check")),
        sa.ForeignKeyConstraint(["actor_id"], ["account.id"], name=op.f("audit_actor_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("audit_pkey")),
        sa.UniqueConstraint("sealed_as", name=op.f("audit_sealed_as_key")),
    )
    op.create_index("audit_unsealed_idx", "audit", ["id"], unique=False, postgresql_where=sa.text("sealed_as IS NULL"))
    op.create_table(
        "change",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("statement", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=True),
        sa.Column("environments", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("revert", sa.Text(), nullable=True),
        sa.Column("verify", sa.Text(), nullable=True),
        sa.Column("statements", sa.Integer(), nullable=False),
        sa.Column(
            "findings", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column(
            "steps", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("\"engine\" IN ('postgres', 'mysql', 'mariadb')", name=op.f("change_engine_check")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("change_project_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("change_pkey")),
    )
    op.create_index("change_content_idx", "change", ["project_id", "version", "digest"], unique=False)
    op.create_table(
        "environment",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("tier_id", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.ForeignKeyConstraint(["tier_id"], ["approval_tier.id"], name=op.f("environment_tier_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("environment_pkey")),
        sa.UniqueConstraint("position", deferrable=True, initially="DEFERRED", name=op.f("environment_position_key")),
        sa.UniqueConstraint("slug", name=op.f("environment_slug_key")),
    )
    op.create_index(op.f("environment_tier_id_idx"), "environment", ["tier_id"], unique=False)
    op.create_table(
        "idempotency",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(status IS NULL) = (body IS NULL)", name=op.f("idempotency_answer_check")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("idempotency_account_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", "key", name=op.f("idempotency_pkey")),
    )
    op.create_index("idempotency_started_at_idx", "idempotency", ["started_at"], unique=False)
    op.create_table(
        "member",
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.CheckConstraint("\"role\" IN ('owner', 'releaser', 'developer', 'viewer')", name=op.f("member_role_check")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("member_account_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("member_project_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("project_id", "account_id", name=op.f("member_pkey")),
    )
    op.create_index(op.f("member_account_id_idx"), "member", ["account_id"], unique=False)
    op.create_table(
        "pipeline",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Text(), server_default="open", nullable=False),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("started", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("ended", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("order", sa.Text(), server_default="sequential", nullable=False),
        sa.Column("fail_fast", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("held_by", sa.BigInteger(), nullable=True),
        sa.Column("held_reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("\"order\" IN ('sequential', 'parallel')", name=op.f("pipeline_order_check")),
        sa.CheckConstraint("\"status\" IN ('open', 'done', 'canceled')", name=op.f("pipeline_status_check")),
        sa.CheckConstraint("(held_at IS NULL) = (held_reason IS NULL)", name=op.f("pipeline_held_check")),
        sa.ForeignKeyConstraint(["held_by"], ["account.id"], name=op.f("pipeline_held_by_fkey")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("pipeline_project_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("pipeline_pkey")),
        sa.UniqueConstraint("id", "status", name=op.f("pipeline_id_status_key")),
    )
    op.create_index(op.f("pipeline_project_id_idx"), "pipeline", ["project_id"], unique=False)
    op.create_table(
        "project_turn",
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("served_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("project_turn_project_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("project_id", name=op.f("project_turn_pkey")),
    )
    op.create_table(
        "release",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("change_count", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("change_count > 0", name=op.f("release_has_changes_check")),
        sa.ForeignKeyConstraint(["created_by"], ["account.id"], name=op.f("release_created_by_fkey")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("release_project_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("release_pkey")),
    )
    op.create_index("release_project_idx", "release", ["project_id", "id"], unique=False)
    op.create_table(
        "session",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("csrf_token", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=True),
        sa.Column("rotated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("session_account_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("session_pkey")),
        sa.UniqueConstraint("previous_hash", name=op.f("session_previous_hash_key")),
    )
    op.create_index(op.f("session_account_id_idx"), "session", ["account_id"], unique=False)
    op.create_table(
        "token",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("created_by", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("token_account_id_fkey"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["created_by"], ["account.id"], name=op.f("token_created_by_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("token_pkey")),
        sa.UniqueConstraint("token_hash", name=op.f("token_token_hash_key")),
    )
    op.create_index(op.f("token_account_id_idx"), "token", ["account_id"], unique=False)
    op.create_table(
        "instance",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("environment_id", sa.BigInteger(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("username", sa.Text(), nullable=True),
        sa.Column("dsn_env", sa.Text(), nullable=True),
        sa.Column("tls", sa.Text(), server_default="prefer", nullable=False),
        sa.Column(
            "options", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("max_running_tasks", sa.Integer(), server_default=sa.text("4"), nullable=False),
        sa.Column("identity", sa.Text(), nullable=True),
        sa.Column("server_version", sa.Text(), nullable=True),
        sa.Column("synced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sync_error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint("\"engine\" IN ('postgres', 'mysql', 'mariadb')", name=op.f("instance_engine_check")),
        sa.CheckConstraint(
            "\"tls\" IN ('disable', 'prefer', 'require', 'verify-full')", name=op.f("instance_tls_check")
        ),
        sa.CheckConstraint("max_running_tasks BETWEEN 1 AND 64", name=op.f("instance_max_running_tasks_check")),
        sa.CheckConstraint("port BETWEEN 1 AND 65535", name=op.f("instance_port_check")),
        sa.ForeignKeyConstraint(["environment_id"], ["environment.id"], name=op.f("instance_environment_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("instance_pkey")),
        sa.UniqueConstraint("slug", name=op.f("instance_slug_key")),
    )
    op.create_index(op.f("instance_environment_id_idx"), "instance", ["environment_id"], unique=False)
    op.create_table(
        "issue",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("pipeline_id", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "labels", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("author_id", sa.BigInteger(), nullable=False),
        sa.Column("last_editor_id", sa.BigInteger(), nullable=False),
        sa.Column("release_id", sa.BigInteger(), nullable=True),
        sa.Column("revision", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("\"status\" IN ('open', 'done', 'canceled')", name=op.f("issue_status_check")),
        sa.ForeignKeyConstraint(["author_id"], ["account.id"], name=op.f("issue_author_id_fkey")),
        sa.ForeignKeyConstraint(["last_editor_id"], ["account.id"], name=op.f("issue_last_editor_id_fkey")),
        sa.ForeignKeyConstraint(
            ["pipeline_id", "status"],
            ["pipeline.id", "pipeline.status"],
            name="issue_pipeline_fkey",
            onupdate="CASCADE",
        ),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("issue_project_id_fkey")),
        sa.ForeignKeyConstraint(["release_id"], ["release.id"], name=op.f("issue_release_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("issue_pkey")),
        sa.UniqueConstraint("pipeline_id", name=op.f("issue_pipeline_id_key")),
    )
    op.create_index(op.f("issue_author_id_idx"), "issue", ["author_id"], unique=False)
    op.create_index("issue_project_idx", "issue", ["project_id", "id"], unique=False)
    op.create_index("issue_status_idx", "issue", ["status", "id"], unique=False)
    op.create_table(
        "release_change",
        sa.Column("release_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("change_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["change_id"], ["change.id"], name=op.f("release_change_change_id_fkey")),
        sa.ForeignKeyConstraint(["release_id"], ["release.id"], name=op.f("release_change_release_id_fkey")),
        sa.PrimaryKeyConstraint("release_id", "position", name=op.f("release_change_pkey")),
    )
    op.create_index(op.f("release_change_change_id_idx"), "release_change", ["change_id"], unique=False)
    op.create_table(
        "stage",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("pipeline_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("environment_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("phase", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("needs", postgresql.ARRAY(sa.BigInteger()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("task_order", sa.Text(), nullable=False),
        sa.Column("advance", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column(
            "findings", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("advanced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("advanced_by", sa.BigInteger(), nullable=True),
        sa.Column("permit_digest", sa.Text(), nullable=True),
        sa.Column("permit_generation", sa.BigInteger(), nullable=True),
        sa.Column("permit_valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("wake_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "blockers", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column("n_waiting", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_ready", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_scheduled", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_running", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_canceling", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_succeeded", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_failed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_error", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_canceled", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_skipped", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_passed_over", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("\"advance\" IN ('auto', 'manual')", name=op.f("stage_advance_check")),
        sa.CheckConstraint("\"task_order\" IN ('sequential', 'parallel')", name=op.f("stage_task_order_check")),
        sa.CheckConstraint(
            "(permit_digest IS NULL) = (permit_valid_until IS NULL) AND (permit_digest IS NULL) = (permit_generation IS NULL)",
            name=op.f("stage_permit_whole_check"),
        ),
        sa.CheckConstraint("n_canceled >= 0", name=op.f("stage_n_canceled_check")),
        sa.CheckConstraint("n_canceling >= 0", name=op.f("stage_n_canceling_check")),
        sa.CheckConstraint("n_error >= 0", name=op.f("stage_n_error_check")),
        sa.CheckConstraint("n_failed >= 0", name=op.f("stage_n_failed_check")),
        sa.CheckConstraint("n_passed_over >= 0", name=op.f("stage_n_passed_over_check")),
        sa.CheckConstraint("n_ready >= 0", name=op.f("stage_n_ready_check")),
        sa.CheckConstraint("n_running >= 0", name=op.f("stage_n_running_check")),
        sa.CheckConstraint("n_scheduled >= 0", name=op.f("stage_n_scheduled_check")),
        sa.CheckConstraint("n_skipped >= 0", name=op.f("stage_n_skipped_check")),
        sa.CheckConstraint("n_succeeded >= 0", name=op.f("stage_n_succeeded_check")),
        sa.CheckConstraint("n_waiting >= 0", name=op.f("stage_n_waiting_check")),
        sa.CheckConstraint("phase >= 0", name=op.f("stage_phase_check")),
        sa.ForeignKeyConstraint(["advanced_by"], ["account.id"], name=op.f("stage_advanced_by_fkey")),
        sa.ForeignKeyConstraint(["environment_id"], ["environment.id"], name=op.f("stage_environment_id_fkey")),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipeline.id"], name=op.f("stage_pipeline_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("stage_pkey")),
        sa.UniqueConstraint("pipeline_id", "name", name=op.f("stage_pipeline_id_name_key")),
        sa.UniqueConstraint("pipeline_id", "position", name=op.f("stage_pipeline_id_position_key")),
    )
    op.create_index(op.f("stage_environment_id_idx"), "stage", ["environment_id"], unique=False)
    op.create_index(
        "stage_wake_idx", "stage", ["wake_at"], unique=False, postgresql_where=sa.text("wake_at IS NOT NULL")
    )
    op.create_table(
        "approval",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("stage_id", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=True),
        sa.Column("comment", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("(decision = 'approve') = (step IS NOT NULL)", name=op.f("approval_step_check")),
        sa.CheckConstraint("\"decision\" IN ('approve', 'reject')", name=op.f("approval_decision_check")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("approval_account_id_fkey")),
        sa.ForeignKeyConstraint(["stage_id"], ["stage.id"], name=op.f("approval_stage_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("approval_pkey")),
    )
    op.create_index(op.f("approval_stage_id_idx"), "approval", ["stage_id"], unique=False)
    op.create_table(
        "comment",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("issue_id", sa.BigInteger(), nullable=False),
        sa.Column("author_id", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["account.id"], name=op.f("comment_author_id_fkey")),
        sa.ForeignKeyConstraint(["issue_id"], ["issue.id"], name=op.f("comment_issue_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("comment_pkey")),
    )
    op.create_index(op.f("comment_issue_id_idx"), "comment", ["issue_id"], unique=False)
    op.create_table(
        "database",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("instance_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "labels", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("tables", sa.Integer(), nullable=True),
        sa.Column("synced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("vanished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.ForeignKeyConstraint(["instance_id"], ["instance.id"], name=op.f("database_instance_id_fkey")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("database_project_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("database_pkey")),
        sa.UniqueConstraint("instance_id", "name", name=op.f("database_instance_id_name_key")),
    )
    op.create_index(op.f("database_project_id_idx"), "database", ["project_id"], unique=False)
    op.create_table(
        "event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("project_id", sa.BigInteger(), nullable=True),
        sa.Column("pipeline_id", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=True),
        sa.Column("issue_id", sa.BigInteger(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "data", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("(pipeline_id IS NULL) = (version IS NULL)", name=op.f("event_version_check")),
        sa.ForeignKeyConstraint(["actor_id"], ["account.id"], name=op.f("event_actor_id_fkey")),
        sa.ForeignKeyConstraint(["issue_id"], ["issue.id"], name=op.f("event_issue_id_fkey")),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipeline.id"], name=op.f("event_pipeline_id_fkey")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("event_project_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("event_pkey")),
        sa.UniqueConstraint("pipeline_id", "version", name=op.f("event_pipeline_id_version_key")),
        sa.UniqueConstraint("position", name=op.f("event_position_key")),
    )
    op.create_index(
        "event_issue_idx", "event", ["issue_id", "id"], unique=False, postgresql_where=sa.text("issue_id IS NOT NULL")
    )
    op.create_index(
        "event_unpositioned_idx", "event", ["id"], unique=False, postgresql_where=sa.text("position IS NULL")
    )
    op.create_table(
        "schedule",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("instance_id", sa.BigInteger(), nullable=False),
        sa.Column("cron", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("jitter_seconds", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("next_slot", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("\"kind\" IN ('schema.sync')", name=op.f("schedule_kind_check")),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instance.id"], name=op.f("schedule_instance_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("schedule_pkey")),
        sa.UniqueConstraint("kind", "instance_id", name=op.f("schedule_kind_instance_id_key")),
    )
    op.create_index("schedule_due_idx", "schedule", ["next_at"], unique=False, postgresql_where="enabled")
    op.create_table(
        "secret",
        sa.Column("instance_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instance.id"], name=op.f("secret_instance_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("instance_id", "name", name=op.f("secret_pkey")),
    )
    op.create_table(
        "schedule_fire",
        sa.Column("schedule_id", sa.BigInteger(), nullable=False),
        sa.Column("slot", sa.DateTime(timezone=True), nullable=False),
        sa.Column("pipeline_id", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("\"outcome\" IN ('fired', 'skipped')", name=op.f("schedule_fire_outcome_check")),
        sa.ForeignKeyConstraint(
            ["pipeline_id"], ["pipeline.id"], name=op.f("schedule_fire_pipeline_id_fkey"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["schedule_id"], ["schedule.id"], name=op.f("schedule_fire_schedule_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("schedule_id", "slot", name=op.f("schedule_fire_pkey")),
    )
    op.create_index(op.f("schedule_fire_pipeline_id_idx"), "schedule_fire", ["pipeline_id"], unique=False)
    op.create_table(
        "task",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("pipeline_id", sa.BigInteger(), nullable=False),
        sa.Column("stage_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("instance_id", sa.BigInteger(), nullable=False),
        sa.Column("database_id", sa.BigInteger(), nullable=True),
        sa.Column("release_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "options", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("skip_reason", sa.Text(), nullable=True),
        sa.Column("skip_note", sa.Text(), nullable=True),
        sa.Column("failure", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("failure_class", sa.Text(), nullable=True),
        sa.Column("progress", sa.Text(), nullable=True),
        sa.Column("waiting_on", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("sent", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("slot_key", sa.Text(), nullable=False),
        sa.Column("claimable", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("priority", sa.Integer(), server_default=sa.text("100"), nullable=False),
        sa.Column("run_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease", sa.LargeBinary(), nullable=True),
        sa.Column("runner_id", sa.Uuid(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deadline", sa.DateTime(timezone=True), nullable=True),
        sa.Column("timeout_seconds", sa.Integer(), server_default=sa.text("3600"), nullable=False),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_requested_by", sa.BigInteger(), nullable=True),
        sa.Column("rescues", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "(status = 'failed') = (failure_class IS NOT NULL)", name=op.f("task_failure_class_set_check")
        ),
        sa.CheckConstraint("(status = 'skipped') = (skip_reason IS NOT NULL)", name=op.f("task_skip_reason_set_check")),
        sa.CheckConstraint(
            "(status IN ('scheduled', 'running', 'canceling')) = (lease IS NOT NULL)", name=op.f("task_lease_check")
        ),
        sa.CheckConstraint("NOT claimable OR status = 'ready'", name=op.f("task_claimable_check")),
        sa.CheckConstraint(
            "type <> 'database.change' OR (database_id IS NOT NULL AND release_id IS NOT NULL)",
            name=op.f("task_change_check"),
        ),
        sa.CheckConstraint("\"failure_class\" IN ('failed', 'error')", name=op.f("task_failure_class_check")),
        sa.CheckConstraint(
            "\"skip_reason\" IN ('manual', 'upstream_failed', 'upstream_error', 'previous_task', 'condition', 'fail_fast')",
            name=op.f("task_skip_reason_check"),
        ),
        sa.CheckConstraint(
            "\"status\" IN ('waiting', 'ready', 'scheduled', 'running', 'canceling', 'succeeded', 'failed', 'canceled', 'skipped')",
            name=op.f("task_status_check"),
        ),
        sa.CheckConstraint("\"type\" IN ('database.change', 'schema.sync')", name=op.f("task_type_check")),
        sa.CheckConstraint("(lease IS NULL) = (lease_until IS NULL)", name=op.f("task_lease_until_check")),
        sa.CheckConstraint("attempt >= 0", name=op.f("task_attempt_check")),
        sa.ForeignKeyConstraint(["cancel_requested_by"], ["account.id"], name=op.f("task_cancel_requested_by_fkey")),
        sa.ForeignKeyConstraint(["database_id"], ["database.id"], name=op.f("task_database_id_fkey")),
        sa.ForeignKeyConstraint(["instance_id"], ["instance.id"], name=op.f("task_instance_id_fkey")),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipeline.id"], name=op.f("task_pipeline_id_fkey")),
        sa.ForeignKeyConstraint(["release_id"], ["release.id"], name=op.f("task_release_id_fkey")),
        sa.ForeignKeyConstraint(["runner_id"], ["runner.id"], name=op.f("task_runner_id_fkey")),
        sa.ForeignKeyConstraint(["slot_key"], ["slot.key"], name=op.f("task_slot_key_fkey")),
        sa.ForeignKeyConstraint(["stage_id"], ["stage.id"], name=op.f("task_stage_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("task_pkey")),
        sa.UniqueConstraint("stage_id", "name", name=op.f("task_stage_id_name_key")),
        sa.UniqueConstraint("stage_id", "position", name=op.f("task_stage_id_position_key")),
    )
    op.create_index(
        "task_active_slot_key",
        "task",
        ["slot_key"],
        unique=True,
        postgresql_where=sa.text("claimable OR status IN ('scheduled', 'running', 'canceling')"),
    )
    op.create_index("task_claim_idx", "task", ["priority", "run_at", "id"], unique=False, postgresql_where="claimable")
    op.create_index("task_database_idx", "task", ["database_id"], unique=False)
    op.create_index(
        "task_instance_active_idx",
        "task",
        ["instance_id"],
        unique=False,
        postgresql_where=sa.text("claimable OR status IN ('scheduled', 'running', 'canceling')"),
    )
    op.create_index(
        "task_instance_ready_idx",
        "task",
        ["instance_id", "priority", "run_at", "id"],
        unique=False,
        postgresql_where=sa.text("status = 'ready' AND NOT claimable"),
    )
    op.create_index(
        "task_lease_idx", "task", ["lease_until"], unique=False, postgresql_where=sa.text("lease_until IS NOT NULL")
    )
    op.create_index("task_pipeline_idx", "task", ["pipeline_id", "stage_id", "status", "id"], unique=False)
    op.create_index(
        "task_runner_idx", "task", ["runner_id"], unique=False, postgresql_where=sa.text("runner_id IS NOT NULL")
    )
    op.create_index("task_stage_status_idx", "task", ["stage_id", "status", "position"], unique=False)
    op.create_table(
        "task_run",
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("lease", sa.LargeBinary(), nullable=False),
        sa.Column("runner_id", sa.Uuid(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("sqlstate", sa.Text(), nullable=True),
        sa.Column("last_seq", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "\"outcome\" IN ('succeeded', 'failed', 'canceled', 'interrupted', 'retried')",
            name=op.f("task_run_outcome_check"),
        ),
        sa.CheckConstraint("(ended_at IS NULL) = (outcome IS NULL)", name=op.f("task_run_ended_check")),
        sa.ForeignKeyConstraint(["runner_id"], ["runner.id"], name=op.f("task_run_runner_id_fkey")),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("task_run_task_id_fkey")),
        sa.PrimaryKeyConstraint("task_id", "attempt", name=op.f("task_run_pkey")),
        sa.UniqueConstraint("id", name=op.f("task_run_id_key")),
    )
    op.create_table(
        "run_log",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("statement_index", sa.Integer(), nullable=True),
        sa.CheckConstraint("\"level\" IN ('debug', 'info', 'warning', 'error')", name=op.f("run_log_level_check")),
        sa.ForeignKeyConstraint(["run_id"], ["task_run.id"], name=op.f("run_log_run_id_fkey")),
        sa.PrimaryKeyConstraint("run_id", "seq", name=op.f("run_log_pkey")),
    )
    op.create_table(
        "task_change",
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "\"state\" IN ('applied', 'already_applied', 'failed', 'unknown')", name=op.f("task_change_state_check")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["task_run.id"], name=op.f("task_change_run_id_fkey")),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("task_change_task_id_fkey")),
        sa.PrimaryKeyConstraint("task_id", "version", name=op.f("task_change_pkey")),
    )
    op.execute('INSERT INTO event_position ("only", last) VALUES (true, 0)')


def downgrade() -> None:
    """Drop everything."""
    op.drop_table("task_change")
    op.drop_table("run_log")
    op.drop_table("task_run")
    op.drop_index("task_stage_status_idx", table_name="task")
    op.drop_index("task_runner_idx", table_name="task", postgresql_where=sa.text("runner_id IS NOT NULL"))
    op.drop_index("task_pipeline_idx", table_name="task")
    op.drop_index("task_lease_idx", table_name="task", postgresql_where=sa.text("lease_until IS NOT NULL"))
    op.drop_index(
        "task_instance_ready_idx", table_name="task", postgresql_where=sa.text("status = 'ready' AND NOT claimable")
    )
    op.drop_index(
        "task_instance_active_idx",
        table_name="task",
        postgresql_where=sa.text("claimable OR status IN ('scheduled', 'running', 'canceling')"),
    )
    op.drop_index("task_database_idx", table_name="task")
    op.drop_index("task_claim_idx", table_name="task", postgresql_where="claimable")
    op.drop_index(
        "task_active_slot_key",
        table_name="task",
        postgresql_where=sa.text("claimable OR status IN ('scheduled', 'running', 'canceling')"),
    )
    op.drop_table("task")
    op.drop_index(op.f("schedule_fire_pipeline_id_idx"), table_name="schedule_fire")
    op.drop_table("schedule_fire")
    op.drop_table("secret")
    op.drop_index("schedule_due_idx", table_name="schedule", postgresql_where="enabled")
    op.drop_table("schedule")
    op.drop_index("event_unpositioned_idx", table_name="event", postgresql_where=sa.text("position IS NULL"))
    op.drop_index("event_issue_idx", table_name="event", postgresql_where=sa.text("issue_id IS NOT NULL"))
    op.drop_table("event")
    op.drop_index(op.f("database_project_id_idx"), table_name="database")
    op.drop_table("database")
    op.drop_index(op.f("comment_issue_id_idx"), table_name="comment")
    op.drop_table("comment")
    op.drop_index(op.f("approval_stage_id_idx"), table_name="approval")
    op.drop_table("approval")
    op.drop_index("stage_wake_idx", table_name="stage", postgresql_where=sa.text("wake_at IS NOT NULL"))
    op.drop_index(op.f("stage_environment_id_idx"), table_name="stage")
    op.drop_table("stage")
    op.drop_index(op.f("release_change_change_id_idx"), table_name="release_change")
    op.drop_table("release_change")
    op.drop_index("issue_status_idx", table_name="issue")
    op.drop_index("issue_project_idx", table_name="issue")
    op.drop_index(op.f("issue_author_id_idx"), table_name="issue")
    op.drop_table("issue")
    op.drop_index(op.f("instance_environment_id_idx"), table_name="instance")
    op.drop_table("instance")
    op.drop_index(op.f("token_account_id_idx"), table_name="token")
    op.drop_table("token")
    op.drop_index(op.f("session_account_id_idx"), table_name="session")
    op.drop_table("session")
    op.drop_index("release_project_idx", table_name="release")
    op.drop_table("release")
    op.drop_table("project_turn")
    op.drop_index(op.f("pipeline_project_id_idx"), table_name="pipeline")
    op.drop_table("pipeline")
    op.drop_index(op.f("member_account_id_idx"), table_name="member")
    op.drop_table("member")
    op.drop_index("idempotency_started_at_idx", table_name="idempotency")
    op.drop_table("idempotency")
    op.drop_index(op.f("environment_tier_id_idx"), table_name="environment")
    op.drop_table("environment")
    op.drop_index("change_content_idx", table_name="change")
    op.drop_table("change")
    op.drop_index("audit_unsealed_idx", table_name="audit", postgresql_where=sa.text("sealed_as IS NULL"))
    op.drop_table("audit")
    op.drop_table("slot")
    op.drop_table("schema_snapshot")
    op.drop_table("runner")
    op.drop_table("project")
    op.drop_table("login_attempt")
    op.drop_table("event_position")
    op.drop_table("deployment")
    op.drop_table("approval_tier")
    op.drop_index("account_email_key", table_name="account")
    op.drop_table("account")
