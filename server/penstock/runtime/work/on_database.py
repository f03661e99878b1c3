"""What the task types have in common that work on one database of a target, under the name of their attempt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from penstock.engines.base import Engine, EngineName, Target, application_name
from penstock.runtime.releases import Release
from penstock.services.targets import Targets
from penstock.store import queue


class Releases(Protocol):
    """Knows releases; `runtime.releases.ReleaseReader` reads them from our own database."""

    async def read(self, release_id: int) -> Release:
        """A release that is known to exist."""


class OnDatabase:
    """Base of these task types.

    Args:
        deployment: id of this installation, written into ledgers and session names.
        engine_for: the engines' registry.
    """

    def __init__(
        self,
        releases: Releases,
        targets: Targets,
        engine_for: Callable[[EngineName], Engine],
        deployment: str,
    ) -> None:
        self._targets = targets
        self._engine_for = engine_for
        self._deployment = deployment
        self._releases = releases

    async def _release(self, release_id: int) -> Release:
        return await self._releases.read(release_id)

    def _open(self, claimed: queue.Claimed) -> tuple[Engine, Target]:
        """The engine and the database; our sessions bear the attempt's name, so that the session of an older attempt
        can be told and ended."""
        target = self._targets.opened(claimed.instance_id, claimed.connecting, claimed.database)
        name = application_name(self._deployment, claimed.id, claimed.attempt)
        return self._engine_for(target.engine), replace(target, application_name=name)
