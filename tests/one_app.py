"""What would cost more than most requests of a test, and need not: one application for many tests, one after the
other, and passwords that are hashed quickly.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from argon2 import PasswordHasher
from litestar import Litestar

from penstock.services.container import Services
from penstock.services.passwords import Passwords
from penstock.web.app import create_app


def quick_passwords() -> Passwords:
    """Hashes that cost next to nothing; they belong to the loop of the test."""
    return Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


class _Lent:
    """The services of whichever test has the application now."""

    def __init__(self) -> None:
        self.services: Services | None = None

    def __getattr__(self, name: str) -> Any:
        if self.services is None:
            raise RuntimeError("A test spoke to the application after it had given it back")
        return getattr(self.services, name)


_lent = _Lent()
_app: Litestar | None = None


@contextmanager
def application(services: Services, stopping: asyncio.Event | None = None) -> Iterator[Litestar]:
    """The application over these services, until the end of the context; a second one inside it is made anew.

    Args:
        stopping: set it when the process stops; it belongs to the loop of the test.
    """
    global _app
    stopping = stopping or asyncio.Event()
    if _lent.services is not None:
        yield create_app(services, stopping=stopping)
        return
    if _app is None:
        _app = create_app(cast(Services, _lent))
    _app.state.update({"services": services, "stopping": stopping})
    _lent.services = services
    try:
        yield _app
    finally:
        _lent.services = None
