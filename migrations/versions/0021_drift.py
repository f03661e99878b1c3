"""What databases were, what they are expected to be, and where they differ."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_EXPECTED = ("expected", "expected_since", "expected_because", "expected_read_at", "expected_reading")
_SNAPSHOT = "schema_snapshot.fingerprint"


def _time(name: str, nullable: bool = True) -> sa.Column:
    return sa.Column(name, sa.TIMESTAMP(timezone=True), nullable=nullable)


def upgrade() -> None:
    """Add them; what is there is first seen by the next sync."""
    op.add_column("database", _time("read_at"))
    op.add_column("database", sa.Column("expected", sa.Text, nullable=True))
    op.add_column("database", _time("expected_since"))
    op.add_column("database", sa.Column("expected_because", sa.Text, nullable=True))
    op.add_column("database", _time("expected_read_at"))
    op.add_column("database", sa.Column("expected_reading", sa.Text, nullable=True))
    op.create_foreign_key(op.f("database_expected_fkey"), "database", "schema_snapshot", ["expected"], ["fingerprint"])
    op.create_check_constraint(
        op.f("database_expected_because_check"),
        "database",
        "expected_because IN ('first_sight', 'change', 'reading', 'person')",
    )
    op.create_check_constraint(
        op.f("database_expected_whole_check"), "database", f"num_nulls({', '.join(_EXPECTED)}) IN (0, 5)"
    )
    op.create_index(op.f("database_expected_idx"), "database", ["expected"])
    op.create_index("database_fingerprint_idx", "database", ["fingerprint"])

    op.create_table(
        "database_snapshot",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("database_id", sa.BigInteger, sa.ForeignKey("database.id", ondelete="CASCADE"), nullable=False),
        sa.Column("fingerprint", sa.Text, sa.ForeignKey(_SNAPSHOT), nullable=False),
        _time("first_seen_at", nullable=False),
        _time("last_seen_at"),
        sa.CheckConstraint("last_seen_at >= first_seen_at", name=op.f("database_snapshot_seen_check")),
    )
    op.create_index(op.f("database_snapshot_fingerprint_idx"), "database_snapshot", ["fingerprint"])
    op.create_index("database_snapshot_database_id_idx", "database_snapshot", ["database_id", "id"])
    op.create_index(
        "database_snapshot_current_key",
        "database_snapshot",
        ["database_id"],
        unique=True,
        postgresql_where=sa.text("last_seen_at IS NULL"),
    )

    op.create_table(
        "drift",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("database_id", sa.BigInteger, sa.ForeignKey("database.id", ondelete="CASCADE"), nullable=False),
        sa.Column("expected", sa.Text, sa.ForeignKey(_SNAPSHOT), nullable=False),
        sa.Column("found", sa.Text, sa.ForeignKey(_SNAPSHOT), nullable=False),
        _time("read_at", nullable=False),
        sa.Column("reading", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False, server_default="open"),
        _time("first_seen_at", nullable=False),
        _time("last_seen_at", nullable=False),
        sa.Column("changes", sa.dialects.postgresql.JSONB, nullable=True),
        sa.Column("decided_by", sa.BigInteger, sa.ForeignKey("account.id"), nullable=True),
        _time("decided_at"),
        sa.Column("comment", sa.Text, nullable=False, server_default=""),
        _time("ignored_until"),
        _time("ended_at"),
        sa.Column("ended_because", sa.Text, nullable=True),
        sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
        sa.CheckConstraint("status IN ('open', 'ignored', 'accepted', 'ended')", name=op.f("drift_status_check")),
        sa.CheckConstraint("ended_because IN ('gone', 'vanished', 'left')", name=op.f("drift_ended_because_check")),
        sa.CheckConstraint("expected <> found", name=op.f("drift_differs_check")),
        sa.CheckConstraint(
            "(status IN ('accepted', 'ended')) = (ended_at IS NOT NULL)", name=op.f("drift_ended_at_check")
        ),
        sa.CheckConstraint(
            "(status = 'ended') = (ended_because IS NOT NULL)", name=op.f("drift_ended_because_set_check")
        ),
        sa.CheckConstraint("(decided_by IS NULL) = (decided_at IS NULL)", name=op.f("drift_decided_check")),
        sa.CheckConstraint(
            "CASE status WHEN 'open' THEN decided_by IS NULL WHEN 'ended' THEN true ELSE decided_by IS NOT NULL END",
            name=op.f("drift_decided_by_check"),
        ),
        sa.CheckConstraint(
            "ignored_until IS NULL OR status IN ('ignored', 'ended')", name=op.f("drift_ignored_until_check")
        ),
    )
    for column in ("database_id", "expected", "found"):
        op.create_index(op.f(f"drift_{column}_idx"), "drift", [column])
    op.create_index(
        "drift_standing_key",
        "drift",
        ["database_id"],
        unique=True,
        postgresql_where=sa.text("status IN ('open', 'ignored')"),
    )


def downgrade() -> None:
    """Take them away; the newest snapshots stay."""
    op.drop_table("drift")
    op.drop_table("database_snapshot")
    op.drop_index("database_fingerprint_idx", "database")
    op.drop_index(op.f("database_expected_idx"), "database")
    op.drop_constraint(op.f("database_expected_whole_check"), "database")
    op.drop_constraint(op.f("database_expected_because_check"), "database")
    op.drop_constraint(op.f("database_expected_fkey"), "database")
    for column in (*_EXPECTED, "read_at"):
        op.drop_column("database", column)
