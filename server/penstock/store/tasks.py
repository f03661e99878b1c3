"""The one writer of a task's status: every move goes through here, with the slots it frees and the counters it changes.

Lock order is pipeline, stage, slot, tasks.  Whoever calls has the pipeline's row lock; only ``promote`` touches
tasks of other
pipelines, and there nothing but ``claimable``.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.pipeline.status import ACTIVE, TRANSITIONS, counter
from penstock.store.tables.pipelines import slot, task

READY_CHANNEL: Final = "penstock_ready"
CANCEL_CHANNEL: Final = "penstock_cancel"


@dataclass(frozen=True, slots=True)
class Moved:
    """One task that changed its status."""

    id: int
    name: str
    stage_id: int
    instance_id: int
    attempt: int
    before: str
    after: str


def instance_slot(instance_id: int) -> str:
    """The row that guards how many tasks of an instance may be active, and thereby every slot of its databases."""
    return f"i:{instance_id}"


def slot_key(instance_id: int, database_id: int | None, task_type: str) -> str:
    """The one place that a task needs to be active: its database's, or its instance's for tasks without a database."""
    return f"d:{database_id}" if database_id is not None else f"i:{instance_id}:{task_type}"


async def ensure_slots(conn: AsyncConnection, keys: Iterable[str]) -> None:
    """Make the slot rows that new tasks refer to."""
    rows = [{"key": key} for key in sorted(set(keys))]
    if rows:
        await conn.execute(postgresql.insert(slot).on_conflict_do_nothing(), rows)


_LOCK_SLOTS: Final = (
    sa.select(slot.c.key)
    .where(slot.c.key == sa.any_(sa.bindparam("keys", type_=postgresql.ARRAY(sa.Text))))
    .order_by(slot.c.key)
    .with_for_update(key_share=True)
)


async def lock_slots(conn: AsyncConnection, instance_ids: Iterable[int]) -> None:
    """Lock the instances' slot rows, as a statement of its own: what follows must see what the last holder
    committed."""
    keys = sorted({instance_slot(i) for i in instance_ids})
    if keys:
        await conn.execute(_LOCK_SLOTS, {"keys": keys})


def has_status(statuses: Iterable[str]) -> sa.ColumnElement[bool]:
    """The task has one of these statuses, spelled so that partial indexes are seen to fit."""
    return task.c.status.in_([sa.literal_column(f"'{status}'") for status in statuses])


class Move:
    """One kind of move, with its statements built once: building them costs more than a server takes to run them.

    Args:
        to: the new status.
        conditions: which tasks; usually with the fence (attempt and lease).
        sources: statuses to move from; all that the state machine allows when None.
        values: further columns to write.

    Conditions and values may hold bind parameters, which are given to ``run``.
    """

    def __init__(
        self,
        to: str,
        *conditions: sa.ColumnElement[bool],
        sources: Collection[str] | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> None:
        legal = [s for s, targets in TRANSITIONS.items() if to in targets and (sources is None or s in sources)]
        wanted = [has_status(legal), *conditions]
        self._to = to
        # What is claimable or active has its place already, and keeps it on the way to another active status.
        self._gives_place = to not in ACTIVE
        self._locks = self._gives_place and (
            to == "ready" or not {"waiting", "failed", "canceled", "skipped"}.issuperset(legal)
        )
        self._instances = sa.select(task.c.instance_id).where(*wanted).distinct()
        if self._locks:
            locked = sa.bindparam("move_instances", type_=postgresql.ARRAY(sa.BigInteger))
            wanted.append(task.c.instance_id == sa.any_(locked))  # no other slot is locked
        old = (
            sa.select(task.c.id, task.c.status, task.c.skip_reason, task.c.failure_class)
            .where(*wanted)
            .order_by(task.c.id)
            .with_for_update()
            .cte("old")
        )
        self._update = (
            sa.update(task)
            .where(task.c.id == old.c.id)
            .values({**_implied(to), **(values or {}), "status": to})
            .returning(
                task.c.id,
                task.c.name,
                task.c.stage_id,
                task.c.instance_id,
                task.c.attempt,
                task.c.skip_reason,
                task.c.failure_class,
                old.c.status.label("old_status"),
                old.c.skip_reason.label("old_skip_reason"),
                old.c.failure_class.label("old_failure_class"),
            )
        )

    async def run(
        self,
        conn: AsyncConnection,
        given: Mapping[str, Any] | None = None,
        *,
        instances: Collection[int] | None = None,
    ) -> list[Moved]:
        """Move every task that meets the conditions and may legally move.

        Args:
            given: values of bind parameters.
            instances: those of the tasks in question, if the caller knows them; they are looked up otherwise.

        Returns:
            What moved.  Fewer than expected means that somebody else was first.
        """
        given = dict(given or {})
        if self._locks:
            if instances is None:
                instances = (await conn.scalars(self._instances, given)).all()
            if not instances:
                return []
            await lock_slots(conn, instances)
            given["move_instances"] = list(instances)
        rows = (await conn.execute(self._update, given)).all()
        deltas: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for row in rows:
            deltas[row.stage_id][counter(row.old_status, row.old_skip_reason, row.old_failure_class)] -= 1
            deltas[row.stage_id][counter(self._to, row.skip_reason, row.failure_class)] += 1
        for stage_id, delta in sorted(deltas.items()):
            await _count(conn, stage_id, {name: n for name, n in sorted(delta.items()) if n})
        if self._gives_place:
            freed = {r.instance_id for r in rows if self._to == "ready" or r.old_status in ("ready", *ACTIVE)}
            await promote(conn, freed)
        return [Moved(r.id, r.name, r.stage_id, r.instance_id, r.attempt, r.old_status, self._to) for r in rows]


async def move(
    conn: AsyncConnection,
    to: str,
    *conditions: sa.ColumnElement[bool],
    sources: Collection[str] | None = None,
    values: Mapping[str, Any] | None = None,
) -> list[Moved]:
    """Move every task that meets the conditions and may legally move; see `Move`."""
    return await Move(to, *conditions, sources=sources, values=values).run(conn)


async def _count(conn: AsyncConnection, stage_id: int, delta: Mapping[str, int]) -> None:
    """Add to a stage's counters."""
    if delta:
        changed = ", ".join(f"n_{name} = n_{name} + :{name}" for name in delta)
        await conn.execute(sa.text(f"UPDATE stage SET {changed} WHERE id = :stage"), {**delta, "stage": stage_id})


def _implied(to: str) -> dict[str, Any]:
    """Columns that follow from the new status."""
    implied: dict[str, Any] = {}
    if to not in ACTIVE:
        implied |= {"lease": None, "lease_until": None, "runner_id": None, "waiting_on": None}
    if to != "ready":
        implied["claimable"] = False
    if to != "canceling":
        implied |= {"cancel_requested_at": None, "cancel_requested_by": None}
    if to != "skipped":
        implied |= {"skip_reason": None, "skip_note": None}
    if to != "failed":
        implied["failure_class"] = None
    if to in ("succeeded", "waiting", "skipped"):
        implied["failure"] = sa.null()
    if to in ("succeeded", "failed", "canceled", "skipped"):
        implied["ended_at"] = sa.func.statement_timestamp()
    if to == "waiting":
        implied |= {"ended_at": None, "started_at": None, "progress": None, "rescues": 0, "failures": 0}
    return implied


_PROMOTE: Final = sa.text(
    """
    WITH busy AS MATERIALIZED (
        SELECT slot_key FROM task
        WHERE instance_id = :instance AND (claimable OR status IN ('scheduled', 'running', 'canceling'))
    ), head AS MATERIALIZED (
        SELECT id, slot_key, priority, run_at FROM task
        WHERE instance_id = :instance AND status = 'ready' AND NOT claimable AND run_at <= statement_timestamp()
          AND slot_key NOT IN (SELECT slot_key FROM busy)
        ORDER BY priority, run_at, id
        LIMIT (SELECT greatest(max_running_tasks - (SELECT count(*) FROM busy), 0) FROM instance WHERE id = :instance)
    ), first AS (
        SELECT DISTINCT ON (slot_key) id FROM head ORDER BY slot_key, priority, run_at, id
    ), promoted AS (
        UPDATE task SET claimable = true WHERE id IN (SELECT id FROM first) RETURNING id
    )
    SELECT (SELECT count(*) FROM promoted) AS promoted, (SELECT count(*) FROM head) AS looked_at,
           CASE WHEN EXISTS (SELECT FROM promoted) THEN pg_notify(:channel, '') END
    """
)


async def promote(conn: AsyncConnection, instance_ids: Iterable[int]) -> int:
    """Make ready tasks claimable where their slot is free and their instance has room.

    The caller holds the instances' slot locks.  "Claimable" means "could run now", so the queue's hot index stays as
    small
    as the sum of the limits, however much waits behind them.

    Returns:
        How many became claimable.
    """
    promoted = 0
    for instance_id in sorted(set(instance_ids)):
        behind = True
        while behind:
            found = (await conn.execute(_PROMOTE, {"instance": instance_id, "channel": READY_CHANNEL})).one()
            promoted += found.promoted
            behind = found.looked_at > found.promoted  # some of those looked at wanted the same slot: room is left
    return promoted


# Per instance, so that what waits behind a saturated one, however much, is not even looked at.
_FORGOTTEN: Final = sa.text(
    """
    SELECT i.id, due.first, statement_timestamp() AS now
    FROM instance i CROSS JOIN LATERAL (
        SELECT min(t.run_at) AS first FROM task t
        WHERE t.instance_id = i.id AND t.status = 'ready' AND NOT t.claimable AND t.run_at <= statement_timestamp()
          AND NOT EXISTS (SELECT 1 FROM task b WHERE b.slot_key = t.slot_key
                 AND (b.claimable OR b.status IN ('scheduled', 'running', 'canceling')))
    ) due
    WHERE due.first IS NOT NULL
      AND (SELECT count(*) FROM task b WHERE b.instance_id = i.id
             AND (b.claimable OR b.status IN ('scheduled', 'running', 'canceling'))) < i.max_running_tasks
    """
)


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep found.

    Args:
        promoted: tasks that became claimable.
        due_since: instance -> since when a task of it has been due that could have been claimable.
        at: the database's time.
    """

    promoted: int
    due_since: Mapping[int, dt.datetime]
    at: dt.datetime

    def forgotten(self, before: Swept | None) -> int:
        """How many instances had a task that was due when the last sweep looked, which promoted all that could run
        then: a promotion was lost since, and that must not happen."""
        if before is None:
            return 0
        return sum(since <= before.at for since in self.due_since.values())


async def sweep(conn: AsyncConnection) -> Swept:
    """Promote what became due by time, and repair slots that were forgotten."""
    rows = (await conn.execute(_FORGOTTEN)).all()
    now = rows[0].now if rows else await conn.scalar(sa.select(sa.func.statement_timestamp()))
    assert now is not None
    await lock_slots(conn, [r.id for r in rows])
    promoted = await promote(conn, [r.id for r in rows])
    return Swept(promoted, {r.id: r.first for r in rows}, now)


async def announce_cancel(conn: AsyncConnection, moved: Iterable[Moved]) -> None:
    """Tell runners at commit which tasks to cancel; the heartbeat's answer tells them too, should this get lost."""
    for m in moved:
        await conn.execute(sa.select(sa.func.pg_notify(CANCEL_CHANNEL, str(m.id))))
