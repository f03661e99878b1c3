"""The demo project of a new installation: real target databases in a second embedded PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from penstock.services.container import Services
from penstock.settings import Settings


@dataclass(frozen=True, slots=True)
class Login:
    """A person of the demo, for the greeting."""

    role: str
    email: str
    password: str


@asynccontextmanager
async def running(
    settings: Settings, services: Services, stopping: asyncio.Event, *, wanted: bool, say: Callable[[str], None]
) -> AsyncIterator[list[Login]]:
    """Keep the demo's target databases up; seed the demo first when the installation is new."""
    yield []
