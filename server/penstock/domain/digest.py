"""Digests that bind approvals to exactly what was approved: of a change, a release, a task and a stage."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any


def of_bytes(data: bytes) -> str:
    """``sha256:<hex>`` of some bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def of_release(changes: Iterable[tuple[str, str, str]]) -> str:
    """Digest of an ordered list of changes: sha-256 over lines ``version \\t name \\t sha256 \\n``.

    Args:
        changes: (version, name, digest of the statement) in order.
    """
    lines = "".join(f"{version}\t{name}\t{digest.removeprefix('sha256:')}\n" for version, name, digest in changes)
    return of_bytes(lines.encode())


def of_task(operation: str, release: str | None, options: Mapping[str, Any], target: Mapping[str, Any]) -> str:
    """Digest of what a task will do and where.

    Args:
        operation: the task type.
        release: digest of its release, if it has one.
        options: what changes how it runs.
        target: engine, host, port, database name and the server's own id.
    """
    return of_bytes(_canonical({"operation": operation, "release": release, "options": options, "target": target}))


def of_stage(tasks: Iterable[str]) -> str:
    """Digest of a stage: over the digests of its tasks in order."""
    return of_bytes(_canonical(list(tasks)))


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
