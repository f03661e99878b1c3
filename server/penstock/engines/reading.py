"""What queries that only read a target database have in common, whatever its engine."""

from __future__ import annotations

from typing import Final

from penstock.domain.pipeline.query import MOST_ROW_BYTES
from penstock.engines.base import Failure, QueryResult

LOCK_SECONDS: Final = 5.0  # a query waits for a lock no longer


def too_large() -> QueryResult:
    """A row of the answer is larger than anybody wants to read."""
    message = f"A row of the answer has more than {MOST_ROW_BYTES:,} bytes."
    hint = "Have the query answer fewer or shorter columns."
    return QueryResult("failed", failure=Failure("check", "row_too_large", message, hint=hint))


def out_of_time() -> Failure:
    """The task's time was over before the query answered."""
    return Failure(
        "timeout",
        "deadline",
        "The query did not answer in the time that the task has; it was stopped.",
        hint="Give the task a longer timeout, or have the query read less.",
    )
