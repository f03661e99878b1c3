"""The one writer of a task's status: every move goes through here, with the slots it frees and the counters it changes.

Locks are taken in the order of environments, pipelines, slots, tasks, and of several of a kind in the order of their
keys.  Whoever calls has the pipeline's row lock, and with it its stages; only ``promote`` touches tasks of other
pipelines, and there nothing but ``claimable``.  Stages of other pipelines are woken, and never waited for; see
`penstock.store.errands`.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.pipeline.status import ACTIVE, TRANSITIONS, counter
from penstock.store.direct import Statement, Wire, spelled
from penstock.store.tables.pipelines import UNKNOWN, UNRESOLVED, task, task_run


def _sent_and(*outcomes: str) -> sa.ColumnElement[bool]:
    """It waits for another attempt after one that had sent something and ended so."""
    last = sa.exists().where(
        task_run.c.task_id == task.c.id, task_run.c.attempt == task.c.attempt, task_run.c.outcome.in_(outcomes)
    )
    return task.c.status.in_(("waiting", "ready")) & task.c.sent & last


# Its last attempt was lost, or ended without an answer, after it had sent something: nobody may say how it ended but
# who has read the proof, which its next attempt does.
IN_DOUBT: Final = _sent_and("interrupted", "retried")
# Of these nobody can say more: no answer of the last attempt came back.  Of the others it is known, for each change,
# whether it is one of those that may be applied.
LOST: Final = _sent_and("interrupted")
# Nobody knows how these tasks ended.
UNKNOWN_OUTCOME: Final = (task.c.status == "failed") & (
    sa.func.coalesce(task.c.failure["kind"].astext, "") == "outcome_unknown"
)
READY_CHANNEL: Final = "penstock_ready"
CANCEL_CHANNEL: Final = "penstock_cancel"


@dataclass(frozen=True, slots=True)
class Moved:
    """One task that changed its status.

    Args:
        was, now: the counters of its stage that it left and joined.
    """

    id: int
    name: str
    stage_id: int
    instance_id: int
    attempt: int
    before: str
    after: str
    absorbed: bool = False
    was: str = ""
    now: str = ""


def instance_slot(instance_id: int) -> str:
    """The row that guards how many tasks of an instance may be active, and thereby every slot of its databases."""
    return f"i:{instance_id}"


def environment_slot(environment_id: int) -> str:
    """The row that guards how many tasks of an environment may be active, where that is limited."""
    return f"e:{environment_id}"


def slot_key(instance_id: int, database_id: int | None, task_type: str) -> str:
    """The one place that a task needs to be active: its database's, or its instance's for tasks without a database."""
    return f"d:{database_id}" if database_id is not None else f"i:{instance_id}:{task_type}"


def locking(pipeline_id: int, instance_ids: Iterable[int]) -> str:
    """Statements that lock a pipeline, and then the instances' slot rows, each as a statement of its own."""
    ids = ", ".join(str(i) for i in sorted(set(map(int, instance_ids))))
    slots = _LOCK_SLOTS.format(instances=f"ARRAY[{ids}]::bigint[]")
    return f"SELECT FROM pipeline WHERE id = {int(pipeline_id)} FOR NO KEY UPDATE; {slots}"


async def ensure_slots(conn: AsyncConnection, keys: Iterable[str]) -> int:
    """Make the slot rows that new tasks refer to; answers how many were not there."""
    found = sorted(set(keys))
    return (await conn.execute(_MAKE_SLOTS, {"keys": found})).rowcount if found else 0


async def analyze_slots(conn: AsyncConnection) -> None:
    """Have the server count the slots, and plan anew whatever looks one up."""
    await conn.execute(sa.text("ANALYZE slot"))


_MAKE_SLOTS: Final = sa.text("INSERT INTO slot (key) SELECT unnest(CAST(:keys AS text[])) ON CONFLICT DO NOTHING")


@dataclass(frozen=True, slots=True)
class NewRow:
    """A task that waits, as it is stored."""

    position: int
    name: str
    type: str
    instance_id: int
    database_id: int | None
    release_id: int | None
    options: Mapping[str, Any]
    digest: str
    slot_key: str
    when: str
    allow_failure: bool
    timeout_seconds: int


_COLUMNS: Final[Mapping[str, str]] = {
    "position": "integer",
    "name": "text",
    "type": "text",
    "instance_id": "bigint",
    "database_id": "bigint",
    "release_id": "bigint",
    "options": "text",
    "digest": "text",
    "slot_key": "text",
    "when": "text",
    "allow_failure": "boolean",
    "timeout_seconds": "integer",
}
_INSERT: Final = sa.text(
    f"""
    INSERT INTO task (pipeline_id, stage_id, run_at, {", ".join(f'"{c}"' for c in _COLUMNS)})
    SELECT :pipeline, :stage, now(), {
        ", ".join("CAST(given.options AS jsonb)" if c == "options" else f'given."{c}"' for c in _COLUMNS)
    }
    FROM unnest({", ".join(f"CAST(:{c} AS {kind}[])" for c, kind in _COLUMNS.items())})
         AS given({", ".join(f'"{c}"' for c in _COLUMNS)})
    """
)


async def insert(conn: AsyncConnection, pipeline_id: int, stage_id: int, rows: Sequence[NewRow]) -> None:
    """Store tasks of a stage; their slots are there."""
    given: dict[str, Any] = {c: [getattr(row, c) for row in rows] for c in _COLUMNS}
    given["options"] = [json.dumps(dict(row.options)) for row in rows]
    await conn.execute(_INSERT, given | {"pipeline": pipeline_id, "stage": stage_id})


# With the environments' of those whose environment has a limit; all in one order.
_LOCK_SLOTS: Final = """
    SELECT key FROM slot WHERE key = ANY (ARRAY(
        SELECT 'i:' || i.id FROM instance i WHERE i.id = ANY ({instances})
        UNION ALL
        SELECT 'e:' || e.id FROM instance i JOIN environment e ON e.id = i.environment_id
        WHERE i.id = ANY ({instances}) AND e.max_running_tasks IS NOT NULL))
    ORDER BY key FOR NO KEY UPDATE
"""
_LOCK: Final = sa.text(_LOCK_SLOTS.format(instances="CAST(:instances AS bigint[])"))


async def lock_slots(conn: AsyncConnection, instance_ids: Iterable[int]) -> None:
    """Lock the instances' slot rows, as a statement of its own: what follows must see what the last holder
    committed."""
    if found := sorted(set(instance_ids)):
        await conn.execute(_LOCK, {"instances": found})


def has_status(statuses: Iterable[str], *, by_key: bool = False) -> sa.ColumnElement[bool]:
    """The task has one of these statuses, spelled so that partial indexes are seen to fit, or are not seen."""
    status: sa.ColumnElement[Any] = sa.func.coalesce(task.c.status, sa.text("''")) if by_key else task.c.status
    return status.in_([sa.literal_column(f"'{status}'") for status in statuses])


class Move:
    """One kind of move, with its statements built once: building them costs more than a server takes to run them.

    Args:
        to: the new status.
        conditions: which tasks; usually with the fence (attempt and lease).
        sources: statuses to move from; all that the state machine allows when None.
        values: further columns to write.
        through: a status between, which the tasks have and leave within this one statement.
        by_key: the conditions name tasks by id, and the server is to find them so.  It takes the indexes of what
            is active for as good as empty, and would read all of that to find one task.

    Conditions and values may hold bind parameters, which are given to ``run``.
    """

    def __init__(
        self,
        to: str,
        *conditions: sa.ColumnElement[bool],
        sources: Collection[str] | None = None,
        values: Mapping[str, Any] | None = None,
        through: str | None = None,
        by_key: bool = False,
    ) -> None:
        first = through or to
        assert through is None or to in TRANSITIONS[through]
        legal = [s for s, targets in TRANSITIONS.items() if first in targets and (sources is None or s in sources)]
        wanted = [has_status(legal, by_key=by_key), *conditions]
        self.to = to
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
                task.c.pipeline_id,
                task.c.attempt,
                task.c.lease,
                task.c.skip_reason,
                task.c.failure_class,
                task.c.allow_failure,
                old.c.status.label("old_status"),
                old.c.skip_reason.label("old_skip_reason"),
                old.c.failure_class.label("old_failure_class"),
            )
        )

    @property
    def text(self) -> str:
        """The move alone, without locks, counters and promotion, to stand in a larger statement that sees to these."""
        return spelled(self._update)

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
        counted: list[tuple[str, str]] = []
        for row in rows:
            allowed = row.allow_failure
            was = counter(row.old_status, row.old_skip_reason, row.old_failure_class, allow_failure=allowed)
            now = counter(self.to, row.skip_reason, row.failure_class, allow_failure=allowed)
            counted.append((was, now))
            deltas[row.stage_id][was] -= 1
            deltas[row.stage_id][now] += 1
        for stage_id, delta in sorted(deltas.items()):
            await _count(conn, stage_id, {name: n for name, n in sorted(delta.items()) if n})
        if self._gives_place:
            freed = {r.instance_id for r in rows if self.to == "ready" or r.old_status in ("ready", *ACTIVE)}
            await promote(conn, freed)
        return [
            Moved(
                r.id,
                r.name,
                r.stage_id,
                r.instance_id,
                r.attempt,
                r.old_status,
                self.to,
                absorbed=self.to == "failed" and r.allow_failure and r.failure_class == "failed",
                was=was,
                now=now,
            )
            for r, (was, now) in zip(rows, counted, strict=True)
        ]


async def move(
    conn: AsyncConnection,
    to: str,
    *conditions: sa.ColumnElement[bool],
    sources: Collection[str] | None = None,
    values: Mapping[str, Any] | None = None,
) -> list[Moved]:
    """Move every task that meets the conditions and may legally move; see `Move`."""
    return await Move(to, *conditions, sources=sources, values=values).run(conn)


async def move_some(
    conn: AsyncConnection,
    to: str,
    stage_id: int,
    *conditions: sa.ColumnElement[bool],
    sources: Sequence[str],
    limit: int,
    values: Mapping[str, Any] | None = None,
) -> list[Moved]:
    """Move a part of a stage's tasks, those of one status after those of another, each in their order.

    What is left costs nothing: it is not read, let alone locked.

    Args:
        limit: how many at most.
    """
    moved: list[Moved] = []
    for source in sources:
        if len(moved) >= limit:
            break
        rows = (
            await conn.execute(
                sa.select(task.c.id, task.c.instance_id)
                .where(task.c.stage_id == stage_id, has_status((source,)), *conditions)
                .order_by(task.c.position)
                .limit(limit - len(moved))
            )
        ).all()
        if rows:
            own = task.c.id == sa.any_(sa.cast([r.id for r in rows], postgresql.ARRAY(sa.BigInteger)))
            some = Move(to, own, sources=(source,), values=values)
            moved += await some.run(conn, instances={r.instance_id for r in rows})
    return moved


async def forget(conn: AsyncConnection, *conditions: sa.ColumnElement[bool]) -> None:
    """Delete tasks that never started and have no place; their stages count them no longer."""
    rows = await conn.execute(
        sa.delete(task)
        .where(task.c.attempt == 0, ~task.c.claimable, *conditions)
        .returning(task.c.stage_id, task.c.status, task.c.skip_reason, task.c.failure_class, task.c.allow_failure)
    )
    deltas: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        name = counter(row.status, row.skip_reason, row.failure_class, allow_failure=row.allow_failure)
        deltas[row.stage_id][name] -= 1
    for stage_id, delta in sorted(deltas.items()):
        await _count(conn, stage_id, dict(sorted(delta.items())))


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


_BUSY: Final = "(claimable OR status IN ('scheduled', 'running', 'canceling'))"
# Of one instance; where its environment has a limit, of all instances there, since they wait for each other's places.
# A ready task that may have sent something keeps its slot: nobody may touch what its next attempt reads the proof from.
_PROMOTE: Final = sa.text(
    f"""
    WITH place AS MATERIALIZED (
        SELECT e.id, e.max_running_tasks AS most
        FROM instance i JOIN environment e ON e.id = i.environment_id WHERE i.id = :instance
    ), scope AS MATERIALIZED (
        SELECT id, max_running_tasks FROM instance WHERE id = :instance
        UNION
        SELECT i.id, i.max_running_tasks FROM place JOIN instance i ON i.environment_id = place.id
        WHERE place.most IS NOT NULL
    ), busy AS MATERIALIZED (
        SELECT instance_id, slot_key FROM task WHERE instance_id IN (SELECT id FROM scope) AND {_BUSY}
    ), barred AS MATERIALIZED (
        SELECT slot_key FROM task WHERE instance_id IN (SELECT id FROM scope) AND {UNKNOWN}
        UNION ALL SELECT slot_key FROM busy
    ), unresolved AS MATERIALIZED (
        SELECT slot_key FROM task WHERE instance_id IN (SELECT id FROM scope) AND {UNRESOLVED}
    ), head AS MATERIALIZED (
        SELECT own.id, own.slot_key, own.priority, own.run_at
        FROM scope CROSS JOIN LATERAL (
            SELECT id, slot_key, priority, run_at FROM task
            WHERE instance_id = scope.id AND status = 'ready' AND NOT claimable AND run_at <= statement_timestamp()
              AND slot_key NOT IN (SELECT slot_key FROM barred)
              AND (sent OR slot_key NOT IN (SELECT slot_key FROM unresolved))
            ORDER BY priority, run_at, id
            LIMIT greatest(scope.max_running_tasks
                           - (SELECT count(*) FROM busy WHERE busy.instance_id = scope.id), 0)
        ) own
        ORDER BY own.priority, own.run_at, own.id
        LIMIT (SELECT CASE WHEN most IS NOT NULL THEN greatest(most - (SELECT count(*) FROM busy), 0) END FROM place)
    ), first AS (
        SELECT DISTINCT ON (slot_key) id FROM head ORDER BY slot_key, priority, run_at, id
    ), promoted AS (
        UPDATE task SET claimable = true WHERE id IN (SELECT id FROM first) RETURNING id
    )
    SELECT (SELECT count(*) FROM promoted) AS promoted, (SELECT count(*) FROM head) AS looked_at,
           CASE WHEN EXISTS (SELECT FROM promoted) AND CAST(:channel AS text) IS NOT NULL
                THEN pg_notify(CAST(:channel AS text), '') END
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


_PROMOTE_STRAIGHT: Final = Statement(_PROMOTE.text)


async def promote_straight(wire: Wire, instance_ids: Iterable[int]) -> int:
    """As `promote`, but tells nobody: the caller may take up what it promotes, and tells of the rest (`ANNOUNCE`)."""
    promoted = 0
    for instance_id in sorted(set(instance_ids)):
        behind = True
        while behind:
            [found] = await wire.fetch(_PROMOTE_STRAIGHT, {"instance": instance_id, "channel": None})
            promoted += found["promoted"]
            behind = found["looked_at"] > found["promoted"]
    return promoted


ANNOUNCE: Final = f"SELECT pg_notify('{READY_CHANNEL}', '')"


# Per instance, so that what waits behind a saturated one, however much, is not even looked at.
_FORGOTTEN: Final = sa.text(
    f"""
    WITH open AS MATERIALIZED (
        SELECT i.id, i.environment_id,
               (SELECT count(*) FROM task WHERE instance_id = i.id AND {_BUSY}) AS n, i.max_running_tasks AS most
        FROM instance i
    ), room AS MATERIALIZED (
        SELECT o.id FROM open o JOIN environment e ON e.id = o.environment_id
        WHERE o.n < o.most AND (e.max_running_tasks IS NULL OR e.max_running_tasks >
                                (SELECT sum(n) FROM open WHERE open.environment_id = e.id))
    )
    SELECT room.id, due.first, statement_timestamp() AS now
    FROM room CROSS JOIN LATERAL (
        SELECT min(t.run_at) AS first FROM task t
        WHERE t.instance_id = room.id AND t.status = 'ready' AND NOT t.claimable AND t.run_at <= statement_timestamp()
          AND NOT EXISTS (SELECT FROM task b WHERE b.slot_key = t.slot_key
                 AND (b.claimable OR b.status IN ('scheduled', 'running', 'canceling')))
          AND t.slot_key NOT IN (SELECT slot_key FROM task WHERE instance_id = room.id AND {UNKNOWN})
          AND (t.sent OR t.slot_key NOT IN (SELECT slot_key FROM task WHERE instance_id = room.id AND {UNRESOLVED}))
    ) due
    WHERE due.first IS NOT NULL
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
    if payloads := [str(m.id) for m in moved]:
        each = sa.func.unnest(sa.cast(payloads, postgresql.ARRAY(sa.Text))).column_valued("payload")
        await conn.execute(sa.select(sa.func.pg_notify(CANCEL_CHANNEL, each)))
