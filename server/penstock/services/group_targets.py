"""The databases of an issue that was filed for a database group: chosen once, frozen, and chosen again on request."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import digest, events, selector
from penstock.domain.access.decide import Principal, allowed, require
from penstock.domain.errors import Conflict, FieldError, InvalidTransition, NotFound, ValidationFailed
from penstock.domain.pipeline.plan import TargetDatabase, plan
from penstock.domain.pipeline.spec import CHANGE
from penstock.domain.selector import Selector
from penstock.services import filing
from penstock.services.catalog_looks import CatalogLooks
from penstock.services.progress import Progress
from penstock.services.releases import check_for
from penstock.store import database_groups, environments, issues, releases, retargeting
from penstock.store.database import Database
from penstock.store.records import audit
from penstock.store.rows import Record
from penstock.store.tables.changes import issue
from penstock.store.tasks import ensure_slots

SHOWN: Final = 20
AT_ONCE: Final = 1_000  # databases that one call adds, or takes away


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a group stands for when an issue is filed."""

    group_id: int
    selector: Selector
    targets: Sequence[TargetDatabase]

    @property
    def columns(self) -> Mapping[str, Any]:
        """What the issue remembers of it."""
        return {"database_group_id": self.group_id, "selector": str(self.selector)}


async def choose(conn: AsyncConnection, project_id: int, slug: str, *, held: bool = False) -> Chosen:
    """The databases that a group of a project selects now.

    Args:
        held: see `issues.targets`; who has all environments held needs it not.

    Raises:
        ValidationFailed: there is no such group, or it selects nothing.
    """
    found = await database_groups.by_slug(conn, project_id, slug)
    if found is None:
        message = f"The project has no database group {slug}."
        raise ValidationFailed(errors=[FieldError("targets.group", message, "unknown_group")], code="unknown_group")
    wanted = selector.parse(found["selector"])
    targets = [t for t, _ in await issues.targets(conn, database_groups.in_group(project_id, wanted), held=held)]
    if not targets:
        message = f"No database of the project meets {wanted}: label some, or change the selector of {slug}."
        raise ValidationFailed(errors=[FieldError("targets.group", message, "no_targets")], code="no_targets")
    return Chosen(found["id"], wanted, targets)


async def shown(conn: AsyncConnection, found: Record) -> Record | None:
    """What an issue's group stands for now, beside what it stood for; None for an issue without a group.

    Args:
        found: the issue's row.
    """
    if found["selector"] is None:
        return None
    group = await _group(conn, found)
    if group is None:
        return {"slug": None, "selector": found["selector"], "joined": 0, "joined_databases": [], "left": 0}
    wanted = selector.parse(group["selector"])
    there = await retargeting.databases(conn, found["pipeline_id"])
    total, first = await database_groups.joined(conn, found["project_id"], wanted, there, SHOWN)
    return {
        "slug": group["slug"],
        "selector": found["selector"],
        "joined": total,
        "joined_databases": [f"{d['instance']}/{d['name']}" for d in first],
        "left": await retargeting.count_outside(
            conn, found["pipeline_id"], database_groups.in_group(found["project_id"], wanted)
        ),
    }


async def _group(conn: AsyncConnection, found: Record) -> Record | None:
    if found["database_group_id"] is None:
        return None
    return await database_groups.by_id(conn, found["database_group_id"])


class GroupTargets:
    """Chooses the databases of issues anew.

    Args:
        looks: into the catalogs of the databases that joined.
    """

    def __init__(self, database: Database, looks: CatalogLooks) -> None:
        self._database = database
        self._looks = looks

    async def resolve_again(self, principal: Principal, issue_id: int) -> None:
        """Add the databases that joined an issue's group since, and take away those that left it and on which nothing
        has started; at most `AT_ONCE` of each, the rest with the next call.

        It is an edit: the stages that change have another digest, and approvals of the old one are stale.

        Raises:
            Conflict: the issue was not filed for a group, or the group is gone.
            InvalidTransition: the issue is not open.
            ValidationFailed: nothing would be left, or the release is not for a database that joined.
        """

        async def work(conn: AsyncConnection) -> int | None:
            found = await issues.by_id(conn, issue_id)
            if found is None or not allowed(principal, "issue.read", found["project_id"]):
                raise NotFound(f"There is no issue {issue_id}.")
            require(principal, "issue.edit", found["project_id"])
            await environments.hold(conn)  # there may be a stage to store, wherever that is; before pipelines
            progress = await Progress.begin(conn, found["pipeline_id"])
            if progress.pipeline.status != "open":
                raise InvalidTransition(
                    f"Issue {issue_id} is {progress.pipeline.status}: only an open one can be edited."
                )
            group = await _group(conn, found)
            if group is None:
                raise Conflict("This issue was not filed for a database group, or the group is gone.")
            chosen = await choose(conn, found["project_id"], group["slug"])
            joined, left = await _retarget(conn, progress, found, chosen.targets)
            if not joined and not left and found["selector"] == str(chosen.selector):
                return None
            await conn.execute(
                sa.update(issue)
                .where(issue.c.id == issue_id)
                .values(
                    **chosen.columns,
                    revision=issue.c.revision + 1,
                    last_editor_id=principal.id,
                    updated_at=sa.func.now(),
                )
            )
            about = {"joined": joined[:100], "left": left[:100]}
            progress.event(events.ISSUE_UPDATED, actor_id=principal.id, fields=["targets"], **about)
            await progress.advance()
            await progress.finish()
            await audit(conn, principal.id, "issue.re_resolve", f"issue:{issue_id}", about)
            return progress.pipeline.id

        changed = await self._database.run(work)
        if changed is not None:
            await self._looks.after_filing(changed)


async def _retarget(
    conn: AsyncConnection, progress: Progress, found: Record, targets: Sequence[TargetDatabase]
) -> tuple[list[str], list[str]]:
    """Returns the names of the databases that were added and taken away."""
    pipeline_id = progress.pipeline.id
    there = await retargeting.databases(conn, pipeline_id)
    joined = [t for t in targets if t.id not in there][:AT_ONCE]
    gone = await retargeting.untouched_outside(conn, pipeline_id, {t.id for t in targets}, AT_ONCE)
    if not joined and not gone:
        return [], []
    await _check(conn, found["release_id"], joined)
    await retargeting.remove(conn, [t.id for t in gone])
    stages = {s.environment_id: s for s in progress.pipeline.stages}
    limits = next(iter(progress.pipeline.stages)).fan_out
    await ensure_slots(conn, filing.slots_of(_task(t, found) for t in joined))
    for place in sorted({t.environment_id for t in joined}):
        tasks = [_task(t, found) for t in joined if t.environment_id == place]
        if place in stages:
            await filing.add_tasks(conn, pipeline_id, stages[place].id, tasks)
        else:
            name = next(t.environment for t in joined if t.environment_id == place)
            new = filing.NewStage(name=name, environment_id=place, tasks=tasks, fan_out=limits)
            await filing.add_stage(conn, pipeline_id, await retargeting.last_position(conn, pipeline_id) + 1, new)
    await retargeting.remove_empty_stages(conn, pipeline_id)
    await retargeting.chain(conn, pipeline_id)
    changed = {t.stage_id for t in gone} | await retargeting.stages_of(conn, pipeline_id, {t.id for t in joined})
    await _digest(conn, changed)
    return [f"{t.instance}/{t.name}" for t in joined], [t.name for t in gone]


async def _check(conn: AsyncConnection, release_id: int, joined: Collection[TargetDatabase]) -> None:
    """Refuse databases that the release is not for."""
    if joined:
        changes = await releases.changes_of(conn, release_id)
        plan([c.engine for c in changes], list(joined))
        await asyncio.to_thread(check_for, {t.engine for t in joined}, changes, "release.changes")


def _task(target: TargetDatabase, found: Record) -> filing.NewTask:
    return filing.NewTask(
        name=f"{target.instance}/{target.name}",
        type=CHANGE,
        instance_id=target.instance_id,
        database_id=target.id,
        release_id=found["release_id"],
        digest=filing.task_digest(CHANGE, found["release_digest"], {}, target),
    )


async def _digest(conn: AsyncConnection, stage_ids: Collection[int]) -> None:
    """Write the digests of stages anew from their tasks', and review them again."""
    for stage_id, digests in (await retargeting.task_digests(conn, stage_ids)).items():
        await retargeting.set_digest(conn, stage_id, digest.of_stage(digests))
        await filing.review_stage(conn, stage_id)
