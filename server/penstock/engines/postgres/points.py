"""The moments between two durable writes of the PostgreSQL engine, named by the write that has just happened."""

from __future__ import annotations

from enum import StrEnum


class Point(StrEnum):
    """See `penstock.domain.failpoints`."""

    LEDGER_CREATED = "postgres.ledger_created"
    JOURNAL_ADDED = "postgres.journal_added"
    INTENT_WRITTEN = "postgres.intent_written"
    STATEMENT_RUN = "postgres.statement_run"
    DONE_WRITTEN = "postgres.done_written"
    STEP_COMMITTED = "postgres.step_committed"
    INTENT_RESOLVED = "postgres.intent_resolved"
    LEFTOVER_DROPPED = "postgres.leftover_dropped"
    CHANGE_COMMITTED = "postgres.change_committed"
