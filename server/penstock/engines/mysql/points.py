"""The moments at which a crash may find a change on its way into MySQL or MariaDB; see `penstock.domain.failpoints`."""

from __future__ import annotations

from enum import StrEnum


class Point(StrEnum):
    """Named after the write that has just become durable, or the statement that the server has just answered."""

    LEDGER_MADE = "ledger_made"
    LOCKED = "locked"
    SCRATCH_MADE = "scratch_made"
    REHEARSED = "rehearsed"
    SCRATCH_DROPPED = "scratch_dropped"
    DEFINITIONS_KEPT = "definitions_kept"
    INTENT_WRITTEN = "intent_written"
    STATEMENT_RUN = "statement_run"
    DONE_WRITTEN = "done_written"
    ROWS_SENT = "rows_sent"
    ROWS_COMMITTED = "rows_committed"
    LEDGER_SENT = "ledger_sent"
    LEDGER_COMMITTED = "ledger_committed"
