"""Tasks that run one after the other: what of a sequential stage there is to decide about, found by index.

However many tasks a stage has, only those are read whose turn it may be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.pipeline.status import ACTIVE, Counts
from penstock.store.tables.pipelines import task
from penstock.store.tasks import IN_DOUBT, has_status

WINDOW: Final = 50
_LIVE: Final = ("waiting", "ready", *ACTIVE, "canceled")


@dataclass(frozen=True, slots=True)
class InOrder:
    """What the order of a sequential stage looks at of a task."""

    id: int
    position: int
    status: str
    skip_reason: str | None
    when: str
    absorbed: bool
    only_if: Sequence[Mapping[str, Any]] = ()
    met: bool = True  # the conditions hold, as far as anybody has looked
    in_doubt: bool = False  # it may be applied: its next attempt finds out

    @property
    def passes(self) -> bool:
        """What follows may run after it."""
        skipped = self.status == "skipped" and self.skip_reason in ("manual", "condition")
        return self.status == "succeeded" or skipped or self.absorbed


async def first_failure(conn: AsyncConnection, stage_id: int, counts: Counts) -> int | None:
    """The place of the first task that failed and may not."""
    if not counts["failed"] and not counts["error"]:
        return None
    failed = has_status(("failed",)) & ~(task.c.allow_failure & (task.c.failure_class == "failed"))
    place: int | None = await conn.scalar(
        sa.select(task.c.position).where(task.c.stage_id == stage_id, failed).order_by(task.c.position).limit(1)
    )
    return place


async def coming(
    conn: AsyncConnection, stage_id: int, counts: Counts, failure: int | None, *, before_passes: bool
) -> list[InOrder]:
    """The first tasks, in order, that have not ended or may come back, and the failure that skips what follows.

    Args:
        failure: the place of the first failure in the stage.
        before_passes: nothing that the stage follows has ended without passing.
    """
    parts = list(_parts(stage_id, counts, failure, before_passes=before_passes))
    if not parts:
        return []
    found = sa.union_all(*parts).subquery()
    rows = await conn.execute(
        sa.select(task.c.id, task.c.position, task.c.status, task.c.skip_reason, task.c.when, task.c.allow_failure)
        .add_columns(task.c.failure_class, task.c.options["only_if"].label("only_if"))
        .add_columns(IN_DOUBT.label("in_doubt"))
        .where(task.c.id.in_(sa.select(found.c.id)))
        .order_by(task.c.position)
        .limit(WINDOW + 1)
    )
    return [
        InOrder(
            r.id,
            r.position,
            r.status,
            r.skip_reason,
            r.when,
            r.allow_failure and r.failure_class == "failed",
            r.only_if or (),
            in_doubt=r.in_doubt,
        )
        for r in rows
    ]


def _parts(
    stage_id: int, counts: Counts, failure: int | None, *, before_passes: bool
) -> Iterator[sa.Select[tuple[int]]]:
    """One look into the index for each status."""

    def first(*conditions: sa.ColumnElement[bool]) -> sa.Select[tuple[int]]:
        own = sa.select(task.c.id).where(task.c.stage_id == stage_id, *conditions)
        return sa.select(own.order_by(task.c.position).limit(WINDOW).subquery().c.id)

    for status in _LIVE:
        if counts[status]:
            yield first(has_status((status,)))
    if failure is not None:
        yield first(task.c.position == failure)
    if counts["passed_over"]:
        again = task.c.skip_reason == "condition"
        # What runs on failure is needed only behind one; what hangs on outputs is asked again in any case.
        asks = task.c.options.has_key("only_if")
        if before_passes:
            again &= asks if failure is None else asks | (task.c.position > failure)
        yield first(has_status(("skipped",)), again)
