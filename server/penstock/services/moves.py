"""Moves of many tasks, a part in each transaction: no transaction writes more than about a thousand rows.

A transaction has room for so many moves.  When it is used up, ``more`` says so, and whoever began marks the pipeline as
one to go on with; the next transaction finds by the same rules what is left to do.  So nothing is forgotten when the
process dies in between, and pipelines with few tasks move in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.pipeline import sequence
from penstock.domain.pipeline.fan_out import FanOut
from penstock.domain.pipeline.status import ACTIVE
from penstock.services.told import Told
from penstock.store import fan_out, sequences, tasks
from penstock.store.tables.pipelines import task

# Each may have another task made claimable, and there are events, counters and permits besides.
ROWS: Final = 450
_COUNTED_AS: Final[Mapping[str, Sequence[str]]] = {
    "failed": ("failed", "error", "absorbed"),
    "skipped": ("skipped", "passed_over"),
}


class Lane(Protocol):
    """A stage, as far as handing out its tasks is concerned; its counters are kept true while they move."""

    @property
    def id(self) -> int: ...
    @property
    def task_order(self) -> str: ...
    @property
    def conditional(self) -> bool: ...
    @property
    def counts(self) -> dict[str, int]: ...
    @property
    def fan_out(self) -> FanOut: ...
    @property
    def batch_current(self) -> int: ...


class Moves:
    """Those of one transaction.

    Args:
        rows: how many tasks it may move, and stages it may write.
    """

    def __init__(self, conn: AsyncConnection, rows: int | None = None) -> None:
        self._conn = conn
        self.room = ROWS if rows is None else rows
        self.more = False

    def spend(self, rows: int = 1) -> bool:
        """Whether there is room for writing some rows; if not, they are left to the next transaction."""
        if self.room <= 0:
            self.more = True
            return False
        self.room -= rows
        return True

    async def move(
        self,
        lane: Lane,
        to: str,
        *conditions: sa.ColumnElement[bool],
        sources: Sequence[str],
        values: Mapping[str, Any] | None = None,
    ) -> list[tasks.Moved]:
        """Move a stage's tasks that meet the conditions, as many as there is room for.

        What is in doubt is not passed over together with others: it may be applied, which its next attempt finds out.
        """
        if to == "skipped":
            conditions = (*conditions, ~tasks.IN_DOUBT)
        present = [s for s in sources if any(lane.counts[c] for c in _COUNTED_AS.get(s, (s,)))]
        if not present:
            return []
        if self.room <= 0:
            self.more = True
            return []
        moved = await tasks.move_some(
            self._conn, to, lane.id, *conditions, sources=present, limit=self.room, values=values
        )
        self._count(lane, moved)
        return moved

    def _count(self, lane: Lane, moved: Sequence[tasks.Moved]) -> None:
        for m in moved:
            lane.counts[m.was] -= 1
            lane.counts[m.now] += 1
        self.room -= len(moved)
        if moved and self.room <= 0:
            self.more = True

    async def hand_out(self, lane: Lane, told: Told) -> None:
        """Make tasks of an open parallel stage ready: all, or as many as its limits allow."""
        values = {"run_at": sa.func.now(), **await told.values()}
        if not lane.fan_out.limits:
            await self.move(lane, "ready", sources=("waiting",), values=values)
            return
        if self.room <= 0:
            self.more = True
            return
        given = await fan_out.hand_out(
            self._conn, lane.id, lane.fan_out, lane.counts, lane.batch_current, self.room, values
        )
        self._count(lane, given)

    async def in_order(self, lane: Lane, told: Told, *, is_open: bool, before_passes: bool) -> bool:
        """Sequential stage: one task after the other.

        Returns:
            Whether a task was skipped or came back, so that what follows must be looked at again.
        """
        conn, counts = self._conn, lane.counts
        failure = await sequences.first_failure(conn, lane.id, counts)
        willing = task.c.when == "on_success"
        moved: list[tasks.Moved] = []
        if failure is not None:
            behind = (willing, task.c.position > failure)
            values = {"skip_reason": "previous_task"}
            moved += await self.move(lane, "skipped", *behind, sources=("waiting",), values=values)
        caused = task.c.skip_reason == "previous_task"
        before = sa.true() if failure is None else task.c.position < failure
        moved += await self.move(lane, "waiting", caused, before, sources=("skipped",))
        if moved:
            return True
        if self.room <= 0:
            self.more = True
            return False
        rows = await sequences.coming(conn, lane.id, counts, failure, before_passes=before_passes)
        busy = any(counts[status] for status in ("ready", *ACTIVE))
        moves = sequence.decide(await told.judged(rows), is_open=is_open, busy=busy, before_passes=before_passes)
        if moves.back:
            await self.move(lane, "waiting", task.c.id.in_(moves.back), sources=("skipped",))
        for reason, ids in (("previous_task", moves.previous_task), ("condition", moves.condition)):
            if ids:
                some = task.c.id.in_(ids)
                await self.move(lane, "skipped", some, sources=("waiting",), values={"skip_reason": reason})
        if moves.ready is not None:
            now = {"run_at": sa.func.now(), **await told.values_in_order(moves.ready)}
            await self.move(lane, "ready", task.c.id == moves.ready, sources=("waiting",), values=now)
        return moves.skips
