"""The people of the chaos tests: they file changes, settle what nobody can know, try again, and look at the end."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from penstock.store.database import TROUBLE
from tests.builders import PROJECT, Json, World
from tests.chaos.faults import Tally
from tests.chaos.fronts import AWAY, Change, Front, Place
from tests.chaos.runners import Runners
from tests.waiting import eventually

OUTSTANDING: Final = 3  # issues whose tasks are kept in the works
PATIENCE: Final = 240.0
LATER: Final = (409, 503)  # somebody was faster, or something is away: look again


@dataclass(frozen=True)
class Held:
    """A task that a runner process has in hand.

    Args:
        phase: what its session is at.
        port: that its connection to the target comes from; 0 when there is none yet.
    """

    task: int
    attempt: int
    pid: int
    phase: str
    port: int


class Shop:
    """Files changes, looks after those that a person has to look after, and keeps count.

    Args:
        lease: seconds.
        disturbed: when the metadata database was last away, or cut off from runners; or we were kept from looking.
    """

    def __init__(self, world: World, front: Front, places: list[Place], lease: float) -> None:
        self.world = world
        self.front = front
        self.places = places
        self.lease = lease
        self.issues: list[Json] = []
        self.changes: dict[str, Change] = {}
        self.disturbed = 0.0
        self.tally = Tally([], [], [], [], [], Counter())
        self._stuck: set[int] = set()
        self._looked = 0.0

    @property
    def tasks(self) -> int:
        """How many were filed."""
        return len(self.issues) * len(self.places)

    async def file(self) -> None:
        """File one change for every database, once, however often it has to be sent."""
        version = f"c{len(self.issues)}"
        change = self.changes[version] = self.front.change(len(self.issues))
        body = {
            "project": PROJECT,
            "title": f"Change {version}",
            "release": {"changes": [{"version": version, "statement": change.statement}]},
            "targets": {"databases": [place.id for place in self.places]},
        }

        async def filed() -> Json:
            try:
                known = await self.world.sql("SELECT id FROM issue WHERE title = :title", title=body["title"])
            except TROUBLE:
                return {}
            if known:  # it was answered, but that got lost
                return {"id": known[0][0]}
            answer = await self.world.ana.post("/issues", json=body)
            assert answer.is_success or answer.status_code in LATER, answer.text[:2000]
            found: Json = answer.json() if answer.is_success else {}
            return found

        self.issues.append(await eventually(filed, PATIENCE, every=0.1, message=f"{version} is filed"))

    async def keep_busy(self) -> None:
        """File changes for as long as this is not cancelled; one that is being filed then is filed to its end.

        Whether a request that nobody waits for any more was carried out is not known, and we count what was.
        """

        async def room() -> bool:
            try:
                return await self.world.sql(
                    "SELECT count(*) <= :most FROM task WHERE status <> 'succeeded'",
                    most=(OUTSTANDING - 1) * len(self.places),
                ) == [(True,)]
            except TROUBLE:
                return False

        while True:
            await eventually(room, PATIENCE, every=0.1, message="there is less to do")
            filing = asyncio.create_task(self.file())
            try:
                await asyncio.shield(filing)
            except asyncio.CancelledError:
                await filing
                raise

    async def look_after(self) -> None:
        """Do what a person has to do, for as long as this is not cancelled."""
        while True:
            try:
                await self.settle()
                await self.retry()
                await self.watch()
            except TROUBLE:
                self.disturbed = time.monotonic()
            except AWAY:  # the target; it comes back
                pass
            await asyncio.sleep(0.2)

    async def settle(self) -> None:
        """Say of every task whose outcome is unknown what is true."""
        rows = await self.world.sql(
            "SELECT t.id, d.name, c.version, c.steps, t.failure FROM task t JOIN database d ON d.id = t.database_id"
            " JOIN release_change rc ON rc.release_id = t.release_id JOIN change c ON c.id = rc.change_id"
            " WHERE t.status = 'failed' AND t.failure ->> 'kind' = 'outcome_unknown'"
        )
        for task, name, version, steps, failure in rows:
            place = next(p for p in self.places if p.name == name)
            found = (await self.front.effects(place))[version]
            labels = ["+".join(step["kinds"]) for step in steps if step.get("undecidable")]
            if not labels:
                self.tally.unlabelled.append(f"{name} {version}: {failure}")
            outcome = "applied" if found else "not_applied"
            reason = f"There are {found} rows of it."
            if await self._ask(f"/tasks/{task}/settle", outcome=outcome, reason=reason):
                self.tally.unknown[f"{labels[0] if labels else 'not labelled'}: {outcome}"] += 1

    async def retry(self) -> None:
        """Try once more what was given up for its many lost runners."""
        for (task,) in await self.world.sql(
            "SELECT id FROM task WHERE status = 'failed' AND failure ->> 'kind' <> 'outcome_unknown'"
        ):
            await self._ask(f"/tasks/{task}/retry")

    async def _ask(self, path: str, **body: Any) -> bool:
        answer = await self.world.rita.post(path, json=body or None)
        assert answer.is_success or answer.status_code in LATER, answer.text[:2000]
        return answer.is_success

    async def watch(self) -> None:
        """Note tasks that keep a dead lease, unless the metadata database was away a moment ago."""
        rows = await self.world.sql(
            "SELECT id, attempt, status FROM task WHERE lease_until < now() - make_interval(secs => :most)",
            most=2 * self.lease,
        )
        now, before, self._looked = time.monotonic(), self._looked, time.monotonic()
        if now - before > self.lease / 2:  # everybody had to wait for the machine, and so had those who rescue
            self.disturbed = now
        if now - self.disturbed > 3 * self.lease:
            self.tally.stuck += [f"task {task}: {rest}" for task, *rest in rows if task not in self._stuck]
            self._stuck |= {row[0] for row in rows}

    async def over(self) -> bool:
        """Every task has ended well."""
        return await self.world.sql("SELECT count(*) FROM task WHERE status <> 'succeeded'") == [(0,)]

    async def unfinished(self) -> list[tuple[Any, ...]]:
        """What tasks that have not succeeded are at, for messages."""
        return await self.world.sql(
            "SELECT id, database_id, status, attempt, rescues, claimable, lease_until, run_at, failure, sent FROM task"
            " WHERE status <> 'succeeded' ORDER BY id LIMIT 20"
        )

    async def held(self, runners: Runners) -> list[Held]:
        """What runners that are awake have in hand right now."""
        try:
            tasks = await self.world.sql(
                "SELECT t.id, t.attempt, r.pid FROM task t JOIN runner r ON r.id = t.runner_id"
                " WHERE t.status IN ('scheduled', 'running', 'canceling') AND r.pid = ANY(:pids)",
                pids=runners.pids,
            )
        except TROUBLE:
            return []
        sessions = await self.front.sessions()
        found = []
        for task, attempt, pid in tasks:
            session = sessions.get(f"{task}:a{attempt}")
            phase, port = (session.phase, session.port) if session else ("claimed", 0)
            found.append(Held(task, attempt, pid, phase, port))
        return found

    async def attempts(self, tasks: list[int]) -> dict[int, int]:
        """How often tasks were tried, as soon as the metadata database answers."""

        async def asked() -> list[tuple[Any, ...]]:
            try:
                return await self.world.sql("SELECT id, attempt FROM task WHERE id = ANY(:ids)", ids=tasks)
            except TROUBLE:
                return []

        found: list[tuple[int, int]] = await eventually(asked, PATIENCE, every=0.1, message="tasks can be read")
        return dict(found)

    async def look(self) -> Tally:
        """Count what is there: one effect ⇔ one ledger row ⇔ the task succeeded, and nothing is left over."""
        tally, other = self.tally, self.tally.other
        statuses = await self.world.sql(
            "SELECT d.name, c.version, t.status, t.lease IS NULL, NOT t.claimable FROM task t"
            " JOIN database d ON d.id = t.database_id"
            " JOIN release_change rc ON rc.release_id = t.release_id JOIN change c ON c.id = rc.change_id"
        )
        for place in self.places:
            effects, rows = await self.front.effects(place), await self.front.ledger(place)
            for name, version, *facts in statuses:
                if name != place.name:
                    continue
                found, wanted = effects[version], self.changes[version].effects
                what = f"{name} {version}: {found} effects, not {wanted}"
                if found > wanted:
                    tally.twice.append(what)
                elif found < wanted:
                    tally.lost.append(what)
                if (facts, rows[version]) != (["succeeded", True, True], 1):
                    other.append(f"{name} {version}: {facts}, {rows[version]} ledger rows")
            other += [f"{place.name}: {found}" for found in await self.front.stray(place)]
        if len(statuses) != self.tasks:
            other.append(f"{len(statuses)} tasks, not {self.tasks}")
        if open_ := await self.world.sql("SELECT id, status FROM issue WHERE status <> 'done'"):
            other.append(f"issues {open_}")
        counters = await self.world.sql(
            "SELECT count(*) FROM stage s WHERE n_succeeded <> (SELECT count(*) FROM task t WHERE t.stage_id = s.id)"
        )
        if counters != [(0,)]:
            other.append("stage counters")
        return tally
