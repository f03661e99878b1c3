"""Status checks with their history, what is required, and overridden errors; where a release was made from; jitter."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_KINDS = ("webhook", "chat", "email")
_STATES = ("pending", "success", "failure", "error")


def _one_of(column: str, words: tuple[str, ...]) -> str:
    return f'"{column}" IN ({", ".join(repr(w) for w in words)})'


def _created_at() -> sa.Column[object]:
    return sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)


def _plugin_kinds(kinds: tuple[str, ...]) -> None:
    op.drop_constraint(op.f("plugin_kind_check"), "plugin")
    op.create_check_constraint(op.f("plugin_kind_check"), "plugin", _one_of("kind", kinds))


def upgrade() -> None:
    """Add them."""
    op.create_table(
        "check_context",
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("context", sa.Text(), nullable=False),
        _created_at(),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("check_context_project_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("project_id", "context", name=op.f("check_context_pkey")),
    )
    op.create_table(
        "status_report",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("release_id", sa.BigInteger(), nullable=False),
        sa.Column("environment_id", sa.BigInteger(), nullable=False),
        sa.Column("database_id", sa.BigInteger(), nullable=True),
        sa.Column("context", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("target_url", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("commit", sa.Text(), nullable=True),
        sa.Column("propagate", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        _created_at(),
        sa.CheckConstraint(_one_of("state", _STATES), name=op.f("status_report_state_check")),
        sa.ForeignKeyConstraint(["release_id"], ["release.id"], name=op.f("status_report_release_id_fkey")),
        sa.ForeignKeyConstraint(["environment_id"], ["environment.id"], name=op.f("status_report_environment_id_fkey")),
        sa.ForeignKeyConstraint(["database_id"], ["database.id"], name=op.f("status_report_database_id_fkey")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("status_report_account_id_fkey")),
        sa.ForeignKeyConstraint(
            ["project_id", "context"],
            ["check_context.project_id", "check_context.context"],
            name="status_report_context_fkey",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("status_report_pkey")),
    )
    latest = ["release_id", "environment_id", "context", "database_id", "id"]
    op.create_index("status_report_latest_idx", "status_report", latest)
    op.create_index("status_report_place_idx", "status_report", ["project_id", "environment_id", "context", "id"])
    op.create_index("status_report_project_idx", "status_report", ["project_id", "id"])
    op.create_index(op.f("status_report_environment_id_idx"), "status_report", ["environment_id"])
    op.create_index(op.f("status_report_database_id_idx"), "status_report", ["database_id"])
    op.create_table(
        "required_check",
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("environment_id", sa.BigInteger(), nullable=False),
        sa.Column("context", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        _created_at(),
        sa.ForeignKeyConstraint(
            ["environment_id"],
            ["environment.id"],
            name=op.f("required_check_environment_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("required_check_account_id_fkey")),
        sa.ForeignKeyConstraint(
            ["project_id", "context"],
            ["check_context.project_id", "check_context.context"],
            name="required_check_context_fkey",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("project_id", "environment_id", "context", name=op.f("required_check_pkey")),
    )
    op.create_index(op.f("required_check_environment_id_idx"), "required_check", ["environment_id"])
    op.create_table(
        "check_override",
        sa.Column("stage_id", sa.BigInteger(), nullable=False),
        sa.Column("release_id", sa.BigInteger(), nullable=False),
        sa.Column("environment_id", sa.BigInteger(), nullable=False),
        sa.Column("context", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        _created_at(),
        sa.ForeignKeyConstraint(["stage_id"], ["stage.id"], name=op.f("check_override_stage_id_fkey")),
        sa.ForeignKeyConstraint(["release_id"], ["release.id"], name=op.f("check_override_release_id_fkey")),
        sa.ForeignKeyConstraint(
            ["environment_id"], ["environment.id"], name=op.f("check_override_environment_id_fkey")
        ),
        sa.ForeignKeyConstraint(["revision"], ["status_report.id"], name=op.f("check_override_revision_fkey")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("check_override_account_id_fkey")),
        sa.PrimaryKeyConstraint(
            "stage_id", "release_id", "environment_id", "context", "revision", name=op.f("check_override_pkey")
        ),
    )
    unchecked = """blockers @> '[{"gate": "status-check"}]'"""
    op.create_index("stage_unchecked_idx", "stage", ["pipeline_id"], postgresql_where=sa.text(unchecked))
    op.add_column("release", sa.Column("commit", sa.Text(), nullable=True))
    _plugin_kinds((*_KINDS, "commit-status"))
    op.execute("UPDATE schedule SET next_slot = now(), next_at = now() WHERE next_slot IS NULL OR next_at IS NULL")
    op.alter_column("schedule", "next_slot", nullable=False)
    op.alter_column("schedule", "next_at", nullable=False)
    op.create_index("pipeline_lone_idx", "pipeline", ["created_at"], postgresql_where=sa.text("project_id IS NULL"))
    op.create_index("delivery_position_idx", "delivery", ["position"])
    op.create_check_constraint(op.f("schedule_jitter_seconds_check"), "schedule", "jitter_seconds BETWEEN 0 AND 3600")


def downgrade() -> None:
    """Take them away."""
    op.drop_constraint(op.f("schedule_jitter_seconds_check"), "schedule")
    op.drop_index("delivery_position_idx", table_name="delivery")
    op.drop_index("pipeline_lone_idx", table_name="pipeline")
    op.alter_column("schedule", "next_at", nullable=True)
    op.alter_column("schedule", "next_slot", nullable=True)
    op.execute("DELETE FROM plugin WHERE kind = 'commit-status'")
    _plugin_kinds(_KINDS)
    op.drop_column("release", "commit")
    op.drop_index("stage_unchecked_idx", table_name="stage")
    op.drop_table("check_override")
    op.drop_table("required_check")
    op.drop_table("status_report")
    op.drop_table("check_context")
