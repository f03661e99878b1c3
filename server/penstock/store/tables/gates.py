"""What people order about gates: nothing starts here for now (freeze), or this one stage may go ahead (bypass)."""

from __future__ import annotations

import sqlalchemy as sa

from penstock.domain.gates.evaluate import BYPASSABLE
from penstock.store.tables.base import created_at, identity, metadata, one_of, ref, time

freeze = sa.Table(
    "freeze",
    metadata,
    identity(),
    # Of one environment, of one project, or (neither) of the whole workspace: each at most once.
    ref("environment_id", "environment.id", nullable=True, ondelete="CASCADE"),
    ref("project_id", "project.id", nullable=True, ondelete="CASCADE"),
    sa.Column("reason", sa.Text, nullable=False),
    time("until"),
    ref("account_id", "account.id"),
    created_at(),
    sa.CheckConstraint("environment_id IS NULL OR project_id IS NULL", name="one_scope"),
)
sa.Index(
    "freeze_scope_key",
    sa.func.coalesce(freeze.c.environment_id, sa.literal_column("0")),
    sa.func.coalesce(freeze.c.project_id, sa.literal_column("0")),
    unique=True,
)

gate_bypass = sa.Table(
    "gate_bypass",
    metadata,
    ref("stage_id", "stage.id"),
    sa.Column("gate", sa.Text, nullable=False),
    # For what the stage does now: another digest asks the gate again.
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    ref("account_id", "account.id"),
    created_at(),
    sa.PrimaryKeyConstraint("stage_id", "gate", "digest"),
    one_of("gate", tuple(BYPASSABLE)),
)
