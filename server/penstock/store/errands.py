"""Errands: what is to be done about many stages because of one event, a thousandth part in each transaction.

An errand is a row in ``errand`` that says how far it came; the gatekeeper does it, whatever process that is.  Of what
concerns an environment, the first part is done by whoever brings it, so that where there is little to do it is done at
once: stages there are stored only by who holds the environment, so all are seen.

What happens to a release below, or to an account, is done by the gatekeeper alone, when that has been committed: a
transaction that does not see it yet may be storing a stage that it concerns, which cannot be seen from here either.  It
asks the gates of such a stage once more when it has committed itself, and of the two that come afterwards the later one
sees both.

Whoever brings an errand has locks of its own, and stages of other pipelines are locked by those who look after these:
so it waits for none of them, and leaves those that are taken to the gatekeeper.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.store.tables.errands import errand
from penstock.store.tables.pipelines import approval, pipeline, stage

WAKE_CHANNEL: Final = "penstock_wake"
ROWS: Final = 450  # stages that one transaction wakes
# What becomes of a release below: it is applied there, or checked.  Each has an index.
BELOW: Final = ("lower-environments", "status-check")
_WAITS_FOR_BELOW: Final = sa.or_(*(stage.c.blockers.contains([{"gate": gate}]) for gate in BELOW))

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


async def wake(conn: AsyncConnection, environment_ids: Sequence[int]) -> None:
    """Have the gates of environments' stages asked again; what is too much for this transaction is left as errands."""
    left = ROWS
    for subject in environment_ids:
        woken = Woken(0, 0, more=True)
        if left:
            woken = await wake_some(conn, "environment", subject, 0, left)
            left -= woken.count
        if woken.more:
            await leave(conn, "environment", [subject], after=woken.last)


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
            .where(_CONCERNED[kind](subject))
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
    conn: AsyncConnection, kind: str, subjects: Sequence[int], *, after: int = 0, environment_id: int | None = None
) -> None:
    """Leave an errand about each of these to the gatekeeper, which sees what this transaction commits.

    Args:
        environment_id: where nothing starts until it is done.
    """
    if not subjects:
        return
    about = {"kind": kind, "after_id": after, "environment_id": environment_id}
    await conn.execute(sa.insert(errand), [{**about, "subject_id": subject} for subject in subjects])
    await notify(conn)


async def next_one(conn: AsyncConnection) -> Errand | None:
    """The oldest errand that nobody is about, locked; it stands for all to the same end that are there by now."""
    row = (
        await conn.execute(sa.select(errand).order_by(errand.c.id).limit(1).with_for_update(skip_locked=True))
    ).one_or_none()
    if row is None:
        return None
    if row.kind in _CONCERNED and row.after_id == 0:
        same = (
            sa.select(errand.c.id)
            .where(errand.c.id > row.id, errand.c.kind == row.kind, errand.c.subject_id == row.subject_id)
            .order_by(errand.c.id)
            .with_for_update(skip_locked=True)
        )
        await conn.execute(sa.delete(errand).where(errand.c.id.in_(same)))
    return Errand(row.id, row.kind, row.subject_id, row.after_id, row.environment_id)


async def advance(conn: AsyncConnection, errand_id: int, after: int) -> None:
    """Write how far an errand came."""
    await conn.execute(sa.update(errand).where(errand.c.id == errand_id).values(after_id=after))


async def done(conn: AsyncConnection, errand_id: int) -> None:
    """Strike an errand off."""
    await conn.execute(sa.delete(errand).where(errand.c.id == errand_id))
