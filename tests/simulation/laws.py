"""What must be true in every world, at every moment and in the end (design 4.6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from penstock.store import queue, runs
from tests.simulation.target import Base, Session, Transaction

if TYPE_CHECKING:
    from tests.simulation.store import Task
    from tests.simulation.world import World

PROJECT = "shop"


class Broken(AssertionError):
    """A law is broken."""


class Laws:
    """Watches one world; it sees everything, and does nothing."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._begun: set[str] = set()  # attempts that have sent a statement
        self.first: str | None = None  # the law that was broken first; others may follow from it

    def broken(self, law: str) -> None:
        """Say so, and stop the world."""
        if self.first is None:
            self.first = law
            self._world.trace("LAW", "{}", law)
        raise Broken(law)

    # In the target.

    def works(self, session: Session) -> None:
        """One session at a time does anything about changes in a database."""
        for other in session.base.sessions.values():
            if other is not session and other.transaction is not None and other.transaction.works:
                self.broken(f"two sessions are at work in {session.base.name}: {other.name} and {session.name}")

    def ran(self, session: Session, version: str, part: str, text: str) -> None:
        """Nothing runs but what was approved."""
        if text not in self._world.approved:
            self.broken(f"{session.name} runs what nobody approved: {text}")

    def committed(self, session: Session, transaction: Transaction) -> None:
        """Effects once, with their row; and nobody has said before that there are none."""
        base = session.base
        for (version, part), times in base.effects.items():
            if times > 1:
                self.broken(f"{version}.{part} took effect {times} times in {base.name}")
        versions = {v for v, _ in transaction.effects} | {v for _, v in transaction.rows}
        for version in sorted(versions):
            self._whole(base, version)
        task = self._task_of(session.name)
        if versions and task is not None and task.status in ("failed", "canceled"):
            self.broken(f"{task.name} was said to be {task.status}, and {session.name} commits {sorted(versions)}")

    def _whole(self, base: Base, version: str) -> None:
        row = (PROJECT, version) in base.ledger
        parts = [base.effects[version, part] for part in self._world.parts[version]]
        if any(parts) and not row:
            self.broken(f"{version} took effect in {base.name} without a row in the ledger")
        if row and not all(parts):
            self.broken(f"the ledger of {base.name} has {version}, which took no effect")

    # On the way there.

    def sent(self, name: str, session: Session) -> None:
        """A statement is sent under a lease that holds, the first one with a permit that held when the lock was had."""
        task = self._task_of(name)
        if task is None:
            return
        now, attempt = self._world.timeline.now, int(name.rsplit(":a", 1)[1])
        held = task.attempt == attempt and task.lease is not None and task.lease_until > now
        if not held:
            self.broken(f"{name} sends a statement after its lease was lost")
        if name in self._begun:
            return
        self._begun.add(name)
        closed = not task.stage.open and task.status != "canceling"
        if closed and task.stage.closed_at < session.locked_at:
            self.broken(f"{name} begins without a permit, which was gone when it got the lock")

    def _task_of(self, name: str) -> Task | None:
        parts = name.split(":")
        return self._world.store.tasks[int(parts[2])] if len(parts) == 4 else None

    # In our own database.

    def after_transaction(self) -> None:
        """Limits, and one active task for each database."""
        store = self._world.store
        busy = [t for t in store.tasks.values() if t.busy]
        if len({t.slot for t in busy}) < len(busy):
            self.broken(f"two tasks are active on one database: {[t.name for t in busy]}")
        for instance_id, most in store.instances.items():
            if sum(t.instance_id == instance_id for t in busy) > most:
                self.broken(f"more than {most} tasks are active on instance {instance_id}")
        if store.most_in_environment is not None and len(busy) > store.most_in_environment:
            self.broken(f"more than {store.most_in_environment} tasks are active in the environment")

    def fenced(self, lost: Sequence[queue.Claimed]) -> None:
        """Only who holds the lease says how an attempt ended."""
        for claimed in lost:
            self.broken(f"{claimed.name} a{claimed.attempt} is written by a runner that has lost its lease")

    def said(self, ends: Sequence[runs.End]) -> None:
        """What is said of an attempt is true when it is said."""
        for end in ends:
            task = self._world.store.tasks[end.claimed.id]
            base = self._world.server.base(task.database)
            why = f" ({end.failure['code']})" if end.failure else ""
            about = (task.name, end.claimed.attempt, end.to, dict(end.changes), why)
            self._world.trace("store", "{} a{} ends: {} {}{}", *about)
            for version, state in end.changes.items():
                if state in ("applied", "already_applied") and (PROJECT, version) not in base.ledger:
                    self.broken(f"{task.name} is said to have applied {version}, and the ledger does not have it")
            if end.to == "succeeded":
                self._succeeded(task, base)

    def _succeeded(self, task: Task, base: Base) -> None:
        for version in self._world.releases[task.release_id]:
            if (PROJECT, version) not in base.ledger:
                self.broken(f"{task.name} is said to have succeeded, and {version} is not in the ledger")

    # In the end.

    def finally_(self) -> None:
        """All has ended, and what is said is what is."""
        for task in self._world.store.tasks.values():
            base = self._world.server.base(task.database)
            rows = [(PROJECT, version) in base.ledger for version in self._world.releases[task.release_id]]
            if task.status == "succeeded":
                self._succeeded(task, base)
            elif all(rows) and not self._world.shares(task):
                self.broken(f"{task.name} is {task.status}, and all of its changes are in the ledger")
        for base in self._world.server.bases.values():
            for version in {v for v, _ in base.effects} | {v for _, v in base.ledger}:
                self._whole(base, version)
