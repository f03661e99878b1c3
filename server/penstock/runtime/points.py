"""The moments between two durable writes of a runner, named by the write that has just happened."""

from __future__ import annotations

from enum import StrEnum


class Point(StrEnum):
    """See `penstock.domain.failpoints`."""

    CLAIMED = "runner.claimed"
    ATTEMPT_MADE = "runner.attempt_made"
    END_WRITTEN = "runner.end_written"


class Creating(StrEnum):
    """Of a task that makes a database: there are others only where there is such a task."""

    INTENDED = "runner.intended"
    CREATED = "runner.created"
    CATALOGUED = "runner.catalogued"
