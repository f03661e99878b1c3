"""Optimistic concurrency: an edit names the version that it was made from (``If-Match``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.domain.errors import PreconditionFailed


def check_version(record: Mapping[str, Any], expected: int | None) -> None:
    """Compare a locked row with the version that the caller saw; None means that the caller does not mind.

    Raises:
        PreconditionFailed: somebody changed it in the meantime.
    """
    if expected is not None and record["version"] != expected:
        raise PreconditionFailed(version=record["version"])
