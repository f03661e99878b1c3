"""What tests say to an engine: requests for changes, and their application to a target."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine
from hashlib import sha256
from typing import Any, Final

import pytest

from penstock.engines.base import ApplyRequest, ApplyResult, Engine, Target
from tests.engines.recorder import Recorder

# Of this process alone: sessions are found by their names, and other tests may be at work on the same server.
DEPLOYMENT: Final = f"test-{os.getpid()}"
Apply = Callable[..., Coroutine[Any, Any, ApplyResult]]


def change(statement: str | bytes, version: str = "1", **other: Any) -> ApplyRequest:
    """A request for one change of the project ``shop``."""
    data = statement.encode() if isinstance(statement, str) else statement
    fields: dict[str, Any] = {
        "deployment": DEPLOYMENT,
        "project": "shop",
        "version": version,
        "name": "a change",
        "statement": data,
        "change_digest": "sha256:" + sha256(data).hexdigest(),
        "release_digest": "sha256:" + "0" * 64,
        "run_id": "run-1",
        "task_id": 1,
        "attempt": 1,
        "actor": "ana@example.com",
        "lock_timeout": 0.2,
    }
    return ApplyRequest(**{**fields, **other})


@pytest.fixture
def apply(engine: Engine, target: Target) -> Apply:
    """Apply a change to the target in a session of its own."""

    async def apply_it(statement: str | bytes = "", port: Recorder | None = None, **other: Any) -> ApplyResult:
        return await engine.apply(target, change(statement, **other), port or Recorder())

    return apply_it
