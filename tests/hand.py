"""A runner that is moved by hand: it claims, and says of each task what the test wants it to have done."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, Literal

import sqlalchemy as sa

from penstock.engines.base import Failure
from penstock.runtime.reaper import Reaper
from penstock.runtime.work.base import shown
from penstock.services.attempts import Attempts
from penstock.store import queue, runs
from penstock.store.database import Database
from penstock.store.tables.pipelines import task

Word = Literal["succeeded", "failed", "error", "canceled", "ready"]
WORDS: Final[tuple[Word, ...]] = ("succeeded", "failed", "error", "canceled", "ready")

FAILURES: Final[Mapping[str, Failure]] = {
    "failed": Failure("statement", "42601", "The database said no."),
    "error": Failure("infrastructure", "connection_lost", "The connection was lost."),
}


class Hand:
    """One runner process, as far as the metadata database can tell."""

    def __init__(self, database: Database, *, lease_seconds: float = 600.0) -> None:
        self.id = uuid.uuid4()
        self.held: dict[str, queue.Claimed] = {}
        self._database = database
        self._lease_seconds = lease_seconds
        self._attempts = Attempts(database)

    async def register(self) -> Hand:
        """Announce it."""
        await self._database.run(lambda conn: queue.register_runner(conn, self.id, "hand", 1))
        return self

    async def claim(self, limit: int = 16) -> list[queue.Claimed]:
        """Claim what may run now, without starting it."""
        work = partial(queue.claim, runner_id=self.id, limit=limit, lease_seconds=self._lease_seconds, start=False)
        return await self._database.run_straight(queue.TAKE_TURNS, work)

    async def claim_abandoned(self) -> list[queue.Claimed]:
        """Take over what was being canceled when its runner was lost."""
        work = partial(queue.claim_abandoned, runner_id=self.id, limit=16, lease_seconds=self._lease_seconds)
        return await self._database.run_straight(queue.NO_TURNS, work)

    async def start(self, *claims: queue.Claimed) -> set[int]:
        """Start claimed tasks; returns the ids of those that may run."""
        started: set[int] = set()
        for pipeline_id in {c.pipeline_id for c in claims}:
            own = [c for c in claims if c.pipeline_id == pipeline_id]
            started |= await self._attempts.start(pipeline_id, own)
        return started

    async def take(self) -> list[str]:
        """Claim and start all that may run now; returns the names of their tasks, and keeps them in ``held``."""
        names = []
        while claims := await self.claim():
            started = await self.start(*claims)
            for claimed in claims:
                if claimed.id in started:
                    self.held[claimed.name] = claimed
                    names.append(claimed.name)
        return sorted(names)

    async def finish(self, claimed: queue.Claimed, word: Word, **more: Any) -> bool:
        """Say how an attempt ended; returns whether we still had the right to."""
        if word == "failed" or word == "error":
            failure = FAILURES[word]
            end = runs.End(claimed, "failed", shown(failure), failure.failure_class, sent=True, **more)
        else:
            end = runs.End(claimed, word, sent=True, **more)
        return claimed in (await self._attempts.end(claimed.pipeline_id, [end])).written

    async def end(self, words: Mapping[str, Word]) -> None:
        """Say how held tasks ended, by name."""
        for name, word in words.items():
            assert await self.finish(self.held.pop(name), word)

    async def let_go(self, claimed: queue.Claimed) -> None:
        """Lose a lease, as a runner does that gave no sign of life for too long."""
        late = sa.func.statement_timestamp() - sa.text("interval '1 second'")
        async with self._database.engine.begin() as conn:
            await conn.execute(sa.update(task).where(*queue.fence(claimed)).values(lease_until=late))

    async def beat(self, leases: Mapping[int, bytes]) -> None:
        """Give a sign of life: task id -> lease."""
        await self._attempts.beat(self.id, leases, self._lease_seconds)

    async def reap(self) -> None:
        """Have lost tasks taken back."""
        await Reaper(self._attempts, lease_seconds=0).round()
