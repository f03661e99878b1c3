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

from penstock.domain.checks import Check
from penstock.domain.gates.approval import Approver, Decision, TierRules
from penstock.domain.gates.escalation import UNREVIEWED, ReviewFacts, read_facts
from penstock.domain.gates.freeze import Freeze
from penstock.domain.gates.lower import Lower
from penstock.domain.pipeline.fan_out import NONE, FanOut
from penstock.domain.pipeline.status import COUNTED
from penstock.store import accounts, check_facts, errands, facts
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
    permit_until: dt.datetime | None
    blockers: Sequence[Mapping[str, Any]]
    counts: dict[str, int]  # kept true by whoever moves tasks between two loads
    decisions: Sequence[Decision]
    decision_rows: Sequence[Mapping[str, Any]]
    not_before: dt.datetime | None = None
    freezes: Sequence[Freeze] = ()
    lower: Sequence[Lower] = ()
    checks: Sequence[Check] = ()
    bypassed: Collection[str] = ()
    independent: bool = False
    conditional: bool = False
    unsettled: int = 0
    read_only: bool = False
    fan_out: FanOut = NONE
    batch_current: int = 1
    review_facts: ReviewFacts = UNREVIEWED
    skipping: Mapping[str, Any] | None = None
    rewriting: Mapping[str, Any] | None = None
    retrying_until: dt.datetime | None = None
    unsettled_place: bool = False


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
    now: dt.datetime
    stages: Sequence[Stage]
    canceled_by: int | None = None

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
    .where(pipeline.c.id == sa.bindparam("id"), pipeline.c.started)
    .with_for_update(key_share=True, of=pipeline)
)


async def lock(conn: AsyncConnection, pipeline_id: int) -> Head | None:
    """Take the pipeline's row lock; None when there is no such pipeline, or not yet."""
    row = (await conn.execute(_LOCK, {"id": pipeline_id})).one_or_none()
    return Head(row.id, row.project_id, row.issue_id, row.status) if row is not None else None


async def load(conn: AsyncConnection, ids: Collection[int], *, for_gates: bool = True) -> dict[int, Pipeline]:
    """Load pipelines with their stages, tiers and decisions: a fixed number of queries, however many there are.

    Args:
        for_gates: also what only gates look at: False is cheaper, for lists that show what is stored.
    """
    if not ids:
        return {}
    heads = (
        await conn.execute(
            sa.select(
                pipeline,
                sa.func.statement_timestamp().label("now"),
                issue.c.id.label("issue_id"),
                issue.c.author_id,
                issue.c.last_editor_id,
            )
            .outerjoin(issue, issue.c.pipeline_id == pipeline.c.id)
            .where(pipeline.c.id.in_(ids), pipeline.c.started)
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
                facts.freezes().label("freezes"),
                facts.bypassed().label("bypassed"),
                facts.unsettled().label("unsettled"),
                errands.pending(stage.c.environment_id).label("unsettled_place"),
                check_facts.has_required().label("has_required"),
            )
            .join(pipeline, pipeline.c.id == stage.c.pipeline_id)
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
                accounts.groups_of(account.c.id).label("groups"),
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
            d.account_id,
            d.kind,
            d.name,
            d.email,
            d.workspace_role,
            d.project_role,
            d.disabled_at is not None,
            frozenset(d.groups),
        )
        decisions.setdefault(d.stage_id, []).append(Decision(d.id, who, d.decision, d.digest))
        decision_rows.setdefault(d.stage_id, []).append(dict(d._mapping))
    looking_down = [s.id for s in rows if for_gates and s.rules.get("requires_lower_environments")]
    lower = await facts.lower(conn, looking_down)
    checks = await check_facts.of_stages(conn, [s.id for s in rows if for_gates and s.has_required])
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
                permit_until=s.permit_valid_until,
                permit=(s.permit_digest, s.permit_generation) if s.permit_digest is not None else None,
                blockers=s.blockers,
                counts=_counts(s),
                decisions=decisions.get(s.id, []),
                decision_rows=decision_rows.get(s.id, []),
                not_before=s.not_before,
                freezes=[msgspec.convert(f, Freeze) for f in s.freezes],
                lower=lower.get(s.id, ()),
                checks=checks.get(s.id, ()),
                bypassed=s.bypassed,
                unsettled=s.unsettled,
                independent=s.independent,
                conditional=s.conditional,
                read_only=s.read_only,
                fan_out=_fan_out(s),
                batch_current=s.batch_current,
                review_facts=read_facts(s.review_facts),
                skipping=s.skipping,
                rewriting=s.rewriting,
                retrying_until=s.retrying_until,
                unsettled_place=s.unsettled_place,
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
            now=p.now,
            stages=stages.get(p.id, []),
            canceled_by=p.canceled_by,
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


async def go_on(conn: AsyncConnection, stage_id: int) -> None:
    """Have a pipeline looked at again as soon as this transaction is committed: it has moved as much as it may, or may
    not have seen what others were doing."""
    await conn.execute(sa.update(stage).where(stage.c.id == stage_id).values(wake_at=sa.func.statement_timestamp()))
    await conn.execute(sa.select(sa.func.pg_notify(WAKE_CHANNEL, "")))


async def set_marks(conn: AsyncConnection, stage_id: int, **marks: Any) -> None:
    """Write what is under way with a stage's tasks: ``skipping``, ``rewriting``, ``retrying_until``."""
    values = {name: sa.null() if value is None else value for name, value in marks.items()}
    await conn.execute(sa.update(stage).where(stage.c.id == stage_id).values(values))


@dataclass(frozen=True, slots=True)
class Lane:
    """An open stage whose tasks are handed out one by one, with what that takes and no more."""

    id: int
    task_order: str
    conditional: bool
    counts: dict[str, int]
    fan_out: FanOut
    batch_current: int


async def lanes(conn: AsyncConnection, stage_ids: Collection[int]) -> list[Lane]:
    """Those of some stages that are open, with nothing under way that many transactions do."""
    rows = await conn.execute(
        sa.select(stage)
        .where(
            stage.c.id.in_(stage_ids),
            stage.c.permit_digest == stage.c.digest,
            stage.c.skipping.is_(None),
            stage.c.rewriting.is_(None),
            stage.c.retrying_until.is_(None),
        )
        .order_by(stage.c.id)
    )
    return [Lane(r.id, r.task_order, r.conditional, _counts(r), _fan_out(r), r.batch_current) for r in rows]


def _counts(row: Any) -> dict[str, int]:
    return {c: getattr(row, f"n_{c}") for c in COUNTED}


def _fan_out(row: Any) -> FanOut:
    return FanOut(tuple(row.batch) if row.batch is not None else None, row.max_parallel, row.max_failures)


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


async def environments_changed(conn: AsyncConnection, environment_ids: Iterable[int]) -> None:
    """Void the permits of these environments and have every stage there asked again.

    Call it in the transaction that changes a tier, moves an environment to another tier, freezes, or reports a check.
    """
    ids = sorted(set(environment_ids))
    if not ids:
        return
    # Who stores stages there waits for this, see `environments.hold`.  Who only refers to an environment does not: a
    # freeze or a report does so itself before it comes here, and so may others at the same time.
    locked = sa.select(environment.c.id).where(environment.c.id.in_(ids)).order_by(environment.c.id)
    await conn.execute(locked.with_for_update(key_share=True))
    await conn.execute(
        sa.update(environment).where(environment.c.id.in_(ids)).values(generation=environment.c.generation + 1)
    )
    await errands.wake(conn, ids)


async def wake_above(conn: AsyncConnection, project_id: int) -> None:
    """Have the stages of a project asked again that wait for a release to be applied or checked below, once this
    transaction is committed."""
    await errands.leave(conn, "above", [project_id])


async def accounts_changed(conn: AsyncConnection, account_ids: Iterable[int]) -> None:
    """Have stages asked again that these accounts decided on, once this transaction is committed: an approval may be
    void now."""
    await errands.leave(conn, "account", sorted(set(account_ids)))


async def waiting_instances(conn: AsyncConnection, stage_id: int) -> list[int]:
    """Instances of a stage's tasks that have not started."""
    return list(
        await conn.scalars(
            sa.select(task.c.instance_id)
            .where(task.c.stage_id == stage_id, task.c.status.in_(("waiting", "ready")))
            .distinct()
        )
    )


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
