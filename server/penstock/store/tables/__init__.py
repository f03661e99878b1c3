"""The tables of our own database.  Invariants of the model are constraints here, not only code elsewhere."""

from __future__ import annotations

from penstock.store.tables import (
    accounts,
    catalog,
    changes,
    checks,
    device_logins,
    errands,
    gates,
    pipelines,
    plugins,
    records,
    repositories,
)
from penstock.store.tables.base import metadata

__all__ = [
    "accounts",
    "catalog",
    "changes",
    "checks",
    "device_logins",
    "errands",
    "gates",
    "metadata",
    "pipelines",
    "plugins",
    "records",
    "repositories",
]
