"""The store of the simulation does what ours does on PostgreSQL: both take the same steps, compared after each."""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from typing import Any, Final, Protocol

import pytest

from penstock.engines.base import Failure
from penstock.runtime.work.base import shown
from penstock.services.attempts import Attempts, Taker
from penstock.store import queue, runs, tasks
from tests.builders import Json, World
from tests.integration.runtime.test_places import databases, file
from tests.simulation.store import Stage, Store, Task

LEASE: Final = 600.0
PATIENCE: Final = 1.0
RUNNERS: Final = tuple(uuid.UUID(int=n) for n in (1, 2))
FAILED: Final = shown(Failure("statement", "42601", "The database said no."))
UNKNOWN: Final = shown(Failure("outcome_unknown", "undecidable", "Nobody can tell."))
Step = tuple[Any, ...]
Seen = list[tuple[Any, ...]]

# A place is a database, by number: even ones are on one instance, odd ones on another.  A task is its number.
LISTED: Final[dict[str, list[Step]]] = {
    "one after the other on one database": [
        ("file", 0, 1),
        ("file", 0),
        ("take", 0, 16),
        ("end", 0, "succeeded", 0),
        ("take", 1, 16),
        ("end", 2, "succeeded", 0),
        ("end", 1, "succeeded", 0),
    ],
    "what ends makes room, and takes up what comes next of its own": [
        ("limit", 1),
        ("file", 0, 2, 1),
        ("file", 0, 3),
        ("take", 0, 1),
        ("end", 0, "succeeded", 2),
        ("end", 1, "failed", 2),
        ("take", 1, 16),
    ],
    "an environment with few places": [
        ("most", 1),
        ("file", 0, 1),
        ("file", 2),
        ("take", 0, 16),
        ("end", 0, "succeeded", 0),
        ("take", 0, 16),
        ("end", 1, "succeeded", 4),
        ("most", None),
    ],
    "a lost runner, and one that comes back too late": [
        ("file", 0),
        ("take", 0, 1),
        ("expire", 0),
        ("standings",),
        ("reap",),
        ("beat", 0),
        ("cancel", 0),  # nobody knows how it ended
        ("take", 1, 1),
        ("stale", 0, "succeeded"),
        ("log", 0),
        ("end", 0, "succeeded", 0),
    ],
    "a lease that is extended is not rescued": [
        ("file", 0),
        ("take", 0, 1),
        ("expire", 0),
        ("beat", 0),
        ("reap",),
        ("standings",),
    ],
    "canceled while it runs, and while its runner is lost": [
        ("file", 0, 1),
        ("take", 0, 16),
        ("cancel", 0),
        ("cancel", 1),
        ("beat", 0),
        ("end", 0, "canceled", 0),
        ("expire", 1),
        ("reap",),
        ("take over", 1),
        ("stale", 1, "canceled"),
        ("end", 1, "succeeded", 0),
        ("retry", 0),
        ("take", 1, 16),
    ],
    "a gate that closes": [
        ("file", 0, 1),
        ("take", 0, 1),
        ("close", 0),
        ("standings",),
        ("take", 1, 16),
        ("expire", 0),
        ("reap",),
        ("open", 0),
        ("take", 1, 16),
    ],
    "tried again later, which others wait for when something was sent": [
        ("file", 0),
        ("file", 0),
        ("take", 0, 1),
        ("end", 0, "ready", 0),
        ("take", 0, 1),
        ("end", 0, "later", 0),
        ("take", 0, 16),
        ("sweep",),
    ],
    "five lost runners": [
        ("file", 0),
        *(step for _ in range(5) for step in (("take", 0, 1), ("expire", 0), ("reap",))),
        ("take", 0, 1),
        ("end", 0, "failed", 0),
        ("retry", 0),
    ],
    "nothing else runs where nobody knows": [
        ("file", 0),
        ("file", 0),
        ("take", 0, 1),
        ("end", 0, "unknown", 0),
        ("retry", 0),
        ("take", 0, 1),
        ("sweep",),
    ],
}


class Side(Protocol):
    """One of the two."""

    metadata: Any

    async def file(self, places: Sequence[int]) -> None:
        """File a pipeline with a task for each place."""

    async def act(self, verb: str, number: int) -> None:
        """What a person does to a task (cancel, retry) or a pipeline (close, open), if it may be done."""

    async def set_limit(self, instance: int | None, environment: int | None) -> None:
        """How many tasks may be active on each instance, and in the environment."""

    async def expire(self, number: int) -> None:
        """Let the lease of a task run out."""

    async def look(self) -> Seen:
        """What is known of each task, and of each attempt."""

    def number(self, claimed: queue.Claimed) -> int:
        """The number of a claimed task."""


class Real:
    """Our own database, on PostgreSQL."""

    def __init__(self, world: World, places: Sequence[int]) -> None:
        self._world, self._places = world, places
        self._issues: list[Json] = []
        self.metadata = Attempts(world.database)

    async def file(self, places: Sequence[int]) -> None:
        self._issues.append(await file(self._world, [self._places[p] for p in places]))

    async def act(self, verb: str, number: int) -> None:
        if verb in ("cancel", "retry"):
            path, body = f"/tasks/{(await self._ids())[number]}/{verb}", {}
        else:
            path = f"/pipelines/{self._issues[number]['pipeline']['id']}/{'hold' if verb == 'close' else 'resume'}"
            body = {"reason": "Now."} if verb == "close" else {}
        answer = await self._world.rita.request("POST", path, json=body)
        assert answer.status_code in (200, 201, 204, 409), answer.text

    async def _ids(self) -> list[int]:
        return [row[0] for row in await self._world.sql("SELECT id FROM task ORDER BY id")]

    async def set_limit(self, instance: int | None, environment: int | None) -> None:
        if instance is not None:
            await self._world.sql(
                "UPDATE instance SET max_running_tasks = :most WHERE slug LIKE 'pg-many-%'", most=instance
            )
        else:
            await self._world.ada.ok("PATCH", "/environments/dev", max_running_tasks=environment)

    async def expire(self, number: int) -> None:
        await self._world.sql(
            "UPDATE task SET lease_until = now() - interval '1 second' WHERE id = :id AND lease IS NOT NULL",
            id=(await self._ids())[number],
        )

    async def look(self) -> Seen:
        tasks = await self._world.sql(
            "SELECT status, claimable, attempt, rescues, failures, sent, lease IS NOT NULL,"
            " cancel_requested_at IS NOT NULL, failure ->> 'kind' FROM task ORDER BY id"
        )
        attempts = await self._world.sql(
            "SELECT rank, attempt, outcome FROM task_run JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS rank"
            " FROM task) t ON t.id = task_id ORDER BY rank, attempt"
        )
        return [tuple(row) for row in (*tasks, *attempts)]

    def number(self, claimed: queue.Claimed) -> int:
        return self._numbers[claimed.id]

    async def learn(self) -> None:
        """Ids of tasks, which ``number`` needs."""
        self._numbers = {task_id: number for number, task_id in enumerate(await self._ids())}

    _numbers: dict[int, int]


class Simulated:
    """The one in memory."""

    def __init__(self) -> None:
        self._now = 0.0
        self.store = Store(self._tick)
        self.store.instances = {0: 8, 1: 8}
        self._stages: list[Stage] = []
        self.metadata = _Straight(self.store)

    def _tick(self) -> float:
        return self._now

    async def file(self, places: Sequence[int]) -> None:
        stage = Stage(len(self._stages), len(self._stages), 1)
        self._stages.append(stage)
        for place in sorted(places, key=lambda p: (p % 2, p)):  # by instance
            number = len(self.store.tasks)
            self.store.add(Task(number, stage, f"{number}", place % 2, f"d{place}", 1, 3600))

    async def act(self, verb: str, number: int) -> None:
        if verb in ("cancel", "retry"):
            getattr(self.store, verb)(self.store.tasks[number])
        else:
            self.store.set_gate(self._stages[number], is_open=verb == "open")

    async def set_limit(self, instance: int | None, environment: int | None) -> None:
        if instance is not None:
            self.store.instances = dict.fromkeys(self.store.instances, instance)
        else:
            self.store.most_in_environment = environment
            for one in self.store.instances:
                self.store.promote(one)

    async def expire(self, number: int) -> None:
        self.store.tasks[number].lease_until = self._now - 1

    async def look(self) -> Seen:
        self._now += 0.001
        tasks: Seen = [
            (
                *(t.status, t.claimable, t.attempt, t.rescues, t.failures, t.sent, t.lease is not None),
                *(t.cancel_requested, t.failure["kind"] if t.failure else None),
            )
            for t in self.store.tasks.values()
        ]
        attempts = sorted((r.task.id, r.attempt, r.outcome) for r in self.store.runs.values())
        return tasks + attempts

    def number(self, claimed: queue.Claimed) -> int:
        return claimed.id

    async def learn(self) -> None:
        """It knows."""


class _Straight:
    """The store as `penstock.runtime.metadata.Metadata`, without a network."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        async def call(*given: Any) -> Any:
            return getattr(self._store, name)(*given)

        return call

    async def end(self, pipeline_id: int, ends: Sequence[runs.End], taker: Taker | None = None) -> Any:
        return self._store.end(pipeline_id, ends, taker)

    async def rescue(self, pipeline_id: int, task_ids: Sequence[int], _: float) -> int:
        return self._store.rescue(pipeline_id, task_ids)

    async def sweep(self, _: float) -> tasks.Swept:
        return self._store.sweep()

    async def append_log(self, claimed: queue.Claimed, *_: object) -> bool:
        return self._store.append_log(claimed)


class Walk:
    """Takes steps on one side, and remembers what runners hold there."""

    def __init__(self, side: Any) -> None:
        self._side = side
        self._held: dict[int, queue.Claimed] = {}  # by task, the last claim of it
        self._old: dict[int, queue.Claimed] = {}

    async def take(self, step: Step) -> Any:
        """Take a step; answers all that it shows."""
        name, *given = step
        answer = await getattr(self, "_" + name.replace(" ", "_"))(*given)
        return name, answer, await self._side.look()

    async def _file(self, *places: int) -> None:
        await self._side.file(places)
        await self._side.learn()

    async def _limit(self, most: int) -> None:
        await self._side.set_limit(most, None)

    async def _most(self, most: int | None) -> None:
        await self._side.set_limit(None, most)

    async def _take(self, runner: int, room: int) -> Seen:
        return self._claimed(await self._side.metadata.take(RUNNERS[runner], room, LEASE))

    async def _take_over(self, runner: int) -> Seen:
        return self._claimed(await self._side.metadata.take_over(RUNNERS[runner], 16, LEASE))

    def _claimed(self, claims: Sequence[queue.Claimed]) -> Seen:
        for claimed in claims:
            number = self._side.number(claimed)
            if number in self._held:
                self._old[number] = self._held[number]
            self._held[number] = claimed
        facts = ("attempt", "proof_only", "canceling", "sent", "rescues", "failures", "unreachable_since")
        return [(self._side.number(c), *(getattr(c, fact) for fact in facts)) for c in claims]

    async def _end(self, number: int, word: str, room: int) -> Any:
        if number not in self._held:
            return None
        return await self._say(self._held[number], word, room)

    async def _stale(self, number: int, word: str) -> Any:
        return await self._say(self._old[number], word, 0) if number in self._old else None

    async def _say(self, claimed: queue.Claimed, word: str, room: int) -> Any:
        to: Any = {"later": "ready", "unknown": "failed"}.get(word, word)
        end = runs.End(
            claimed,
            to,
            {"failed": FAILED, "unknown": UNKNOWN}.get(word),
            {"failed": "failed", "unknown": "error"}.get(word),  # type: ignore[arg-type]  # literals
            delay=3600.0 if word == "later" else 0.0,
            sent=word != "ready",
        )
        taker = Taker(RUNNERS[0], room, LEASE) if room else None
        ended = await self._side.metadata.end(claimed.pipeline_id, [end], taker)
        return len(ended.written), self._claimed(ended.following.claims), ended.following.left

    async def _expire(self, number: int) -> None:
        await self._side.expire(number)

    async def _reap(self) -> int:
        found = await self._side.metadata.expired(100)
        return sum(
            [await self._side.metadata.rescue(pipeline, ids, PATIENCE) for pipeline, ids in sorted(found.items())]
        )

    async def _beat(self, runner: int) -> dict[int, bool]:
        held = {c.id: c.lease for c in self._held.values()}
        found = await self._side.metadata.beat(RUNNERS[runner], held, LEASE)
        return {number: found[c.id] for number, c in sorted(self._held.items()) if c.id in found}

    async def _standings(self) -> Seen:
        found = await self._side.metadata.standings(list(self._held.values()))
        return [(number, found[c.lease]) for number, c in sorted(self._held.items())]

    async def _log(self, number: int) -> bool | None:
        if number not in self._old:
            return None
        return bool(await self._side.metadata.append_log(self._old[number], [], None, []))

    async def _sweep(self) -> int:
        swept = await self._side.metadata.sweep(PATIENCE)
        assert swept is not None
        return int(swept.promoted)

    async def _cancel(self, number: int) -> None:
        await self._side.act("cancel", number)

    async def _retry(self, number: int) -> None:
        await self._side.act("retry", number)

    async def _close(self, pipeline: int) -> None:
        await self._side.act("close", pipeline)

    async def _open(self, pipeline: int) -> None:
        await self._side.act("open", pipeline)


async def compare(world: World, steps: Sequence[Step]) -> None:
    """Take the steps on both sides."""
    for number, runner in enumerate(RUNNERS):
        await Attempts(world.database).register(runner, f"runner{number}", 1)
    real, simulated = Walk(Real(world, await databases(world, 2))), Walk(Simulated())
    for at, step in enumerate(steps):
        ours, theirs = await real.take(step), await simulated.take(step)
        assert theirs == ours, f"after {list(steps[: at + 1])}"


@pytest.mark.parametrize("steps", LISTED.values(), ids=LISTED)
async def test_both_do_the_same(calm: World, steps: Sequence[Step]) -> None:
    await compare(calm, steps)


def wander(chance: random.Random, length: int) -> list[Step]:
    """Steps without a plan."""
    steps: list[Step] = [("limit", chance.choice((1, 2))), ("file", 0, 1, 2), ("file", 0, 3)]
    pipelines, tasks = 2, 5
    for _ in range(length):
        name = chance.choices(
            ("take", "end", "expire", "reap", "beat", "standings", "cancel", "retry", "close", "open", "take over"),
            (20, 30, 8, 8, 3, 3, 6, 8, 4, 6, 4),
        )[0]
        number = chance.randrange(tasks)
        if name == "take":
            steps.append((name, chance.randrange(2), chance.choice((1, 2, 16))))
        elif name == "end":
            word = chance.choice(("succeeded", "failed", "canceled", "ready", "later"))
            steps.append((name, number, word, chance.choice((0, 1, 3))))
        elif name in ("expire", "cancel", "retry"):
            steps.append((name, number))
        elif name in ("close", "open"):
            steps.append((name, chance.randrange(pipelines)))
        elif name in ("beat", "take over"):
            steps.append((name, chance.randrange(2)))
        else:
            steps.append((name,))
        if chance.random() < 0.05:
            steps.append(("most", chance.choice((1, 2, None))))
        if chance.random() < 0.08:
            steps += [("stale", number, "succeeded"), ("log", number), ("sweep",)]
    return steps


@pytest.mark.parametrize("seed", range(6))
async def test_both_do_the_same_without_a_plan(calm: World, seed: int) -> None:
    await compare(calm, wander(random.Random(seed), 60))
