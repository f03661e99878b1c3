"""Reads releases for the runner, and keeps the last ones: a release goes to many databases, and never changes."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from weakref import WeakValueDictionary

from penstock.store import releases
from penstock.store.database import Database

MOST_BYTES: Final = 16 * 1024 * 1024  # of scripts that are kept, all together


@dataclass(frozen=True, slots=True)
class Release:
    """A release with its changes in order."""

    digest: str
    changes: Sequence[releases.Change]

    @property
    def size(self) -> int:
        """Bytes of its scripts."""
        return sum(len(change.statement) for change in self.changes)


class ReleaseReader:
    """One per process; releases used last are kept while there is room."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: OrderedDict[int, Release] = OrderedDict()
        self._bytes = 0
        self._reading: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def read(self, release_id: int) -> Release:
        """A release that is known to exist; whoever wants one that is being read waits for the same."""
        if (kept := self._kept.get(release_id)) is not None:
            self._kept.move_to_end(release_id)
            return kept
        async with self._reading.setdefault(release_id, asyncio.Lock()):
            if (kept := self._kept.get(release_id)) is not None:
                return kept
            async with self._database.connect() as conn:
                found = await releases.by_id(conn, release_id)
                assert found is not None
                release = Release(found["digest"], tuple(await releases.changes_of(conn, release_id)))
            self._keep(release_id, release)
            return release

    def _keep(self, release_id: int, release: Release) -> None:
        if release_id in self._kept or release.size > MOST_BYTES:
            return
        self._kept[release_id] = release
        self._bytes += release.size
        while self._bytes > MOST_BYTES:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= oldest.size
