"""What can go wrong with the embedded PostgreSQL, each with a message that a person can act on."""

from __future__ import annotations


class EmbeddedPostgresError(RuntimeError):
    """The embedded PostgreSQL cannot run."""


class AlreadyRunning(EmbeddedPostgresError):
    """Another process uses this data directory."""
