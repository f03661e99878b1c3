"""The tables of our own database.  Invariants of the model are constraints here, not only code elsewhere."""

from __future__ import annotations

from penstock.store.tables import accounts, catalog, changes, pipelines, records
from penstock.store.tables.base import metadata

__all__ = ["accounts", "catalog", "changes", "metadata", "pipelines", "records"]
