"""Errands: what is to be done about many stages because of one event, a thousandth part in each transaction.

The first part is done by whoever brings the errand, so that where there is little to do it is done at once.  The rest
is a row in ``errand`` that says how far it came; the gatekeeper goes on with it, whatever process that is.

Whoever brings an errand has locks of its own, and stages of other pipelines are locked by those who look after these:
so it waits for none of them, and leaves those that are taken to the gatekeeper.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.store.tables.errands import errand
from penstock.store.tables.pipelines import approval, pipeline, stage

WAKE_CHANNEL: Final = "penstock_wake"
ROWS: Final = 450  # stages that one transaction wakes
# What becomes of a release below: it is applied there, or checked.  Each has an index.
_WAITS_FOR_BELOW: Final = sa.or_(
    *(stage.c.blockers.contains([{"gate": gate}]) for gate in ("lower-environments", "status-check"))
)

# kind -> the stages whose gates are to be asked again.
_CONCERNED: Final[Mapping[str, Callable[[int], sa.ColumnElement[bool]]]] = {
    "environment": lambda subject: stage.c.environment_id == subject,
    "account": lambda subject: stage.c.id.in_(sa.select(approval.c.stage_id).where(approval.c.account_id == subject)),
    "above": lambda subject: sa.and_(_WAITS_FOR_BELOW, pipeline.c.project_id == subject),
}


@dataclass(frozen=True, slots=True)
class Errand:
    """Something that is still to be done.

    Args:
        after: the id of the last row that was dealt with.
        environment: where nothing starts until it is done.
    """

    id: int
    kind: str
    subject: int
    after: int
    environment: int | None


def pending(environment_id: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    """An instance of an environment is somewhere else now, and not every digest says so yet; for a query over
    stages."""
    return sa.exists(sa.select(errand.c.id).where(errand.c.environment_id == environment_id))


async def wake(conn: AsyncConnection, kind: str, subjects: Sequence[int], *, but: int | None = None) -> None:
    """Have the gates of stages asked again; what is too much for this transaction is left as an errand.

    Args:
        but: a pipeline that need not be, since it brings the errand.
    """
    left = ROWS
    for subject in subjects:
        woken = Woken(0, 0, more=True)
        if left:
            woken = await wake_some(conn, kind, subject, 0, left, but=but)
            left -= woken.count
        if woken.more:
            await leave(conn, kind, subject, after=woken.last)


@dataclass(frozen=True, slots=True)
class Woken:
    """How many stages were woken, up to which all are, and whether there may be more."""

    count: int
    last: int
    more: bool


async def wake_some(
    conn: AsyncConnection,
    kind: str,
    subject: int,
    after: int,
    limit: int,
    *,
    but: int | None = None,
    patient: bool = False,
) -> Woken:
    """Wake stages in the order of their ids; those that somebody has locked are left, with what follows them.

    Args:
        patient: wait for the first of them, so that there is progress; for who has no other lock that matters.
    """
    work = stage.c.n_waiting + stage.c.n_ready + stage.c.n_skipped > 0
    ids = (
        await conn.scalars(
            sa.select(stage.c.id)
            .join(pipeline, pipeline.c.id == stage.c.pipeline_id)
            .where(stage.c.id > after, pipeline.c.status == "open", pipeline.c.started, work)
            .where(_CONCERNED[kind](subject), sa.true() if but is None else pipeline.c.id != but)
            .order_by(stage.c.id)
            .limit(limit)
        )
    ).all()
    if not ids:
        return Woken(0, after, more=False)
    if patient:
        await conn.execute(sa.select(stage.c.id).where(stage.c.id == ids[0]).with_for_update(key_share=True))
    # Two pipelines that end a stage at the same time wake each other's: had they to wait, it would be for one another.
    some = sa.select(stage.c.id).where(stage.c.id.in_(ids)).order_by(stage.c.id)
    free = set(await conn.scalars(some.with_for_update(key_share=True, skip_locked=True)))
    if free:
        await conn.execute(sa.update(stage).where(stage.c.id.in_(free)).values(wake_at=sa.func.statement_timestamp()))
        await notify(conn)
    taken = next((i for i in ids if i not in free), None)
    if taken is not None:
        return Woken(len(free), taken - 1, more=True)
    return Woken(len(ids), ids[-1], more=len(ids) == limit)


async def notify(conn: AsyncConnection) -> None:
    """Tell the gatekeepers at commit that there is something to do."""
    await conn.execute(sa.select(sa.func.pg_notify(WAKE_CHANNEL, "")))


async def leave(
    conn: AsyncConnection, kind: str, subject: int, *, after: int = 0, environment_id: int | None = None
) -> None:
    """Leave an errand to the gatekeeper.

    Args:
        environment_id: where nothing starts until it is done.
    """
    values: dict[str, Any] = {"kind": kind, "subject_id": subject, "after_id": after, "environment_id": environment_id}
    await conn.execute(sa.insert(errand).values(values))
    await notify(conn)


async def next_one(conn: AsyncConnection) -> Errand | None:
    """The oldest errand that nobody is about, locked."""
    row = (
        await conn.execute(sa.select(errand).order_by(errand.c.id).limit(1).with_for_update(skip_locked=True))
    ).one_or_none()
    return Errand(row.id, row.kind, row.subject_id, row.after_id, row.environment_id) if row is not None else None


async def advance(conn: AsyncConnection, errand_id: int, after: int) -> None:
    """Write how far an errand came."""
    await conn.execute(sa.update(errand).where(errand.c.id == errand_id).values(after_id=after))


async def done(conn: AsyncConnection, errand_id: int) -> None:
    """Strike an errand off."""
    await conn.execute(sa.delete(errand).where(errand.c.id == errand_id))
