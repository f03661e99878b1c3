"""Storing an issue whose stages are known: its pipeline, itself, what follows from both, and who did it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import events
from penstock.domain.access.decide import Principal
from penstock.services import filing
from penstock.services.progress import Progress
from penstock.services.submission import Filing
from penstock.store.records import audit
from penstock.store.tables.changes import issue


@dataclass(frozen=True, slots=True)
class Head:
    """The words of an issue, and what it is about.

    Args:
        release_id: None when every task brings a release of its own.
        more: further columns of its row.
    """

    title: str
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    release_id: int | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """An event that is announced after those of the filing."""

    type: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stored:
    """What was stored."""

    issue_id: int
    pipeline_id: int


async def store(
    conn: AsyncConnection,
    principal: Principal,
    project_id: int,
    head: Head,
    stages: Sequence[filing.NewStage],
    *,
    order: str = "sequential",
    fail_fast: bool = False,
    told: Sequence[Told] = (),
) -> Stored:
    """Store a small issue with its pipeline in the caller's transaction, and let start what may; see `planned`."""
    pipeline_id = await filing.insert_pipeline(conn, project_id, stages, order=order, fail_fast=fail_fast)
    return await _publish(conn, principal, project_id, head, told, pipeline_id)


def planned(
    principal: Principal,
    project_id: int,
    head: Head,
    stages: Sequence[filing.NewStage],
    *,
    order: str = "sequential",
    fail_fast: bool = False,
    told: Sequence[Told] = (),
    recheck: Callable[[AsyncConnection], Awaitable[None]] | None = None,
    then: Callable[[AsyncConnection, Stored], Awaitable[None]] | None = None,
) -> Filing[Stored]:
    """An issue of any size for `submission.submit`.

    Args:
        stages: everything about them is checked.
        told: what else is announced.
        recheck: see `Filing`.
        then: what else belongs into the transaction that lets people see it.
    """

    async def publish(conn: AsyncConnection, pipeline_id: int) -> Stored:
        stored = await _publish(conn, principal, project_id, head, told, pipeline_id)
        if then is not None:
            await then(conn, stored)
        return stored

    return Filing(project_id, stages, publish, order, fail_fast, recheck)


async def _publish(
    conn: AsyncConnection,
    principal: Principal,
    project_id: int,
    head: Head,
    told: Sequence[Told],
    pipeline_id: int,
) -> Stored:
    issue_id: int = (
        await conn.execute(
            sa.insert(issue)
            .values(
                project_id=project_id,
                pipeline_id=pipeline_id,
                status="open",
                title=head.title,
                description=head.description,
                labels=dict(head.labels),
                author_id=principal.id,
                last_editor_id=principal.id,
                release_id=head.release_id,
                **head.more,
            )
            .returning(issue.c.id)
        )
    ).scalar_one()
    progress = await Progress.begin(conn, pipeline_id)
    progress.event(events.ISSUE_CREATED, actor_id=principal.id, title=head.title)
    for event in told:
        progress.event(event.type, actor_id=principal.id, **event.data)
    progress.event(events.PIPELINE_START, attempt=1)
    await progress.advance()
    await progress.finish()
    await audit(conn, principal.id, "issue.create", f"issue:{issue_id}", {"pipeline": pipeline_id})
    return Stored(issue_id, pipeline_id)
