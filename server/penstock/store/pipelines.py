"""Pipelines and stages: row locks, creation, permits, and the facts that gates look at, loaded in a fixed number of
queries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.gates.approval import Approver, Decision, TierRules
from penstock.domain.pipeline.status import COUNTED, Counts
from penstock.store.rows import Record, person
from penstock.store.tables.accounts import account, member, project
from penstock.store.tables.catalog import approval_tier, environment
from penstock.store.tables.changes import issue
from penstock.store.tables.pipelines import approval, pipeline, stage, task

WAKE_CHANNEL: Final = "penstock_wake"


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage's row with its environment and tier."""

    id: int
    name: str
    position: int
    phase: int
    needs: Sequence[int]
    task_order: str
    advance: str
    digest: str
    findings: Mapping[str, int]
    advanced: bool
    environment_id: int
    environment: str
    environment_name: str
    generation: int
    tier: str
    rules: TierRules | None
    permit: tuple[str, int] | None
    blockers: Sequence[Mapping[str, Any]]
    counts: Counts
    decisions: Sequence[Decision]
    decision_rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline with its stages and its issue's people: all that gates and pages need, without any task."""

    id: int
    project_id: int | None
    issue_id: int | None
    author_id: int
    last_editor_id: int
    status: str
    attempt: int
    ended: bool
    order: str
    fail_fast: bool
    version: int
    held_at: dt.datetime | None
    held_by: int | None
    held_reason: str | None
    created_at: dt.datetime
    updated_at: dt.datetime
    stages: Sequence[Stage]

    def stage(self, name: str) -> Stage | None:
        """The stage of that name."""
        return next((s for s in self.stages if s.name == name), None)


@dataclass(frozen=True, slots=True)
class Head:
    """What events need of a locked pipeline."""

    id: int
    project_id: int | None
    issue_id: int | None
    status: str


_LOCK: Final = (
    sa.select(pipeline.c.id, pipeline.c.project_id, pipeline.c.status, issue.c.id.label("issue_id"))
    .outerjoin(issue, issue.c.pipeline_id == pipeline.c.id)
    .where(pipeline.c.id == sa.bindparam("id"))
    .with_for_update(key_share=True, of=pipeline)
)


async def lock(conn: AsyncConnection, pipeline_id: int) -> Head | None:
    """Take the pipeline's row lock; None when there is no such pipeline."""
    row = (await conn.execute(_LOCK, {"id": pipeline_id})).one_or_none()
    return Head(row.id, row.project_id, row.issue_id, row.status) if row is not None else None


async def load(conn: AsyncConnection, ids: Collection[int]) -> dict[int, Pipeline]:
    """Load pipelines with their stages, tiers and decisions: three queries, however many there are."""
    if not ids:
        return {}
    heads = (
        await conn.execute(
            sa.select(
                pipeline,
                issue.c.id.label("issue_id"),
                issue.c.author_id,
                issue.c.last_editor_id,
            )
            .outerjoin(issue, issue.c.pipeline_id == pipeline.c.id)
            .where(pipeline.c.id.in_(ids))
        )
    ).all()
    rows = (
        await conn.execute(
            sa.select(
                stage,
                environment.c.slug.label("environment"),
                environment.c.name.label("environment_name"),
                environment.c.generation,
                approval_tier.c.slug.label("tier"),
                approval_tier.c.rules,
            )
            .join(environment, environment.c.id == stage.c.environment_id)
            .join(approval_tier, approval_tier.c.id == environment.c.tier_id)
            .where(stage.c.pipeline_id.in_(ids))
            .order_by(stage.c.pipeline_id, stage.c.position)
        )
    ).all()
    decided = (
        await conn.execute(
            sa.select(
                approval,
                account.c.kind,
                account.c.name,
                account.c.email,
                account.c.workspace_role,
                account.c.disabled_at,
                member.c.role.label("project_role"),
            )
            .join(stage, stage.c.id == approval.c.stage_id)
            .join(pipeline, pipeline.c.id == stage.c.pipeline_id)
            .join(account, account.c.id == approval.c.account_id)
            .outerjoin(member, (member.c.account_id == account.c.id) & (member.c.project_id == pipeline.c.project_id))
            .where(stage.c.pipeline_id.in_(ids))
            .order_by(approval.c.id)
        )
    ).all()
    decisions: dict[int, list[Decision]] = {}
    decision_rows: dict[int, list[Mapping[str, Any]]] = {}
    for d in decided:
        who = Approver(
            d.account_id, d.kind, d.name, d.email, d.workspace_role, d.project_role, d.disabled_at is not None
        )
        decisions.setdefault(d.stage_id, []).append(Decision(d.id, who, d.decision, d.digest))
        decision_rows.setdefault(d.stage_id, []).append(dict(d._mapping))
    stages: dict[int, list[Stage]] = {}
    for s in rows:
        stages.setdefault(s.pipeline_id, []).append(
            Stage(
                id=s.id,
                name=s.name,
                position=s.position,
                phase=s.phase,
                needs=tuple(s.needs),
                task_order=s.task_order,
                advance=s.advance,
                digest=s.digest,
                findings=s.findings,
                advanced=s.advanced_at is not None,
                environment_id=s.environment_id,
                environment=s.environment,
                environment_name=s.environment_name,
                generation=s.generation,
                tier=s.tier,
                rules=read_rules(s.rules),
                permit=(s.permit_digest, s.permit_generation) if s.permit_digest is not None else None,
                blockers=s.blockers,
                counts={c: getattr(s, f"n_{c}") for c in COUNTED},
                decisions=decisions.get(s.id, []),
                decision_rows=decision_rows.get(s.id, []),
            )
        )
    return {
        p.id: Pipeline(
            id=p.id,
            project_id=p.project_id,
            issue_id=p.issue_id,
            author_id=p.author_id or 0,
            last_editor_id=p.last_editor_id or 0,
            status=p.status,
            attempt=p.attempt,
            ended=p.ended,
            order=p.order,
            fail_fast=p.fail_fast,
            version=p.version,
            held_at=p.held_at,
            held_by=p.held_by,
            held_reason=p.held_reason,
            created_at=p.created_at,
            updated_at=p.updated_at,
            stages=stages.get(p.id, []),
        )
        for p in heads
    }


def read_rules(stored: Any) -> TierRules | None:
    """The tier's rules, or None when what is stored makes no sense: then its stages stay closed."""
    try:
        return msgspec.convert(stored, TierRules)
    except msgspec.ValidationError:
        return None


async def set_permit(
    conn: AsyncConnection, stage_id: int, permit: tuple[str, int, dt.datetime] | None, blockers: Sequence[Any]
) -> None:
    """Open or close a stage: store the permit (digest, generation, until when) or clear it, and what the gates said."""
    digest, generation, until = permit if permit else (None, None, None)
    await conn.execute(
        sa.update(stage)
        .where(stage.c.id == stage_id)
        .values(
            permit_digest=digest,
            permit_generation=generation,
            permit_valid_until=until,
            opened_at=sa.func.statement_timestamp() if permit else None,
            blockers=msgspec.to_builtins(blockers),
        )
    )


async def set_wake(conn: AsyncConnection, stage_id: int, at: dt.datetime) -> None:
    """Say when the gates' answer for a stage can next change by itself.

    An earlier wake-up stays: it may be that of a tier or environment that changed after our gates were asked.
    """
    earliest = sa.func.least(stage.c.wake_at, at)
    await conn.execute(sa.update(stage).where(stage.c.id == stage_id).values(wake_at=earliest))


async def due(conn: AsyncConnection, limit: int) -> list[int]:
    """Pipelines with a stage whose gates must be asked again now."""
    rows = await conn.scalars(
        sa.select(stage.c.pipeline_id)
        .where(stage.c.wake_at <= sa.func.statement_timestamp())
        .group_by(stage.c.pipeline_id)
        .order_by(sa.func.min(stage.c.wake_at))
        .limit(limit)
    )
    return list(rows)


async def clear_due(conn: AsyncConnection, pipeline_id: int) -> None:
    """Forget the wake-ups of a pipeline that are being answered now."""
    await conn.execute(
        sa.update(stage)
        .where(stage.c.pipeline_id == pipeline_id, stage.c.wake_at <= sa.func.statement_timestamp())
        .values(wake_at=None)
    )


_OPEN_STAGE: Final = sa.exists(
    sa.select(pipeline.c.id).where(pipeline.c.id == stage.c.pipeline_id, pipeline.c.status == "open")
) & (stage.c.n_waiting + stage.c.n_ready + stage.c.n_skipped > 0)


async def environments_changed(conn: AsyncConnection, environment_ids: Iterable[int]) -> None:
    """Void the permits of these environments and have every stage there asked again.

    Call it in the transaction that changes a tier, moves an environment to another tier, freezes, or reports a check.
    """
    ids = sorted(set(environment_ids))
    if not ids:
        return
    locked = sa.select(environment.c.id).where(environment.c.id.in_(ids)).order_by(environment.c.id).with_for_update()
    await conn.execute(locked)
    await conn.execute(
        sa.update(environment).where(environment.c.id.in_(ids)).values(generation=environment.c.generation + 1)
    )
    await _wake(conn, stage.c.environment_id.in_(ids))


async def accounts_changed(conn: AsyncConnection, account_ids: Iterable[int]) -> None:
    """Have stages asked again that these accounts decided on: an approval may be void now."""
    decided = sa.select(approval.c.stage_id).where(approval.c.account_id.in_(sorted(set(account_ids))))
    await _wake(conn, stage.c.id.in_(decided))


async def _wake(conn: AsyncConnection, condition: sa.ColumnElement[bool]) -> None:
    await conn.execute(sa.update(stage).where(condition, _OPEN_STAGE).values(wake_at=sa.func.statement_timestamp()))
    await conn.execute(sa.select(sa.func.pg_notify(WAKE_CHANNEL, "")))


async def waiting_instances(conn: AsyncConnection, stage_id: int) -> list[int]:
    """Instances of a stage's tasks that have not started."""
    return list(
        await conn.scalars(
            sa.select(task.c.instance_id)
            .where(task.c.stage_id == stage_id, task.c.status.in_(("waiting", "ready")))
            .distinct()
        )
    )


async def in_order(conn: AsyncConnection, stage_id: int) -> list[tuple[int, str, str | None]]:
    """(id, status, skip reason) of the tasks of a sequential stage, in order."""
    rows = await conn.execute(
        sa.select(task.c.id, task.c.status, task.c.skip_reason)
        .where(task.c.stage_id == stage_id)
        .order_by(task.c.position)
    )
    return [(r.id, r.status, r.skip_reason) for r in rows]


async def project_slug(conn: AsyncConnection, project_id: int) -> str | None:
    """The slug of a project."""
    found: str | None = await conn.scalar(sa.select(project.c.slug).where(project.c.id == project_id))
    return found


async def held_by(conn: AsyncConnection, pipeline_id: int) -> Record | None:
    """Who paused a pipeline."""
    found: Record | None = await conn.scalar(
        sa.select(person())
        .select_from(pipeline.join(account, account.c.id == pipeline.c.held_by))
        .where(pipeline.c.id == pipeline_id)
    )
    return found
