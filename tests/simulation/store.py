"""Our own database in memory: what a runner asks of it (`penstock.runtime.metadata.Metadata`), and what people do.

Each call is one transaction, which nothing comes between.  That it does what the statements on PostgreSQL do is tested
in ``tests/integration/runtime/test_simulated_store.py``.
"""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from penstock.domain.pipeline.status import ACTIVE, TRANSITIONS
from penstock.services.attempts import Ended, Taker
from penstock.store import queue, runs, standing, tasks

EPOCH: Final = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
CONNECTING: Final[Mapping[str, Any]] = {
    "engine": "postgres",
    "host": "target",
    "port": 5432,
    "username": "app",
    "dsn_env": None,
    "tls": "disable",
    "options": {},
    **dict.fromkeys(("key_id", "wrapped_key", "ciphertext")),
}


@dataclass
class Stage:
    """A stage with its gate."""

    id: int
    pipeline_id: int
    project_id: int
    open: bool = True
    closed_at: float = -1.0


@dataclass
class Task:
    """The task row."""

    id: int
    stage: Stage
    name: str
    instance_id: int
    database: str
    release_id: int
    timeout_seconds: int
    priority: int = 100
    status: str = "waiting"
    claimable: bool = False
    run_at: float = 0.0
    attempt: int = 0
    lease: bytes | None = None
    lease_until: float = 0.0
    runner_id: uuid.UUID | None = None
    cancel_requested: bool = False
    rescues: int = 0
    failures: int = 0
    sent: bool = False
    failure: Mapping[str, Any] | None = None
    changes: dict[str, str] = field(default_factory=dict)

    @property
    def slot(self) -> tuple[int, str]:
        """The place that it needs to be active."""
        return self.instance_id, self.database

    @property
    def busy(self) -> bool:
        """It has its place."""
        return self.claimable or self.status in ACTIVE

    @property
    def unknown(self) -> bool:
        """Nobody knows how it ended."""
        return self.status == "failed" and self.failure is not None and self.failure["kind"] == "outcome_unknown"


@dataclass
class Run:
    """The row of one attempt."""

    id: int
    task: Task
    attempt: int
    outcome: str | None = None


class Store:
    """All tables.

    Args:
        now: its clock.
        ready: NOTIFY for whoever could claim.
        canceled: NOTIFY for whoever works on a task.
        random_bytes: for leases.
    """

    def __init__(
        self,
        now: Callable[[], float],
        ready: Callable[[], None] = lambda: None,
        canceled: Callable[[int], None] = lambda task_id: None,
        random_bytes: Callable[[int], bytes] = lambda n: uuid.uuid4().bytes[:n],
    ) -> None:
        self.now, self._ready, self._canceled, self._random_bytes = now, ready, canceled, random_bytes
        self.tasks: dict[int, Task] = {}
        self.runs: dict[int, Run] = {}
        self.instances: dict[int, int] = {}  # id -> how many at once
        self.most_in_environment: int | None = None
        self._served: dict[int, float] = {}  # project -> when
        self._run_ids = itertools.count(1)

    # What people do.

    def add(self, task: Task) -> None:
        """File a task."""
        self.tasks[task.id] = task
        self.advance(task.stage)

    def set_gate(self, stage: Stage, *, is_open: bool) -> None:
        """Open or close a stage."""
        if stage.open and not is_open:
            stage.closed_at = self.now()
        stage.open = is_open
        self.advance(stage)

    def in_doubt(self, task: Task) -> bool:
        """See `store.tasks.IN_DOUBT`."""
        last = [run.outcome for run in self.runs.values() if run.task is task and run.attempt == task.attempt]
        return task.status in ("waiting", "ready") and task.sent and last[0] in ("interrupted", "retried")

    def cancel(self, task: Task) -> None:
        """Cancel a task, if it is not over and not in doubt."""
        if self.in_doubt(task):
            return
        if task.status in ("waiting", "ready"):
            self._move(task, "canceled")
        elif task.status in ("scheduled", "running"):
            task.cancel_requested = True
            self._move(task, "canceling")
            self._canceled(task.id)
        self.advance(task.stage)

    def retry(self, task: Task) -> None:
        """Try a failed or canceled task once more."""
        if task.status in ("failed", "canceled") and not task.unknown:
            self._move(task, "waiting")
            self.advance(task.stage)

    def advance(self, stage: Stage) -> None:
        """What its gate allows."""
        for task in list(self.tasks.values()):
            if task.stage is stage and stage.open and task.status == "waiting":
                task.run_at = self.now()
                self._move(task, "ready")
            elif task.stage is stage and not stage.open and task.status == "ready":
                self._move(task, "waiting")

    # What runners and the reaper do.

    def take(self, runner_id: uuid.UUID, limit: int, lease_seconds: float) -> list[queue.Claimed]:
        """See `store.queue.claim`."""
        return self._start(self._candidates(min(limit, queue.MAX_CLAIM)), runner_id, lease_seconds)

    def _candidates(self, most: int) -> list[Task]:
        found = [t for t in self.tasks.values() if t.claimable and t.run_at <= self.now() and t.stage.open]
        found.sort(key=lambda t: (t.priority, self._served.get(t.stage.project_id, -1.0), t.run_at, t.id))
        return found[:most]

    def _start(self, found: Sequence[Task], runner_id: uuid.UUID, lease_seconds: float) -> list[queue.Claimed]:
        claims = []
        for task in sorted(found, key=lambda t: t.id):
            since = task.failure.get("since") if task.failure else None
            waited = self.now() - task.run_at
            self._move(task, "scheduled")
            self._move(task, "running")
            task.failure = None
            claims.append(self._claimed(task, runner_id, lease_seconds, waited=waited, since=since, proof_only=False))
        for task in found:
            self._served[task.stage.project_id] = self.now()
        return claims

    def _claimed(
        self,
        task: Task,
        runner_id: uuid.UUID,
        lease_seconds: float,
        *,
        waited: float,
        since: str | None,
        proof_only: bool,
    ) -> queue.Claimed:
        task.attempt += 1
        task.lease, task.runner_id = self._random_bytes(16), runner_id
        task.lease_until = self.now() + lease_seconds
        run = Run(next(self._run_ids), task, task.attempt)
        self.runs[run.id] = run
        return queue.Claimed(
            id=task.id,
            attempt=task.attempt,
            lease=task.lease,
            run_id=run.id,
            pipeline_id=task.stage.pipeline_id,
            issue_id=task.stage.pipeline_id,
            stage_id=task.stage.id,
            type="database.change",
            name=task.name,
            instance_id=task.instance_id,
            database_id=task.id,
            release_id=task.release_id,
            project_id=task.stage.project_id,
            project="shop",
            engine="postgres",
            environment="dev",
            database=task.database,
            actor="ana@example.com",
            timeout_seconds=task.timeout_seconds,
            rescues=task.rescues,
            failures=task.failures,
            sent=task.sent,
            waited=waited,
            unreachable_since=since,
            canceling=task.status == "canceling",
            proof_only=proof_only or task.rescues >= queue.MAX_RESCUES,
            connecting=CONNECTING,
        )

    def take_over(self, runner_id: uuid.UUID, limit: int, lease_seconds: float) -> list[queue.Claimed]:
        """See `store.queue.claim_abandoned`."""
        lost = [t for t in self.tasks.values() if t.status == "canceling" and t.lease_until < self.now()]
        lost.sort(key=lambda t: t.lease_until)
        for task in lost[:limit]:
            self._end_run(task, "interrupted")
        return [
            self._claimed(
                task,
                runner_id,
                lease_seconds,
                waited=0.0,
                since=task.failure.get("since") if task.failure else None,
                proof_only=True,
            )
            for task in sorted(lost[:limit], key=lambda t: t.id)
        ]

    def standings(self, claims: Sequence[queue.Claimed]) -> dict[bytes, standing.Standing]:
        """See `store.standing.standings`."""
        found = {}
        for claimed in claims:
            task = self._held(claimed)
            holds = task is not None and task.lease_until > self.now()
            permitted = task is not None and (task.status == "canceling" or task.stage.open)
            found[claimed.lease] = standing.Standing(holds, permitted)
        return found

    def _held(self, claimed: queue.Claimed) -> Task | None:
        """The fence."""
        task = self.tasks[claimed.id]
        ours = (task.attempt, task.lease) == (claimed.attempt, claimed.lease)
        return task if ours and task.status in ACTIVE else None

    def append_log(self, claimed: queue.Claimed) -> bool:
        """See `store.runs.append_log`; what is logged, nobody reads here."""
        return self._held(claimed) is not None

    def end(self, pipeline_id: int, ends: Sequence[runs.End], taker: Taker | None, *, turn: bool = True) -> Ended:
        """See `services.attempts.Attempts.end`.

        Args:
            turn: nobody else is claiming at this moment.
        """
        written: list[queue.Claimed] = []
        for end in sorted(ends, key=lambda e: e.to != "succeeded"):
            task = self._held(end.claimed)
            sources = {"ready": ("running", "scheduled"), "canceled": ("canceling",)}.get(
                end.to, ("running", "canceling")
            )
            if task is None or task.status not in sources:
                continue
            self._end_run(task, _OUTCOMES[end.to])
            for version, state in end.changes.items():
                if (task.changes.get(version), state) != ("applied", "already_applied"):
                    task.changes[version] = state
            task.sent = task.sent or (end.sent and end.to != "succeeded")
            if end.to == "ready":
                task.run_at = self.now() + end.delay
                task.failures += 1
            task.failure = end.failure
            self._move(task, end.to, told=end.to != "succeeded")
            written.append(end.claimed)
        stages = {c.stage_id: self.tasks[c.id].stage for c in written}
        for stage in stages.values():
            if any(e.to == "ready" and e.claimed in written for e in ends):
                self.advance(stage)
        following = queue.Next([], left=True)
        if taker is not None and taker.room > 0:
            following = self._claim_next(pipeline_id, taker, turn)
        if following.left and any(t.claimable for t in self.tasks.values()):
            self._ready()
        return Ended(written, following, 0.0)

    def _claim_next(self, pipeline_id: int, taker: Taker, turn: bool) -> queue.Next:
        limit = min(taker.room, queue.MAX_CLAIM)
        if not turn:
            return queue.Next([], left=True)
        found = self._candidates(limit + 1)
        own = [t for t in found[:limit] if t.stage.pipeline_id == pipeline_id]
        claims = self._start(own, taker.runner_id, taker.lease_seconds)
        return queue.Next(claims, left=len(claims) < len(found))

    def beat(self, runner_id: uuid.UUID, held: Mapping[int, bytes], lease_seconds: float) -> dict[int, bool]:
        """See `store.queue.beat`."""
        ours = {}
        for task_id, lease in held.items():
            task = self.tasks[task_id]
            if task.runner_id == runner_id and task.status in ACTIVE and task.lease == lease:
                task.lease_until = self.now() + lease_seconds
                ours[task_id] = task.cancel_requested
        return ours

    def sweep(self) -> tasks.Swept:
        """See `store.tasks.sweep`."""
        due: dict[int, dt.datetime] = {}
        everything = self.tasks.values()
        busy_slots = {t.slot for t in everything if t.busy}
        unknown = {t.slot for t in everything if t.unknown}
        unresolved = {t.slot for t in everything if t.status == "ready" and t.sent}
        everywhere = sum(t.busy for t in everything)
        for instance_id, most in self.instances.items():
            own = [t for t in everything if t.instance_id == instance_id]
            full = self.most_in_environment is not None and everywhere >= self.most_in_environment
            if sum(t.busy for t in own) >= most or full:
                continue
            first = [
                t.run_at
                for t in own
                if t.status == "ready"
                and not t.claimable
                and t.run_at <= self.now()
                and t.slot not in busy_slots
                and t.slot not in unknown
                and (t.sent or t.slot not in unresolved)
            ]
            if first:
                due[instance_id] = EPOCH + dt.timedelta(seconds=min(first))
        promoted = sum(self.promote(instance_id) for instance_id in sorted(due))
        return tasks.Swept(promoted, due, EPOCH + dt.timedelta(seconds=self.now()))

    def expired(self, limit: int) -> dict[int, list[int]]:
        """See `store.queue.expired`."""
        lost = [t for t in self.tasks.values() if t.status in ("scheduled", "running") and t.lease_until < self.now()]
        found: dict[int, list[int]] = {}
        for task in sorted(lost, key=lambda t: t.lease_until)[:limit]:
            found.setdefault(task.stage.pipeline_id, []).append(task.id)
        return found

    def rescue(self, pipeline_id: int, task_ids: Sequence[int]) -> int:
        """See `store.queue.rescue`."""
        rescued = 0
        for task_id in sorted(task_ids):
            task = self.tasks[task_id]
            if task.status not in ("scheduled", "running") or task.lease_until >= self.now():
                continue
            self._end_run(task, "interrupted")
            task.sent = task.sent or task.status == "running"
            task.rescues += 1
            task.run_at = self.now()
            self._move(task, "ready")
            self.advance(task.stage)
            rescued += 1
        return rescued

    # What both do.

    def _end_run(self, task: Task, outcome: str) -> None:
        for run in self.runs.values():
            if run.task is task and run.attempt == task.attempt and run.outcome is None:
                run.outcome = outcome

    def _move(self, task: Task, to: str, *, told: bool = True) -> None:
        """See `store.tasks.Move`: a status changes, and what follows from it."""
        assert to in TRANSITIONS[task.status], f"{task.name}: {task.status} -> {to}"
        had_place = task.busy or task.status == "ready"
        task.status = to
        if to not in ACTIVE:
            task.lease, task.runner_id = None, None
        task.claimable = False
        if to != "canceling":
            task.cancel_requested = False
        if to in ("succeeded", "waiting"):
            task.failure = None
        if to == "waiting":
            task.rescues = task.failures = 0
        if to not in ACTIVE and (to == "ready" or had_place):
            promoted = self.promote(task.instance_id)
            if promoted and told:
                self._ready()

    def promote(self, instance_id: int) -> int:
        """See `store.tasks.promote`."""
        promoted = 0
        while True:
            head = self._head(instance_id)
            first: dict[tuple[int, str], Task] = {}
            for task in head:
                first.setdefault(task.slot, task)
            for task in first.values():
                task.claimable = True
            promoted += len(first)
            if len(head) == len(first):
                return promoted

    def _head(self, instance_id: int) -> list[Task]:
        scope = [instance_id] if self.most_in_environment is None else sorted(self.instances)
        within = [t for t in self.tasks.values() if t.instance_id in scope]
        busy = [t for t in within if t.busy]
        barred = {t.slot for t in within if t.unknown or t.busy}
        unresolved = {t.slot for t in within if t.status == "ready" and t.sent}
        head: list[Task] = []
        for one in scope:
            room = self.instances[one] - sum(t.instance_id == one for t in busy)
            own = [
                t
                for t in within
                if t.instance_id == one
                and t.status == "ready"
                and not t.claimable
                and t.run_at <= self.now()
                and t.slot not in barred
                and (t.sent or t.slot not in unresolved)
            ]
            own.sort(key=_order)
            head += own[: max(room, 0)]
        head.sort(key=_order)
        if self.most_in_environment is not None:
            head = head[: max(self.most_in_environment - len(busy), 0)]
        return head


def _order(task: Task) -> tuple[int, float, int]:
    return task.priority, task.run_at, task.id


_OUTCOMES: Final = {"succeeded": "succeeded", "failed": "failed", "canceled": "canceled", "ready": "retried"}
